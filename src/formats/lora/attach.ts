/** Adapters beside a model's weights: as stacks that its ops read by choice, or added to the matrices themselves. */
import { adaptable, highTensor, lowTensor, stackSize, withAdapters } from '../../../models/adapters.js';
import { FormatError } from '../../core/errors.js';
import { GgufFile, type TensorInfo, type WeightInfo } from '../gguf-file.js';
import { joinSources } from '../gguf-parts.js';
import type { StoredModel } from '../model-file.js';
import { dequantize, isQuantizable, quantize } from '../quantize.js';
import { type ByteSource, bytesSource } from '../source.js';
import type { WeightType } from '../tensor-types.js';
import { type Adapter, type AdapterBase, type LowRank, otherModel } from './adapter.js';

/** Adapters that work together, each with its weight. */
export type Choice = readonly { readonly adapter: Adapter; readonly scale: number }[];

/** A model and where its tensors lie. */
export interface Adapted {
  readonly file: GgufFile;
  readonly stored: StoredModel;
}

/** What a choice adds to a matrix; each part with the choice's scale. */
function partsOf(choice: Choice, matrix: string): { pair: LowRank; scale: number }[] {
  return choice.flatMap(({ adapter, scale }) =>
    (adapter.pairs.get(matrix) ?? []).map((pair) => ({ pair, scale })),
  );
}

/** @throws ModelError where an adapter changes what the model does not have, or has in another shape */
function checkFit({ stored }: Adapted, { file, pairs }: Adapter, base: AdapterBase): void {
  const products = adaptable(stored.model.ops);
  if (pairs.size === 0) throw otherModel(file, 'an adapter that changes nothing', base);
  for (const [matrix, parts] of pairs) {
    const info = stored.tensors.get(matrix);
    for (const { what, rows, columns, expert } of parts) {
      if (info === undefined) throw otherModel(what, 'a matrix that the model does not have', base);
      if (!products.has(matrix)) {
        const given = 'a change of a matrix that is not multiplied with as a whole';
        throw otherModel(what, given, { ...base, name: `${base.name}'s plain products` });
      }
      const [width, height = 1, experts] = info.dims;
      const isThere = experts === undefined ? expert === null : expert !== null && expert < experts;
      if (width === columns && height === rows && isThere) continue;
      const of = expert === null ? '' : ` as expert ${expert}`;
      const stored = [...info.dims].reverse().join(', ');
      throw otherModel(what, `a change of [${rows}, ${columns}]${of} to a matrix of [${stored}]`, base);
    }
  }
}

/** Choice 0 of the model is none; `choices` follow. */
export function attachAdapters(to: Adapted, choices: readonly Choice[], base: AdapterBase): Adapted {
  const all = new Set(choices.flat().map(({ adapter }) => adapter));
  for (const adapter of all) checkFit(to, adapter, base);
  const matrices = new Set([...all].flatMap(({ pairs }) => [...pairs.keys()]));
  const stacks: { name: string; dims: readonly number[]; values: Float32Array }[] = [];
  const ranks = new Map<string, number>();
  for (const matrix of matrices) {
    const parts = choices.map((choice) => partsOf(choice, matrix));
    const [columns, rows = 1, experts] = to.stored.tensors.get(matrix)!.dims as [number, number?, number?];
    const all = parts.flatMap((own) => byExpert(own, experts ?? 1));
    const rank = Math.max(...all.map((own) => own.reduce((sum, { pair }) => sum + pair.rank, 0)));
    const count = stackSize(experts ?? 1, choices.length + 1);
    const low = new Float32Array(count * rank * columns);
    const high = new Float32Array(count * rows * rank);
    for (const [i, own] of all.entries()) {
      let first = 0;
      for (const { pair, scale } of own) {
        low.set(pair.a, ((i + 1) * rank + first) * columns);
        for (let row = 0; row < rows; row++) {
          for (let r = 0; r < pair.rank; r++)
            high[((i + 1) * rows + row) * rank + first + r] = scale * pair.b[row * pair.rank + r]!;
        }
        first += pair.rank;
      }
    }
    ranks.set(matrix, rank);
    stacks.push({ name: lowTensor(matrix), dims: [columns, rank, count], values: low });
    stacks.push({ name: highTensor(matrix), dims: [rank, rows, count], values: high });
  }
  const { model } = to.stored;
  const { ops, tables } = withAdapters(model.ops, { choices: choices.length + 1, ranks });
  for (const [name, rows] of tables)
    stacks.push({ name, dims: [rows[0]!.length, rows.length], values: Float32Array.from(rows.flat()) });
  const added = stacks.map(({ name, dims, values }) => {
    const bytes = new Uint8Array(values.buffer);
    return { name, dims, type: 'F32' as const, bytes: bytes.byteLength, make: () => Promise.resolve(bytes) };
  });
  return behind(to, added, { ...model, ops });
}

