/** What PEs compute on their tiles, in f32 with the order of sums that the plan's numeric contract fixes. */

/** W [rows, columns] · x [columns] → y [rows]: a plain sum over the columns from 0, no fused multiply-add. */
export function matvec(weights: Float32Array, x: Float32Array, rows: number): Float32Array {
  const columns = x.length;
  const y = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum = Math.fround(sum + Math.fround(weights[r * columns + c]! * x[c]!));
    y[r] = sum;
  }
  return y;
}

/** Sum of squares in four interleaved partial sums by index mod 4, then (s0 + s1) + (s2 + s3). */
export function sumSquares(x: Float32Array): number {
  const lanes = new Float32Array(4);
  for (const [i, value] of x.entries()) {
    lanes[i & 3] = lanes[i & 3]! + Math.fround(value * value);
  }
  const low = Math.fround(lanes[0]! + lanes[1]!);
  const high = Math.fround(lanes[2]! + lanes[3]!);
  return Math.fround(low + high);
}

/** Sum of `x - mean`, or of its squares: four interleaved partial sums, then what is left one by one. */
export function sumCentred(x: Float32Array, mean: number, isSquared: boolean): number {
  const lanes = new Float32Array(4);
  const whole = x.length & ~3;
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const centred = Math.fround(x[i]! - mean);
    const term = isSquared ? Math.fround(centred * centred) : centred;
    if (i < whole) lanes[i & 3] = lanes[i & 3]! + term;
    if (i >= whole) sum = Math.fround(sum + term);
    else if (i === whole - 1)
      sum = Math.fround(Math.fround(lanes[0]! + lanes[1]!) + Math.fround(lanes[2]! + lanes[3]!));
  }
  return sum;
}

/** `x * scale * weight`, each product rounded. */
export function scaleBy(x: Float32Array, scale: number, weight: Float32Array): Float32Array {
  return Float32Array.from(x, (value, i) => Math.fround(Math.fround(value * scale) * weight[i]!));
}

/** 1 / sqrt(sum / count + eps), each step rounded to f32. */
export function rmsScale(sum: number, count: number, eps: number): number {
  const mean = Math.fround(Math.fround(sum) / count);
  return Math.fround(1 / Math.fround(Math.sqrt(Math.fround(mean + Math.fround(eps)))));
}

const LOWEST = Math.fround(-87.3);
const HIGHEST = 88;
const LOG2E = Math.fround(Math.LOG2E);
const LN2_HIGH = Math.fround(0.693359375);
const LN2_LOW = Math.fround(-2.1219444e-4);
const LARGEST_REST = Math.fround(0.35);
const LEAST_EXPONENT = -125;
const COEFFICIENTS = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
].map(Math.fround);

/** Round to nearest, ties to even, as WebAssembly's `nearest`. */
function nearest(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The whole power of two next to e^x, as the kernels find it. */
const exponentOf = (x: number): number => nearest(Math.fround(x * LOG2E));

/**
 * e^x / 2^n in f32 with the bits of the kernels: Cody-Waite reduction and the degree-5 polynomial of Cephes' expf
 * (Moshier, public domain).
 */
function mantissaOf(x: number, n: number): number {
  let r = Math.fround(x - Math.fround(n * LN2_HIGH));
  r = Math.fround(r - Math.fround(n * LN2_LOW));
  r = Math.max(-LARGEST_REST, Math.min(LARGEST_REST, r));
  let p = COEFFICIENTS[0]!;
  for (const coefficient of COEFFICIENTS.slice(1)) p = Math.fround(Math.fround(p * r) + coefficient);
  return Math.fround(Math.fround(Math.fround(p * Math.fround(r * r)) + r) + 1);
}

/** exp in f32 with the bits of the kernels' exp; 0 below -87.3. */
export function expF32(value: number): number {
  const x = Math.fround(value);
  if (!(x >= LOWEST)) return 0;
  const clamped = Math.min(x, HIGHEST);
  const n = exponentOf(clamped);
  return Math.fround(mantissaOf(clamped, n) * 2 ** n);
}

/** A score's weight in a softmax with the bits of the kernels' attention: e^score / 2^n, n the exponent of the top score. */
export function softmaxWeight(score: number, top: number): number {
  const n = exponentOf(score);
  const below = n - exponentOf(top);
  return below < LEAST_EXPONENT ? 0 : Math.fround(mantissaOf(score, n) * 2 ** below);
}

/** gate / (1 + exp(-gate)) * up. */
export function swiglu(gate: number, up: number): number {
  return Math.fround(Math.fround(gate / Math.fround(1 + expF32(-gate))) * up);
}

/** Rotates pairs (2i, 2i + 1) of x by angles given as [cos, sin] per pair, in place. */
export function rotate(x: Float32Array, angles: Float32Array): void {
  for (let i = 0; i < x.length; i += 2) {
    const [a, b] = [x[i]!, x[i + 1]!];
    const [cos, sin] = [angles[i]!, angles[i + 1]!];
    x[i] = Math.fround(Math.fround(a * cos) + Math.fround(b * -sin));
    x[i + 1] = Math.fround(Math.fround(b * cos) + Math.fround(a * sin));
  }
}

/** The same with the first half of x against the second: pairs (i, i + half). */
export function rotateHalves(x: Float32Array, angles: Float32Array): void {
  const half = x.length / 2;
  for (let i = 0; i < half; i++) {
    const [a, b] = [x[i]!, x[i + half]!];
    const [cos, sin] = [angles[2 * i]!, angles[2 * i + 1]!];
    x[i] = Math.fround(Math.fround(a * cos) + Math.fround(b * -sin));
    x[i + half] = Math.fround(Math.fround(b * cos) + Math.fround(a * sin));
  }
}
