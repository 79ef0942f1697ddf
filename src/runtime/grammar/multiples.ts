/** Multiples of a number. Those of a power of ten are told by their digits, others are listed as far as that goes. */
import { alt, type Expr, nothing, seq, text } from './expr.js';
import { anyInteger } from './json.js';
import { type Bound, exactDigits, integersBetween } from './number.js';

/** Multiples that are listed at most: those nearest to the bounds, or to zero. */
const mostListed = 2000;

export function multiplesOf(step: number, low: Bound | null, high: Bound | null, isInteger: boolean): Expr {
  if (low === null && high === null && Number.isInteger(step) && /^10*$/.test(String(step))) {
    if (step === 1) return anyInteger;
    const zeros = String(step).slice(1);
    // As many digits as a float64 keeps apart.
    const most = { value: 10 ** (exactDigits - zeros.length) - 1, isExclusive: false };
    const natural = seq(integersBetween({ value: 1, isExclusive: false }, most), text(zeros));
    return alt(text('0'), natural, seq(text('-'), natural));
  }
  const first = low === null ? Number.NEGATIVE_INFINITY : Math.ceil(low.value / step);
  const last = high === null ? Number.POSITIVE_INFINITY : Math.floor(high.value / step);
  const half = mostListed / 2;
  const from = Math.max(first, Number.isFinite(last) && last < half ? last - mostListed : -half);
  const to = Math.min(last, Number.isFinite(first) && first > -half ? first + mostListed : half);
  const values: number[] = [];
  for (let count = from; count <= to; count++) {
    // Rounded to the digits of the step; what is no exact multiple as a float64 is none to validators.
    const value = Number((count * step).toPrecision(15)) + 0;
    if (!Number.isInteger(value / step) || (isInteger && !Number.isInteger(value))) continue;
    if (low !== null && (value < low.value || (low.isExclusive && value === low.value))) continue;
    if (high !== null && (value > high.value || (high.isExclusive && value === high.value))) continue;
    values.push(value);
  }
  const written = values.map((value) => JSON.stringify(value)).filter((value) => !value.includes('e'));
  return written.length === 0 ? nothing : alt(...[...new Set(written)].map(text));
}
