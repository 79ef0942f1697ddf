/** A LoRA adapter as it lies in a GGUF file: two thin matrices for each matrix that it changes. */
import { FormatError, ModelError } from '../../core/errors.js';
import type { GgufFile } from '../gguf.js';
import { dequantize } from '../quantize.js';

/** What is added to a matrix [rows, columns]: b [rows, rank] times a [rank, columns]. */
export interface LowRank {
  /** For messages. */
  readonly what: string;
  /** Which matrix of a stack of experts' is meant; null where there is one. */
  readonly expert: number | null;
  readonly rank: number;
  readonly rows: number;
  readonly columns: number;
  readonly a: Float32Array;
  /** With the adapter's own scale in it. */
  readonly b: Float32Array;
}

export interface Adapter {
  readonly file: string;
  /** By the name of the matrix, as the model's file has it: one, or some of a stack of experts'. */
  readonly pairs: ReadonlyMap<string, readonly LowRank[]>;
}

/** What an adapter has to fit. */
export interface AdapterBase {
  readonly name: string;
  readonly architecture: string;
}

export function otherModel(what: string, given: string, base: AdapterBase): ModelError {
  return new ModelError({
    what,
    given,
    expected: `an adapter for ${base.name}, which is ${base.architecture}`,
    todo: 'Take an adapter that was made for this very model, or load the model that it was made for.',
  });
}

/** A stored half. */
export interface Half {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Two halves as one, times `scale`. Throws FormatError where they do not fit each other. */
export function lowRank(
  what: string,
  a: Half,
  b: Half,
  scale: number,
  expert: number | null = null,
): LowRank {
  const [rank, columns] = a.shape as [number, number];
  const [rows, inner] = b.shape as [number, number];
  if (a.shape.length !== 2 || b.shape.length !== 2 || rank !== inner || rank < 1) {
    throw new FormatError({
      what,
      given: `A [${a.shape.join(', ')}] and B [${b.shape.join(', ')}]`,
      expected: 'A [rank, columns] and B [rows, rank]',
      todo: 'The adapter disagrees with itself: fetch or convert it again.',
    });
  }
  return { what, expert, rank, rows, columns, a: a.values, b: b.values.map((value) => value * scale) };
}

/**
 * The adapter in a GGUF file.
 * @throws FormatError for what is no adapter, ModelError for one of another architecture
 */
export async function readGgufAdapter(file: GgufFile, base: AdapterBase): Promise<Adapter> {
  const { name } = file.source;
  const kind = `${file.optional('general.type', 'string', 'model')} ${file.optional('adapter.type', 'string', '')}`;
  if (kind !== 'adapter lora') {
    throw new FormatError({
      what: `${name}: metadata "general.type" and "adapter.type"`,
      given: kind.trim(),
      expected: 'adapter, lora',
      todo: 'Give a LoRA adapter: a GGUF file made by convert_lora_to_gguf, or a PEFT folder.',
    });
  }
  const architecture = file.require('general.architecture', 'string');
  if (architecture !== base.architecture) {
    const what = `${name}: metadata "general.architecture"`;
    throw otherModel(what, `an adapter for ${architecture}`, base);
  }
  const alpha = file.optional('adapter.lora.alpha', 'number', 0);
  const read = async (tensor: string) => {
    const info = file.requireWeight(tensor);
    const bytes = new Uint8Array(info.byteLength);
    await file.source.read(info.offset, bytes);
    const shape = [...info.dims].reverse();
    // A matrix of one row may be written as a vector.
    return { shape: shape.length === 1 ? [1, ...shape] : shape, values: dequantize(bytes, info.type) };
  };
  const pairs = new Map<string, readonly LowRank[]>();
  for (const tensor of file.tensors.keys()) {
    const stem = /^(.*)\.lora_a$/.exec(tensor)?.[1];
    if (stem === undefined) {
      if (/\.lora_b$/.test(tensor)) continue;
      const given = 'no half of a low-rank matrix';
      throw otherModel(`${name}: tensor "${tensor}"`, given, base);
    }
    const [a, b] = [await read(tensor), await read(`${stem}.lora_b`)];
    const what = `${name}: "${stem}"`;
    const scale = alpha === 0 ? 1 : alpha / a.shape.at(-2)!;
    pairs.set(
      stem,
      a.shape.length === 3
        ? stacked(a).map((low, expert) => lowRank(what, low, stacked(b)[expert] ?? none, scale, expert))
        : [lowRank(what, a, b, scale)],
    );
  }
  return { file: name, pairs };
}

/** What is missing where halves have different numbers of experts. */
const none: Half = { shape: [], values: new Float32Array(0) };

/** The matrices of a stack. */
function stacked({ shape, values }: Half): Half[] {
  const [count = 0, ...own] = shape;
  const size = values.length / count;
  return Array.from({ length: count }, (_, i) => ({
    shape: own,
    values: values.subarray(i * size, (i + 1) * size),
  }));
}
