/**
 * Streams a file's weights into the engine's memory: a chunk of rows at a time goes from the source into a staging
 * buffer and is packed from there, so that the whole file is never a JavaScript buffer.
 */
import { EngineError, FormatError } from '../../core/errors.js';
import type { WeightInfo } from '../../formats/gguf.js';
import { dequantize } from '../../formats/quantize.js';
import type { ByteSource } from '../../formats/source.js';
import { tensorType, type WeightType } from '../../formats/tensor-types.js';
import type { LoadProgress } from '../types.js';
import type { KernelExports } from './kernels.js';
import { groupRows, kernelType, type Layout, type PackedWeight } from './layout.js';

export interface WeightLoad {
  readonly source: ByteSource;
  readonly memory: WebAssembly.Memory;
  readonly kernels: KernelExports;
  readonly layout: Layout;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Fills all weights and norms of the layout. @throws FormatError if the source ends early, the signal's reason. */
export async function loadWeights(load: WeightLoad): Promise<void> {
  const { layout, source, memory } = load;
  const all = [...layout.weights.values(), ...layout.norms.values()];
  const totalBytes = all.reduce((sum, { info }) => sum + info.byteLength, 0);
  let loadedBytes = 0;
  const loaded = (bytes: number): void => {
    loadedBytes += bytes;
    load.onProgress?.({ loadedBytes, totalBytes });
    load.signal?.throwIfAborted();
  };
  for (const { info, address } of layout.norms.values()) {
    const values = await readFloats(source, info);
    new Float32Array(memory.buffer, address, values.length).set(values);
    loaded(info.byteLength);
  }
  for (const weight of layout.weights.values()) await loadMatrix(load, weight, loaded);
}

/** A small tensor as f32. */
export async function readFloats(source: ByteSource, info: WeightInfo): Promise<Float32Array> {
  const bytes = new Uint8Array(info.byteLength);
  await source.read(info.offset, bytes);
  return dequantize(bytes, info.type);
}

async function loadMatrix(
  { source, memory, kernels, layout }: WeightLoad,
  { info, address, rows, columns }: PackedWeight,
  loaded: (bytes: number) => void,
): Promise<void> {
  const rowBytes = info.byteLength / rows;
  const groupBytes = kernels.groupBytes(kernelType[info.type], columns);
  const pack = packer(kernels, info.type, columns);
  const chunkRows = Math.max(1, Math.floor(layout.stagingBytes / rowBytes / groupRows)) * groupRows;
  for (let row = 0; row < rows; row += chunkRows) {
    const count = Math.min(chunkRows, rows - row);
    const bytes = count * rowBytes;
    await source.read(info.offset + row * rowBytes, new Uint8Array(memory.buffer, layout.staging, bytes));
    if (info.type === 'F16')
      requireFinite(source, info, new Uint16Array(memory.buffer, layout.staging, bytes / 2));
    for (let r = 0; r < count; r += groupRows) {
      const target = address + ((row + r) / groupRows) * groupBytes;
      pack(layout.staging + r * rowBytes, rowBytes, Math.min(groupRows, count - r), target);
    }
    loaded(bytes);
  }
}

/** The kernels' fast load takes halves for finite ones; an infinity or NaN would come out as a number. */
function requireFinite(source: ByteSource, info: WeightInfo, halves: Uint16Array): void {
  const exponent = 0x7c00;
  const wrong = halves.find((half) => (half & exponent) === exponent);
  if (wrong === undefined) return;
  throw new FormatError({
    what: `${source.name}: tensor "${info.name}"`,
    given: (wrong & 0x3ff) === 0 ? 'an infinite weight' : 'a weight that is not a number',
    expected: 'finite weights',
    todo: 'The file is damaged, or its model overflowed when it was converted to F16: take another one.',
  });
}

type Pack = (src: number, rowBytes: number, rows: number, dst: number) => void;

function packer(kernels: KernelExports, type: WeightType, columns: number): Pack {
  const blocks = columns / tensorType(type).blockElements;
  switch (type) {
    case 'Q8_0':
      return (src, rowBytes, rows, dst) => kernels.packQ8_0(src, rowBytes, rows, blocks, dst);
    case 'Q4_0':
      return (src, rowBytes, rows, dst) => kernels.packQ4_0(src, rowBytes, rows, blocks, dst);
    case 'F16':
    case 'BF16':
      return (src, rowBytes, rows, dst) => kernels.pack16(src, rowBytes, rows, columns, dst);
    case 'F32':
      return (src, rowBytes, rows, dst) => kernels.pack32(src, rowBytes, rows, columns, dst);
  }
}

/**
 * The memory of an engine; shared, so that all workers see it, unless there is only one.
 * @throws EngineError if the machine does not give it
 */
export function allocate(bytes: number, isShared: boolean): WebAssembly.Memory {
  const pages = Math.ceil(bytes / 65536);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: isShared });
  } catch (cause) {
    throw new EngineError(
      {
        what: 'memory',
        given: `no ${pages * 64} KiB of ${isShared ? 'shared ' : ''}memory`,
        expected: `${pages * 64} KiB for weights, KV cache and activations`,
        todo: 'Close other programs, choose a smaller model or a shorter context.',
      },
      { cause },
    );
  }
}
