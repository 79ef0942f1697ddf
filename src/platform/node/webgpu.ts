/** WebGPU in Node, from the package `webgpu` (Dawn), where there is a driver for it. */

/** What of the package and of WebGPU is used here. */
interface Adapter {
  readonly info?: { readonly vendor?: string; readonly description?: string; readonly device?: string };
}
interface Gpu {
  requestAdapter(): Promise<Adapter | null>;
}
interface Dawn {
  create(flags: readonly string[]): Gpu;
  readonly globals: object;
}

export interface NodeWebGpu {
  /** The adapter, for people; null where there is none. */
  readonly adapter: string | null;
  /** Why there is none. */
  readonly reason: string;
  /** Takes WebGPU away again: while it is there the process does not end. */
  release(): void;
}

/**
 * Puts `navigator.gpu` in place if an adapter answers. `flags` are Dawn's own, such as `backend=vulkan`; default: those
 * in WAFERFLOW_WEBGPU, separated by spaces.
 */
export async function provideWebGpu(
  flags: readonly string[] = (process.env.WAFERFLOW_WEBGPU ?? '').split(' ').filter(Boolean),
): Promise<NodeWebGpu> {
  const none = (reason: string): NodeWebGpu => ({ adapter: null, reason, release: () => undefined });
  let dawn: Dawn;
  try {
    // By a name that the compiler does not look up: gpu.js brings the package along.
    const name = 'webgpu';
    dawn = (await import(name)) as Dawn;
  } catch (error) {
    return none(`the package webgpu does not load here: ${firstLine(error)}`);
  }
  let gpu: Gpu;
  let adapter: Adapter | null;
  try {
    gpu = dawn.create(flags);
    adapter = await gpu.requestAdapter();
  } catch (error) {
    return none(`WebGPU has no adapter here: ${firstLine(error)}`);
  }
  if (adapter === null) return none('WebGPU has no adapter here');
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const { hardwareConcurrency = undefined } = globalThis.navigator ?? {};
  Object.assign(globalThis, dawn.globals);
  const value = hardwareConcurrency === undefined ? { gpu } : { gpu, hardwareConcurrency };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
  const { vendor, description, device } = adapter.info ?? {};
  return {
    adapter: [vendor, description || device].filter(Boolean).join(' ') || 'unnamed',
    reason: '',
    release: () => {
      if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
      else Object.defineProperty(globalThis, 'navigator', before);
    },
  };
}

function firstLine(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
  return line.replace(/ \(required by .*$/, '');
}
