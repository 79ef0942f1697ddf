/** The numbers of the element functions, shared by the TypeScript that writes them and wasm.ts, so: no type annotations here. */
export const IDENTITY = 0;
export const SILU = 1;
export const RELU = 2;
export const SQUARED_RELU = 3;
export const SIGMOID = 4;
export const TANH = 5;
export const SOFTPLUS = 6;
export const EXP = 7;
export const GELU = 8;
export const GELU_TANH = 9;
export const GELU_QUICK = 10;
/** [cap] */
export const SOFTCAP = 11;
/** [alphaP, alphaN, beta, eps] */
export const XIELU = 12;
/** [limit] */
export const CLAMP = 13;
// Functions of x and `by` together come last.
/** [limit, after] */
export const CLAMPED_SILU = 14;
/** [alpha, limit] */
export const SWIGLU_OAI = 15;
/** [beta, linearBeta] */
export const SITU = 16;
