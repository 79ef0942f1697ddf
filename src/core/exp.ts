/**
 * The exponential function in float64 with the same bits on every engine. `Math.exp` may differ in the last bit
 * from one engine to the next, which is enough to draw another token from the same seed; this one uses only
 * additions, multiplications and tables, which IEEE 754 fixes bit by bit.
 *
 * Method: x = k * ln2/64 + r with |r| <= ln2/128, e^x = 2^(k div 64) * e^((k mod 64) ln2/64) * e^r, with e^r as
 * its Taylor polynomial of degree 5 (remainder r^6/720 < 3.6e-17). Source of the splitting of ln2 into two parts:
 * Cody and Waite, "Software Manual for the Elementary Functions" (1980).
 */

const STEPS = 64;
const STEPS_PER_LN2 = 92.33248261689366;
/** ln2/64 in two parts: the first has 32 significant bits, so that k times it is exact for |k| < 2^21. */
const STEP_HIGH = 0.01083042469326756;
const STEP_LOW = 2.9815858269852933e-12;

/** Below this the result is smaller than the smallest normal float64, and counts as 0. */
const LOWEST = -708;
const HIGHEST = 709;
const BIAS = 1022;

/** e^(i ln2/64), i in [0, 64), by the Taylor series from its smallest term on. */
const FRACTIONS = Float64Array.from({ length: STEPS }, (_, i) => {
  const x = i * STEP_HIGH + i * STEP_LOW;
  let sum = 1;
  for (let n = 22; n >= 1; n--) sum = 1 + (x / n) * sum;
  return sum;
});

/** 2^(i - 1022), i in [0, 2046), by doubling: exact. */
const POWERS = new Float64Array(2046);
POWERS[BIAS] = 1;
for (let i = BIAS + 1; i < POWERS.length; i++) POWERS[i] = POWERS[i - 1]! * 2;
for (let i = BIAS - 1; i >= 0; i--) POWERS[i] = POWERS[i + 1]! / 2;

/**
 * e^x in float64, relative error below 2^-50 (a test measures it against exact arithmetic); 0 below -708,
 * Infinity above 709, NaN for NaN.
 */
export function exp(x: number): number {
  if (!(x >= LOWEST)) return x < LOWEST ? 0 : Number.NaN;
  if (x > HIGHEST) return Number.POSITIVE_INFINITY;
  const k = Math.floor(x * STEPS_PER_LN2 + 0.5);
  const r = x - k * STEP_HIGH - k * STEP_LOW;
  const poly = 1 + r * (1 + r * (0.5 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120)))));
  return poly * FRACTIONS[k & (STEPS - 1)]! * POWERS[(k >> 6) + BIAS]!;
}
