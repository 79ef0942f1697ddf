/** How two words meet, for every element type and every fold: bits in and bits out. */
import { FOLD, type FoldCode } from '../cores/core.js';
import type { ElementType } from '../element.js';
import { halfToFloat, packHalves } from './f16.js';

/** How an arriving element meets the one in memory (`sub`: memory less arrived); `or` joins parts whose other bits are zero. */
export type FoldName = 'add' | 'sub' | 'mul' | 'max' | 'min' | 'or' | 'and' | 'xor';

type Folds = { readonly [K in FoldName]?: FoldCode };

const BITS = { or: FOLD.or, and: FOLD.and, xor: FOLD.xor };
const WORDS = { add: FOLD.add32, sub: FOLD.sub32, mul: FOLD.mul32 };
const SHORTS = { add: FOLD.add16, sub: FOLD.sub16, mul: FOLD.mul16 };

const FOLDS: Readonly<Record<ElementType, Folds>> = {
  f32: {
    add: FOLD.addF32,
    sub: FOLD.subF32,
    mul: FOLD.mulF32,
    max: FOLD.maxF32,
    min: FOLD.minF32,
    or: FOLD.or,
  },
  f16: {
    add: FOLD.addF16,
    sub: FOLD.subF16,
    mul: FOLD.mulF16,
    max: FOLD.maxF16,
    min: FOLD.minF16,
    or: FOLD.or,
  },
  i32: { ...WORDS, max: FOLD.maxI32, min: FOLD.minI32, ...BITS },
  u32: { ...WORDS, max: FOLD.maxU32, min: FOLD.minU32, ...BITS },
  i16: { ...SHORTS, max: FOLD.maxI16, min: FOLD.minI16, ...BITS },
  u16: { ...SHORTS, max: FOLD.maxU16, min: FOLD.minU16, ...BITS },
  bytes: { or: FOLD.or },
};

/** The folds of a type. */
export const foldOf = (type: ElementType): Folds => FOLDS[type];

const word = new Int32Array(3);
const float = new Float32Array(word.buffer);

type Pair = (a: number, b: number) => number;

/** Of two numbers of which one is none the second, unlike `Math.max`. */
const greater: Pair = (a, b) => {
  if (a >= b) return a;
  return b;
};
const less: Pair = (a, b) => {
  if (a <= b) return a;
  return b;
};

const PAIRS: { readonly [code: number]: Pair } = {
  [FOLD.addF16]: (a, b) => a + b,
  [FOLD.subF16]: (a, b) => a - b,
  [FOLD.mulF16]: (a, b) => a * b,
  [FOLD.maxF16]: greater,
  [FOLD.minF16]: less,
  [FOLD.add16]: (a, b) => a + b,
  [FOLD.sub16]: (a, b) => a - b,
  [FOLD.mul16]: (a, b) => Math.imul(a, b),
  [FOLD.maxI16]: (a, b) => (signed(a) >= signed(b) ? a : b),
  [FOLD.minI16]: (a, b) => (signed(a) <= signed(b) ? a : b),
  [FOLD.maxU16]: Math.max,
  [FOLD.minU16]: Math.min,
};

const signed = (half: number): number => (half << 16) >> 16;

/** Each half of a word by itself, rounded to half precision or wrapped. */
function foldPairs(fold: number, memory: number, arrived: number): number {
  const pair = PAIRS[fold]!;
  const [low, high] = [memory & 0xffff, memory >>> 16];
  const [newLow, newHigh] = [arrived & 0xffff, arrived >>> 16];
  switch (fold) {
    case FOLD.addF16:
    case FOLD.subF16:
    case FOLD.mulF16:
    case FOLD.maxF16:
    case FOLD.minF16:
      return packHalves(
        pair(halfToFloat(low), halfToFloat(newLow)),
        pair(halfToFloat(high), halfToFloat(newHigh)),
      );
    default:
      return (pair(low, newLow) & 0xffff) | (pair(high, newHigh) << 16);
  }
}

/** What becomes of a word in memory when another arrives. */
export function foldWord(fold: number, memory: number, arrived: number): number {
  switch (fold) {
    case FOLD.copy:
      return arrived;
    case FOLD.addF32:
    case FOLD.subF32:
    case FOLD.mulF32:
    case FOLD.maxF32:
    case FOLD.minF32:
      return foldFloats(fold, memory, arrived);
    case FOLD.or:
      return memory | arrived;
    case FOLD.and:
      return memory & arrived;
    case FOLD.xor:
      return memory ^ arrived;
    case FOLD.add32:
      return (memory + arrived) | 0;
    case FOLD.sub32:
      return (memory - arrived) | 0;
    case FOLD.mul32:
      return Math.imul(memory, arrived);
    case FOLD.maxI32:
      return Math.max(memory, arrived);
    case FOLD.minI32:
      return Math.min(memory, arrived);
    case FOLD.maxU32:
      return memory >>> 0 >= arrived >>> 0 ? memory : arrived;
    case FOLD.minU32:
      return memory >>> 0 <= arrived >>> 0 ? memory : arrived;
    default:
      return foldPairs(fold, memory, arrived);
  }
}

function foldFloats(fold: number, memory: number, arrived: number): number {
  word[0] = memory;
  word[1] = arrived;
  const [a, b] = [float[0]!, float[1]!];
  switch (fold) {
    case FOLD.maxF32:
      return a >= b ? memory : arrived;
    case FOLD.minF32:
      return a <= b ? memory : arrived;
    case FOLD.subF32:
      float[2] = a - b;
      break;
    case FOLD.mulF32:
      float[2] = a * b;
      break;
    default:
      float[2] = a + b;
  }
  return word[2]!;
}
