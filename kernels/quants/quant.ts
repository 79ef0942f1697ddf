/** What a quantisation says of itself: types, sizes, codecs, packed layouts and costs follow from it. */

/** Writes one block, `x[start, start + block)`, at `offset` of the view. */
export type PackBlock = (x: Float32Array, start: number, view: DataView, offset: number) => void;

/** A type of single values, whose products take f32 activations. */
export interface FloatQuant {
  /** ggml's number of the type, in files and in program images. */
  readonly id: number;
  readonly block: 1;
  /** Bytes of a block in a file. */
  readonly bytes: number;
  readonly pack: PackBlock;
  /** The value at `offset`. */
  read(view: DataView, offset: number): number;
}

/**
 * A type of blocks, whose products take int8 activations. A block is an f32 scale and perhaps a min, and per span of
 * columns an integer scale and an integer min; an element is (scale * spanScale) * value of its code - (min * spanMin), each operation
 * rounded to f32 (the products of scales are exact), which gives the bits of ggml's reference.
 */
export interface BlockQuant {
  /** ggml's number of the type, in files and in program images. */
  readonly id: number;
  /** Elements of a block, and its bytes in a file. */
  readonly block: number;
  readonly bytes: number;
  /** Columns that a product scales at once. */
  readonly span: 16 | 32;
  /** Bits of a code as kernels read it, packed. */
  readonly bits: 1 | 2 | 4 | 5 | 6 | 8;
  /** Whether every span has an integer scale of its own. */
  readonly hasScales: boolean;
  readonly hasMins: boolean;
  /** What a code stands for: its entry of a table, or itself less an offset. */
  readonly codes: readonly number[] | { readonly offset: number };
  /** Null where files of the type are only read. */
  readonly pack: PackBlock | null;
  /** Reads the block at `offset` of the view. */
  decode(view: DataView, offset: number, into: Block): void;
}

export type Quant = FloatQuant | BlockQuant;

/** A decoded block; spans without a scale or min of their own have 1. */
export interface Block {
  scale: number;
  min: number;
  readonly scales: Int8Array;
  readonly mins: Uint8Array;
  readonly codes: Uint8Array;
}

export function isBlockQuant(quant: Quant): quant is BlockQuant {
  return quant.block > 1;
}

/** Room for a decoded block. */
export function emptyBlock({ block, span }: BlockQuant): Block {
  return {
    scale: 0,
    min: 0,
    scales: new Int8Array(block / span).fill(1),
    mins: new Uint8Array(block / span).fill(1),
    codes: new Uint8Array(block),
  };
}

/** The integer that each code stands for. */
export function valuesOf({ bits, codes }: BlockQuant): Int8Array {
  if (!('offset' in codes)) return Int8Array.from(codes);
  return Int8Array.from({ length: 1 << bits }, (_, code) => code - codes.offset);
}

/** Bytes of eight rows' block in the engine's memory (see wasm.ts). */
export function packedBlockBytes(quant: Quant): number {
  if (!isBlockQuant(quant)) return 8 * quant.bytes;
  const { block, span, bits, hasScales, hasMins } = quant;
  const heads = hasMins ? 2 : 1;
  return heads * 32 + (block / span) * ((hasScales ? heads * 8 : 0) + bits * span);
}
