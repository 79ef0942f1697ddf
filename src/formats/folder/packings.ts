/**
 * Weights of few bits as folders have them: float8 with scales (DeepSeek, compressed-tensors), AWQ, GPTQ, MLX and
 * compressed-tensors' packed integers, and MXFP4. All but the last, which GGUF has too, are decoded row by row to halves.
 */
import { FormatError } from '../../core/errors.js';
import { decoded, type Matrix } from '../matrix.js';
import { dequantize } from '../quantize.js';
import type { FolderConfig, Json } from './config.js';
import type { StoredTensor } from './safetensors.js';

/** The tensors that make up one weight. */
export interface Parts {
  readonly config: FolderConfig;
  /** `quantization_config`. */
  readonly settings: Json;
  /** Another tensor of the same weight, which has no use of its own then. */
  get(ending: string): StoredTensor | undefined;
}

export interface Packing {
  /** How the name ends of a tensor that only this packing has. */
  readonly ending: string;
  /** How the name ends of what it stands for. */
  readonly gives: string;
  /** Null where it is something else. */
  readonly decode: (parts: Parts) => Matrix | null;
}

/** For messages: file and tensor. */
export function nameOf({ source, name }: StoredTensor): string {
  return `${source.name}: tensor "${name}"`;
}

function wrong(tensor: StoredTensor, expected: string): FormatError {
  return new FormatError({
    what: nameOf(tensor),
    given: `${tensor.dtype} of [${tensor.shape.join(', ')}]`,
    expected,
    todo: 'The files of the folder disagree: fetch it again.',
  });
}

async function bytesOf(
  tensor: StoredTensor,
  from = 0,
  length = tensor.byteLength,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await tensor.source.read(tensor.offset + from, bytes);
  return bytes;
}

/** All values of a small tensor of floats. */
async function floatsOf(tensor: StoredTensor): Promise<Float32Array> {
  const { dtype } = tensor;
  if (dtype === 'F8_E4M3' || dtype === 'F8_E5M2')
    return Float32Array.from(await bytesOf(tensor), (code) => eight[dtype]![code]!);
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
    throw wrong(tensor, 'scales in F32, F16 or BF16');
  return dequantize(await bytesOf(tensor), dtype);
}

/** A value that is worked out once it is needed, and again after a failure. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = undefined;
      throw thrown;
    });
    return made;
  };
}

/** Floats of one byte with so many bits of fraction. */
function eightBits(fractionBits: number, hasInfinity: boolean): Float32Array {
  const bias = 2 ** (6 - fractionBits) - 1;
  return Float32Array.from({ length: 256 }, (_, code) => {
    const sign = code & 0x80 ? -1 : 1;
    const exponent = (code & 0x7f) >> fractionBits;
    const fraction = (code & ((1 << fractionBits) - 1)) / (1 << fractionBits);
    const isTop = exponent === (1 << (7 - fractionBits)) - 1;
    if (isTop && hasInfinity) return fraction ? Number.NaN : sign * Infinity;
    if ((code & 0x7f) === 0x7f) return Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  });
}
const eight: Readonly<Record<string, Float32Array>> = {
  F8_E4M3: eightBits(3, false),
  F8_E5M2: eightBits(2, true),
};

/** Floats of one byte without a scale. */
export function floatEight(tensor: StoredTensor): Matrix {
  const table = eight[tensor.dtype]!;
  return decoded({ what: nameOf(tensor), shape: tensor.shape }, 'BF16', async (row, values) => {
    const codes = await bytesOf(tensor, row * tensor.shape.at(-1)!, values.length);
    for (let i = 0; i < values.length; i++) values[i] = table[codes[i]!]!;
  });
}

/** Floats of one byte, with a scale for all, for each row, or for blocks of rows and columns. */
export function scaledFloats(tensor: StoredTensor, parts: Parts): Matrix {
  const scale = parts.get('.weight_scale_inv') ?? parts.get('.weight_scale');
  if (!scale) return floatEight(tensor);
  const [rows, columns] = tensor.shape as [number, number];
  if (tensor.shape.length !== 2) throw wrong(tensor, 'a matrix');
  const scales = scale.shape.reduce((a, b) => a * b, 1);
  const block = blockOf(parts, scale, rows, columns);
  const [down, across] = block;
  const perRow = Math.ceil(columns / across);
  if (scales !== Math.ceil(rows / down) * perRow)
    throw wrong(scale, `scales for blocks of ${down} x ${across} of [${rows}, ${columns}]`);
  const load = lazily(() => floatsOf(scale));
  const table = eight[tensor.dtype]!;
  return decoded({ what: nameOf(tensor), shape: tensor.shape }, 'BF16', async (row, values) => {
    const codes = await bytesOf(tensor, row * columns, values.length);
    const all = await load();
    for (let i = 0; i < values.length; i++) {
      const column = i % columns;
      const at = Math.floor((row + (i - column) / columns) / down) * perRow + Math.floor(column / across);
      values[i] = table[codes[i]!]! * all[at]!;
    }
  });
}

