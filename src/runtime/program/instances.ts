/** One worker's instances of the kernels, one on each shard, and how its program goes from one to another. */
import { VISIT_COPY_WORDS } from '../../../kernels/program/instructions.js';
import { instantiateKernels, type KernelExports, type Visit } from './kernels.js';

/** What every worker of an engine is given. */
export interface Shared {
  readonly module: WebAssembly.Module;
  /** One for each shard. */
  readonly memories: readonly WebAssembly.Memory[];
  /** Where the control block lies in each of them. */
  readonly control: number;
}

/** By shard; the first leads the others. */
export function instantiateShards(
  { module, memories, control }: Shared,
  worker: number,
): readonly KernelExports[] {
  const words = new Int32Array(memories[0]!.buffer);
  const all: KernelExports[] = [];
  const visit: Visit = (shard, image, copies, workers) => {
    let at = copies >>> 2;
    for (let left = words[at++]!; left > 0; left--, at += VISIT_COPY_WORDS) {
      const rows = words[control / 4 + words[at + 3]!]!;
      const stride = words[at + 2]!;
      const first = Math.floor((rows * worker) / workers);
      const bytes = (Math.floor((rows * (worker + 1)) / workers) - first) * stride;
      const address = (words[at + 1]! >>> 0) + first * stride;
      const from = new Uint8Array(memories[words[at]!]!.buffer, address, bytes);
      new Uint8Array(memories[shard]!.buffer, address, bytes).set(from);
    }
    return image === 0 ? 1 : all[shard]!.resume(image, workers);
  };
  for (const memory of memories) {
    const kernels = instantiateKernels(module, memory, visit);
    kernels.attach(control, worker);
    all.push(kernels);
  }
  return all;
}
