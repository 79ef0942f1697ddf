/** Where the builds of the kernels come from; types that whoever has no WebAssembly in its libraries can read. */
import type { SimdMode } from '../types.js';

/** The builds of the kernels that there are, and their bytes. */
export interface KernelBuilds {
  readonly modes: readonly SimdMode[];
  read(name: SimdMode | 'probe'): Promise<Uint8Array<ArrayBuffer>>;
}
