/**
 * Streams a file's weights into the engine's memory: a chunk of rows at a time goes from the source into a staging
 * buffer and is packed from there, so that the whole file is never a JavaScript buffer.
 */

import type { WeightRef } from '../../../models/op.js';
import { EngineError, FormatError } from '../../core/errors.js';
import type { WeightInfo } from '../../formats/gguf.js';
import { dequantize } from '../../formats/quantize.js';
import type { ByteSource } from '../../formats/source.js';
import { tensorType } from '../../formats/tensor-types.js';
import type { LoadProgress } from '../types.js';
import { groupRows } from './frame.js';
import type { KernelExports } from './kernels.js';
import { packerOf } from './pack.js';
import type { Layout, PackedWeight } from './shard.js';

/** A shard of the engine that is to be filled. */
export interface LoadTarget {
  readonly memory: WebAssembly.Memory;
  readonly kernels: KernelExports;
  readonly layout: Layout;
}

export interface WeightLoad {
  readonly source: ByteSource;
  readonly targets: readonly LoadTarget[];
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Fills all weights of the layouts. @throws FormatError if the source ends early, the signal's reason. */
export async function loadWeights({ source, targets, onProgress, signal }: WeightLoad): Promise<void> {
  const parts = targets.flatMap(({ layout }) => [...layout.weights.values(), ...layout.vectors.values()]);
  const totalBytes = parts.reduce((sum, part) => sum + storedBytes(part), 0);
  let loadedBytes = 0;
  const loaded = (bytes: number): void => {
    loadedBytes += bytes;
    onProgress?.({ loadedBytes, totalBytes });
    signal?.throwIfAborted();
  };
  for (const target of targets) {
    for (const part of target.layout.vectors.values()) {
      const values = await readVector(source, part);
      new Float32Array(target.memory.buffer, part.address, values.length).set(values);
      loaded(storedBytes(part));
    }
    for (const weight of target.layout.weights.values()) await loadMatrix(source, target, weight, loaded);
  }
}

/** Bytes of the rows that are read. */
function storedBytes({ ref, info }: { readonly ref: WeightRef; readonly info: WeightInfo }): number {
  if (!ref.rows) return info.byteLength;
  const rows = ref.shape.length === 3 ? ref.shape[1]! : ref.shape[0]!;
  return (info.byteLength * ref.rows.groups * ref.rows.count) / rows;
}

/** Runs of consecutive rows of a matrix of `rows` rows that a reference means. */
function runsOf({ rows: part }: WeightRef, rows: number): { first: number; count: number }[] {
  if (!part) return [{ first: 0, count: rows }];
  const step = rows / part.groups;
  return Array.from({ length: part.groups }, (_, group) => ({
    first: group * step + part.first,
    count: part.count,
  }));
}

/** A small tensor, or its rows that are meant, as f32. */
export async function readVector(
  source: ByteSource,
  { ref, info }: { readonly ref: WeightRef; readonly info: WeightInfo },
): Promise<Float32Array> {
  const bytes = new Uint8Array(info.byteLength);
  await source.read(info.offset, bytes);
  let values = dequantize(bytes, info.type);
  if (ref.rows) {
    const rows = ref.shape[0]!;
    const width = values.length / rows;
    const parts = runsOf(ref, rows).map(({ first, count }) =>
      values.subarray(first * width, (first + count) * width),
    );
    values = Float32Array.from(parts.flatMap((part) => [...part]));
  }
  const { plus = 0, isInverse } = ref;
  return plus || isInverse ? values.map((value) => (isInverse ? 1 / value : value) + plus) : values;
}

async function loadMatrix(
  source: ByteSource,
  { memory, kernels, layout }: LoadTarget,
  { ref, info, address, matrices, rows, columns, stride }: PackedWeight,
  loaded: (bytes: number) => void,
): Promise<void> {
  const rowBytes = (info.byteLength * columns) / info.elements;
  const storedRows = info.elements / columns / matrices;
  const groupBytes = kernels.groupBytes(tensorType(info.type).id, columns);
  const pack = packerOf(kernels, memory, info.type, columns);
  const chunkRows = Math.max(1, Math.floor(layout.stagingBytes / rowBytes / groupRows)) * groupRows;
  /** Rows in staging, and how many of the matrix are packed. */
  let staged = 0;
  let packed = 0;
  const flush = (matrix: number): void => {
    const bytes = staged * rowBytes;
    if (info.type === 'F16')
      requireFinite(source, info, new Uint16Array(memory.buffer, layout.staging, bytes / 2));
    for (let r = 0; r < staged; r += groupRows) {
      const target = address + matrix * stride + ((packed + r) / groupRows) * groupBytes;
      const present = Math.min(groupRows, staged - r);
      pack(layout.staging + r * rowBytes, rowBytes, present, target);
    }
    packed += staged;
    staged = 0;
    loaded(bytes);
  };
  for (let matrix = 0; matrix < matrices; matrix++) {
    packed = 0;
    for (const { first, count } of runsOf(ref, storedRows)) {
      for (let row = 0; row < count; ) {
        const some = Math.min(chunkRows - staged, count - row);
        const from = info.offset + (matrix * storedRows + first + row) * rowBytes;
        const target = layout.staging + staged * rowBytes;
        await source.read(from, new Uint8Array(memory.buffer, target, some * rowBytes));
        staged += some;
        row += some;
        if (staged === chunkRows) flush(matrix);
      }
    }
    if (staged > 0) flush(matrix);
    if (packed !== rows) throw new Error(`${packed} rows of ${rows}`);
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
