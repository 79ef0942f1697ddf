/**
 * What the spec.ts of every kernel says, as data that tests and benches read. Its reference.ts computes the same
 * with naive float64 loops from unpacked inputs: the truth that wasm.ts is judged against.
 *
 * Costs: a multiply-add is 2 FLOPs; exp, sqrt and a comparison are 1 each. Bytes count every operand once, as it lies
 * in memory (packed, padded), however often a cache serves it.
 */
export interface KernelSpec<Shape> {
  /** The folder's name. */
  readonly name: string;
  /** What it computes, with shapes. */
  readonly computes: string;
  flops(shape: Shape): number;
  bytesRead(shape: Shape): number;
  bytesWritten(shape: Shape): number;
  readonly tolerance: Tolerance<Shape>;
}

/**
 * How far a result may lie from the reference. Errors are counted in parts of a magnitude that each reference gives
 * beside its values (for a sum: the sum of the absolute terms), so that cancellation neither fails a good kernel nor
 * hides a bad one. NaN and infinities must stand where the reference has them.
 */
export interface Tolerance<Shape> {
  /** Largest error of one value, in parts of its magnitude: a bound that can be proven. */
  maxError(shape: Shape): number;
  /** Sum of squared errors over sum of squared magnitudes: what is seen where roundings average out. */
  readonly nmse: number;
  readonly reason: string;
}

/** Values and, for each of them, the magnitude that its error is measured in. */
export interface Reference {
  readonly values: Float64Array;
  readonly magnitudes: Float64Array;
}

/** The largest relative error of one rounding to float32. */
export const ROUNDING = 2 ** -24;

/**
 * The square of four roundings. A sum of n terms of random signs has partial sums of some sqrt(n) terms and some
 * sqrt(n) roundings that add up at random: about half a rounding of the sum of all absolute terms, whatever n is.
 */
export const AVERAGE_NMSE = (4 * ROUNDING) ** 2;