/** Of each of `count` experts what is added to its matrix. */
function byExpert<T extends { readonly pair: LowRank }>(parts: readonly T[], count: number): T[][] {
  const all = Array.from({ length: count }, (): T[] => []);
  for (const part of parts) all[part.pair.expert ?? 0]!.push(part);
  return all;
}

/** The model with a choice in its matrices, which keep their types where those can be written, and become F16 else. */
export function mergeAdapters(to: Adapted, choice: Choice, base: AdapterBase): Adapted {
  for (const { adapter } of choice) checkFit(to, adapter, base);
  const matrices = new Set(choice.flatMap(({ adapter }) => [...adapter.pairs.keys()]));
  const added = [...matrices].map((matrix) => {
    const info = to.stored.tensors.get(matrix)!;
    const type: WeightType = isQuantizable(info.type) ? info.type : 'F16';
    const { elements, dims } = info;
    const bytes = type === info.type ? info.byteLength : 2 * elements;
    const make = async (): Promise<Uint8Array> => {
      const stored = new Uint8Array(info.byteLength);
      await to.file.source.read(info.offset, stored);
      const values = Float32Array.from(dequantize(stored, info.type));
      for (const { pair, scale } of partsOf(choice, matrix)) addProduct(values, pair, scale);
      return quantize(values, type);
    };
    return { name: matrix, dims, type, bytes, make };
  });
  return behind(to, added, to.stored.model);
}

/** values [rows, columns] += scale * b a, of the expert's matrix where there are several. */
function addProduct(all: Float32Array, { expert, rank, rows, columns, a, b }: LowRank, scale: number): void {
  const values = all.subarray((expert ?? 0) * rows * columns);
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const weight = scale * b[row * rank + r]!;
      for (let c = 0; c < columns; c++) sums[c]! += weight * a[r * columns + c]!;
    }
    for (let c = 0; c < columns; c++) values[row * columns + c]! += sums[c]!;
  }
}

interface Made {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: WeightType;
  readonly bytes: number;
  readonly make: () => Promise<Uint8Array>;
}

/** The file with tensors that are made when they are read, in place of those of the same name. */
function behind({ file, stored }: Adapted, made: readonly Made[], model: StoredModel['model']): Adapted {
  const sources = [file.source, ...made.map((tensor) => lazy(file.source.name, tensor))];
  const { source, starts } = joinSources(sources);
  const infos = made.map(({ name, dims, type, bytes }, i): WeightInfo => {
    const elements = dims.reduce((a, b) => a * b, 1);
    return { name, type, dims, elements, offset: starts[i + 1]!, byteLength: bytes };
  });
  const with_ = <T extends TensorInfo>(tensors: ReadonlyMap<string, T>): Map<string, T | WeightInfo> =>
    new Map<string, T | WeightInfo>([...tensors, ...infos.map((info) => [info.name, info] as const)]);
  const whole = new GgufFile(source, file.version, file.metadata, with_(file.tensors));
  return { file: whole, stored: { model, tensors: with_(stored.tensors) } };
}

/** Bytes that are made at the first read, and kept until the last of them is read. */
function lazy(name: string, { bytes, make, name: tensor }: Made): ByteSource {
  let held: Promise<Uint8Array> | null = null;
  return {
    name,
    byteLength: bytes,
    async read(offset, target) {
      held ??= make();
      const all = await held;
      if (all.byteLength !== bytes) {
        throw new FormatError({
          what: `${name}: tensor "${tensor}"`,
          given: `${all.byteLength} bytes`,
          expected: `${bytes}`,
          todo: 'This is a fault of the program: please report it.',
        });
      }
      await bytesSource(all, name).read(offset, target);
      if (offset + target.byteLength === bytes) held = null;
    },
  };
}