/** Rows and columns that share a scale. */
function blockOf(
  { settings }: Parts,
  scale: StoredTensor,
  rows: number,
  columns: number,
): readonly [number, number] {
  const count = scale.shape.reduce((a, b) => a * b, 1);
  if (count === 1) return [rows, columns];
  if (count === rows && (scale.shape.length === 1 || scale.shape[1] === 1)) return [1, columns];
  const said = settings.weight_block_size;
  if (
    Array.isArray(said) &&
    said.length === 2 &&
    said.every((size) => Number.isSafeInteger(size) && size > 0)
  )
    return said as unknown as [number, number];
  if (scale.shape.length === 2 && scale.shape[0] === rows) return [1, columns / scale.shape[1]!];
  return [128, 128];
}

async function wordsOf(tensor: StoredTensor): Promise<Uint32Array> {
  if (!['I32', 'U32'].includes(tensor.dtype)) throw wrong(tensor, 'words of 32 bits');
  return new Uint32Array((await bytesOf(tensor)).buffer);
}

function bitsOf({ settings, config }: Parts, fallback = 4): number {
  const bits = settings.bits ?? settings.w_bit ?? fallback;
  if (bits === 2 || bits === 4 || bits === 8) return bits;
  throw config.wrong('quantization_config.bits', bits, '2, 4 or 8');
}

const sameSize = (tensor: StoredTensor, ...shape: readonly number[]): void => {
  if (String(tensor.shape) !== String(shape)) throw wrong(tensor, `[${shape.join(', ')}]`);
};

/** Places of AWQ's columns in a word of eight. */
const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7];

/** [in, out / 8] words of eight columns in AWQ's order, or GPTQ's [in / 8, out] of eight rows. */
function gemmCodes(parts: Parts): Matrix | null {
  const codes = parts.get('.qweight');
  const zeros = parts.get('.qzeros');
  const scales = parts.get('.scales');
  if (!codes || !scales) return null;
  const isAwq = parts.settings.quant_method === 'awq';
  const bits = bitsOf(parts);
  const per = 32 / bits;
  if (isAwq && bits !== 4) throw parts.config.wrong('quantization_config.bits', bits, '4');
  const [groups, columns] = scales.shape as [number, number];
  const rows = isAwq ? codes.shape[0]! : codes.shape[0]! * per;
  sameSize(codes, isAwq ? rows : rows / per, isAwq ? columns / per : columns);
  if (zeros) sameSize(zeros, groups, columns / per);
  const order = parts.get('.g_idx');
  const size = Math.ceil(rows / groups);
  const mask = 2 ** bits - 1;
  // GPTQ's first form keeps zeros less one.
  const plus = isAwq || parts.settings.checkpoint_format === 'gptq_v2' ? 0 : 1;
  const symmetric = 2 ** (bits - 1);
  const perRow = columns / per;
  const read = async () => ({
    words: await wordsOf(codes),
    scale: await floatsOf(scales),
    zero: zeros && (await wordsOf(zeros)),
    groupOf: order && (await wordsOf(order)),
  });
  let kept: Awaited<ReturnType<typeof read>> | null = null;
  const type = scales.dtype === 'BF16' ? 'BF16' : 'F16';
  return decoded({ what: nameOf(codes), shape: [columns, rows] }, type, async (row, values) => {
    kept ??= await read();
    const { words, scale, zero, groupOf } = kept;
    const outs = values.length / rows;
    // The last row is read: the next weight will want the memory.
    if (row + outs >= columns) kept = null;
    for (let at = 0; at < rows; at++) {
      const group = groupOf ? groupOf[at]! : Math.floor(at / size);
      const start = isAwq ? at * perRow : Math.floor(at / per) * columns;
      for (let i = 0; i < outs; i++) {
        const out = row + i;
        const inWord = isAwq ? awqPlaces[out % per]! : out % per;
        const word = words[start + (isAwq ? Math.floor(out / per) : out)]!;
        const code = (word >>> (bits * (isAwq ? inWord : at % per))) & mask;
        const base = zero
          ? ((zero[group * perRow + Math.floor(out / per)]! >>> (bits * inWord)) & mask) + plus
          : symmetric;
        values[i * rows + at] = (code - base) * scale[group * columns + out]!;
      }
    }
  });
}

