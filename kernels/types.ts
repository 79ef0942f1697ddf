/**
 * Numbers of the weight types in program images, shared by TypeScript and AssemblyScript (so: no type
 * annotations). They are ggml's type ids.
 */
export const F32 = 0;
export const F16 = 1;
export const Q4_0 = 2;
export const Q8_0 = 8;
export const BF16 = 30;
