/** The numbers of how a router scores, shared by the TypeScript that writes them and wasm.ts, so: no type annotations here. */
export const SOFTMAX = 0;
export const SIGMOID = 1;
/** Logits choose; weights are the softmax over the chosen alone. */
export const SOFTMAX_OF_CHOSEN = 2;
export const SQRT_SOFTPLUS = 3;

export const CHOOSE_BY_SCORES = 0;
export const CHOOSE_BY_LOGITS = 1;

/** The least sum that weights are divided by: the smallest normal half. */
export const LEAST_SUM = 6.103515625e-5;