/** [out, in / 8] words along the columns, with scales and biases (MLX) or scales and zeros (compressed-tensors). */
function rowCodes(
  codes: StoredTensor,
  scales: StoredTensor,
  bits: number,
  offset: number,
  biases?: StoredTensor,
): Matrix {
  const per = 32 / bits;
  const [rows, words] = codes.shape as [number, number];
  const columns = words * per;
  const perRow = scales.shape[1]!;
  if (scales.shape[0] !== rows || columns % perRow !== 0)
    throw wrong(scales, `[${rows}, groups of ${columns} columns]`);
  if (biases) sameSize(biases, rows, perRow);
  const size = columns / perRow;
  const load = lazily(async () => ({
    scale: await floatsOf(scales),
    bias: biases && (await floatsOf(biases)),
  }));
  const type = scales.dtype === 'BF16' ? 'BF16' : 'F16';
  if (!['I32', 'U32'].includes(codes.dtype)) throw wrong(codes, 'words of 32 bits');
  return decoded({ what: nameOf(codes), shape: [rows, columns] }, type, async (row, values) => {
    const { scale, bias } = await load();
    const bytes = await bytesOf(codes, 4 * row * words, (values.length * bits) / 8);
    const read = new Uint32Array(bytes.buffer);
    for (let i = 0; i < values.length; i++) {
      const code = (read[Math.floor(i / per)]! >>> ((i % per) * bits)) & (2 ** bits - 1);
      const at = row * perRow + Math.floor(i / size);
      values[i] = (code - offset) * scale[at]! + (bias ? bias[at]! : 0);
    }
  });
}

/** Blocks of 32 four-bit floats and an exponent, as GGUF has them but for the order of halves of bytes. */
function mxfp4(parts: Parts): Matrix | null {
  const blocks = parts.get('_blocks');
  const scales = parts.get('_scales');
  if (!blocks || !scales) return null;
  const perRow = blocks.shape.at(-2)!;
  const shape = [...blocks.shape.slice(0, -2), perRow * 32];
  if (blocks.shape.at(-1) !== 16 || blocks.dtype !== 'U8') throw wrong(blocks, 'blocks of 16 bytes');
  sameSize(scales, ...blocks.shape.slice(0, -1));
  return {
    what: nameOf(blocks),
    type: 'MXFP4',
    shape,
    async read(row, target) {
      const count = target.length / 17;
      const codes = await bytesOf(blocks, row * perRow * 16, count * 16);
      const exponents = await bytesOf(scales, row * perRow, count);
      const nibble = (block: number, i: number): number =>
        (codes[block * 16 + (i >> 1)]! >> (4 * (i & 1))) & 15;
      for (let block = 0; block < count; block++) {
        target[block * 17] = exponents[block]!;
        for (let i = 0; i < 16; i++)
          target[block * 17 + 1 + i] = nibble(block, i) | (nibble(block, i + 16) << 4);
      }
    },
  };
}

export const packings: readonly Packing[] = [
  { ending: '.qweight', gives: '.weight', decode: gemmCodes },
  { ending: '_blocks', gives: '_blocks', decode: mxfp4 },
  {
    // MLX: words under the weight's own name.
    ending: '.biases',
    gives: '.weight',
    decode: (parts) => {
      const [codes, scales, biases] = [parts.get('.weight'), parts.get('.scales'), parts.get('.biases')];
      return codes && scales && biases ? rowCodes(codes, scales, bitsOf(parts), 0, biases) : null;
    },
  },
  {
    ending: '.weight_packed',
    gives: '.weight',
    decode: (parts) => {
      const [codes, scales] = [parts.get('.weight_packed'), parts.get('.weight_scale')];
      if (!codes || !scales) return null;
      const zeros = parts.get('.weight_zero_point');
      if (zeros) throw wrong(zeros, 'codes around zero');
      // Eight words' worth of columns may be more than there are groups for.
      return rowCodes(codes, scales, packedBits(parts), 2 ** (packedBits(parts) - 1));
    },
  },
];

/** Bits of compressed-tensors, whose settings lie in groups. */
function packedBits({ settings, config }: Parts): number {
  const groups = Object.values((settings.config_groups ?? {}) as Json) as {
    weights?: { num_bits?: unknown };
  }[];
  const bits = groups[0]?.weights?.num_bits ?? 4;
  if (bits === 4 || bits === 8) return bits;
  throw config.wrong('quantization_config.config_groups', bits, '4 or 8 bits');
}
