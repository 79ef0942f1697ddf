/**
 * The ways to multiply a block's integers, one build of the kernels each, shared by TypeScript and AssemblyScript (so: no
 * type annotations here). Every one gives the same bits, since the integer sums are exact.
 */
/** Products of int16: every engine. */
export const PLAIN = 0;
/** Relaxed SIMD's products of int8 and seven bits, added up in int16. */
export const RELAXED = 1;
/** Relaxed SIMD's products of four int8 and four uint8, added to int32 without saturation: x86 with AVX-VNNI. */
export const U8S8 = 2;
/** The same of four int8 and four int8: ARM with dot products. */
export const S8S8 = 3;
