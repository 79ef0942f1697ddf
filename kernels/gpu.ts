/**
 * What kernels for gpu.js see. gpu.js reads the text of a kernel and compiles it to WGSL or WebAssembly, so a kernel
 * refers to nothing outside itself. One thread computes one value of a one-dimensional output; a thread that ends
 * without a value leaves what was there.
 *
 * Activations hold up to `tokens` tokens of which the first `count` are real. A matrix product is cut along its
 * columns into `parts` that other kernels add up, because a GPU has more threads than a matrix has rows. On
 * processors both are 1.
 */
export interface GpuThread<Constants extends object> {
  readonly thread: { readonly x: number };
  readonly constants: Constants;
}

export type GpuVector = ArrayLike<number>;
/** Row by row: `w[row][column]`. */
export type GpuMatrix = ArrayLike<GpuVector>;

/** What a thread returns that leaves its value as it was. */
export type Unwritten = ReturnType<() => void>;
