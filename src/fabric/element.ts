/** The types of elements in a PE's SRAM, and how they lie in words. */

/** Elements of a type in a word, which is what a wavelet carries; `bytes` never travel. */
export const ELEMENTS_PER_WORD = { f32: 1, f16: 2, i32: 1, u32: 1, i16: 2, u16: 2, bytes: 4 } as const;

/** The least and the greatest integer of a type. */
export const INTEGERS: { readonly [K in ElementType]?: readonly [least: number, greatest: number] } = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i16: [-(2 ** 15), 2 ** 15 - 1],
  u16: [0, 2 ** 16 - 1],
};

export type ElementType = keyof typeof ELEMENTS_PER_WORD;

export function elementsPerWord(type: ElementType): number {
  return ELEMENTS_PER_WORD[type];
}
