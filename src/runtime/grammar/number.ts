/** Numbers between bounds as languages of decimal digits, without exponents. */
import { alt, chars, codePoints, type Expr, empty, nothing, repeat, seq, text } from './expr.js';
import { digit, mostDigits } from './json.js';

/** A bound of a range; null where there is none. */
export interface Bound {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** A decimal number that is not negative: digits before and after the point, the latter without zeros at the end. */
interface Decimal {
  readonly whole: bigint;
  readonly fraction: string;
}

/** Digits after the point: whether there may be none, and what there may be. */
interface Fraction {
  readonly none: boolean;
  readonly some: readonly Expr[];
}

/** Digits of a number that keep it apart from its neighbours in a float64. */
export const exactDigits = 15;

export function integersBetween(low: Bound | null, high: Bound | null): Expr {
  const most = 10n ** BigInt(mostDigits) - 1n;
  const from = low === null ? null : ceiling(low);
  const to = high === null ? null : -ceiling({ value: -high.value, isExclusive: high.isExclusive });
  const least = from ?? (to === null || to > -most ? -most : to - most);
  const last = to ?? (from === null || from < most ? most : from + most);
  if (least > last) return nothing;
  const negative = least < 0n ? naturals(last < -1n ? -last : 1n, -least) : nothing;
  const natural = last >= 0n ? naturals(least > 0n ? least : 0n, last) : nothing;
  return alt(seq(text('-'), negative), natural);
}

/** The smallest whole number that the bound, taken as a lower one, lets through. */
function ceiling({ value, isExclusive }: Bound): bigint {
  const whole = BigInt(Math.ceil(value));
  return isExclusive && Number.isInteger(value) ? whole + 1n : whole;
}

export function decimalsBetween(low: Bound | null, high: Bound | null): Expr {
  const mirrored = (bound: Bound | null): Bound | null => bound && { ...bound, value: -bound.value };
  const isNegative = low === null || low.value < 0;
  const negative = isNegative ? magnitudes(mirrored(high), mirrored(low)) : nothing;
  return alt(seq(text('-'), negative), magnitudes(low, high));
}

/** The part of a range that is not negative. */
function magnitudes(low: Bound | null, high: Bound | null): Expr {
  if (high !== null && (high.value < 0 || (high.value === 0 && high.isExclusive))) return nothing;
  const from = low === null || low.value < 0 ? { value: 0, isExclusive: false } : low;
  const { whole: first, fraction: over } = decimal(from.value);
  const { whole: last, fraction: under } =
    high === null ? { whole: 10n ** BigInt(mostDigits) + first, fraction: '' } : decimal(high.value);
  const isHighExclusive = high?.isExclusive ?? false;
  const room = exactDigits - Math.max(`${first}`.length, high === null ? 1 : `${last}`.length);
  const digits = Math.max(0, room);
  if (first === last) {
    return number(`${first}`, fractionsBetween(over, from.isExclusive, under, isHighExclusive, digits));
  }
  if (first > last) return nothing;
  const between = first + 1n <= last - 1n ? naturals(first + 1n, last - 1n) : nothing;
  return alt(
    number(`${first}`, fractionsFrom(over, from.isExclusive, digits)),
    seq(between, alt(empty, seq(text('.'), repeat(digit, 1, Math.max(1, digits))))),
    number(`${last}`, fractionsUpTo(under, isHighExclusive, digits)),
  );
}

function number(whole: string, { none, some }: Fraction): Expr {
  return seq(text(whole), alt(none ? empty : nothing, seq(text('.'), alt(...some))));
}

function fractionsFrom(bound: string, isExclusive: boolean, digits: number): Fraction {
  const any = repeat(digit, 1, Math.max(1, digits));
  if (bound === '') {
    if (!isExclusive) return { none: true, some: digits > 0 ? [any] : [] };
    const above = seq(repeat(text('0'), 0, digits - 1), range('1', '9'), repeat(digit, 0, digits - 1));
    return { none: false, some: digits > 0 ? [above] : [] };
  }
  const rest = fractionsFrom(bound.slice(1), isExclusive, digits - 1);
  return { none: false, some: [higher(bound[0]!, digits), ...after(bound[0]!, rest)] };
}

function fractionsUpTo(bound: string, isExclusive: boolean, digits: number): Fraction {
  if (bound === '') {
    return isExclusive
      ? { none: false, some: [] }
      : { none: true, some: digits > 0 ? [repeat(text('0'), 1, digits)] : [] };
  }
  const rest = fractionsUpTo(bound.slice(1), isExclusive, digits - 1);
  return { none: true, some: [lower(bound[0]!, digits), ...after(bound[0]!, rest)] };
}

function fractionsBetween(
  low: string,
  isLowExclusive: boolean,
  high: string,
  isHighExclusive: boolean,
  digits: number,
): Fraction {
  if (low === '' && high === '') {
    return isLowExclusive || isHighExclusive ? { none: false, some: [] } : fractionsUpTo('', false, digits);
  }
  if (high === '') return { none: false, some: [] };
  const [first, last] = [low[0] ?? '0', high[0]!];
  if (first > last) return { none: false, some: [] };
  const none = low === '' && !isLowExclusive;
  if (first === last) {
    const rest = fractionsBetween(low.slice(1), isLowExclusive, high.slice(1), isHighExclusive, digits - 1);
    return { none, some: after(first, rest) };
  }
  return {
    none,
    some: [
      ...after(first, fractionsFrom(low.slice(1), isLowExclusive, digits - 1)),
      seq(between(first, last), repeat(digit, 0, Math.max(0, digits - 1))),
      ...after(last, fractionsUpTo(high.slice(1), isHighExclusive, digits - 1)),
    ],
  };
}

function after(first: string, { none, some }: Fraction): Expr[] {
  return [none ? text(first) : nothing, seq(text(first), alt(...some))];
}

function range(from: string, to: string): Expr {
  return from > to ? nothing : chars(codePoints([[from.charCodeAt(0), to.charCodeAt(0)]]));
}

function between(low: string, high: string): Expr {
  return range(String(Number(low) + 1), Number(high) === 0 ? '' : String(Number(high) - 1));
}

function higher(bound: string, digits: number): Expr {
  return bound === '9'
    ? nothing
    : seq(range(String(Number(bound) + 1), '9'), repeat(digit, 0, Math.max(0, digits - 1)));
}

function lower(bound: string, digits: number): Expr {
  return bound === '0'
    ? nothing
    : seq(range('0', String(Number(bound) - 1)), repeat(digit, 0, Math.max(0, digits - 1)));
}

/** Whole numbers without leading zeros, 0 <= low <= high. */
function naturals(low: bigint, high: bigint): Expr {
  const options: Expr[] = [];
  for (let length = `${low}`.length; length <= `${high}`.length; length++) {
    const least = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const most = 10n ** BigInt(length) - 1n;
    options.push(sameLength(`${low > least ? low : least}`, `${high < most ? high : most}`));
  }
  return alt(...options);
}

function sameLength(low: string, high: string): Expr {
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit, low.length, low.length);
  const [first, last] = [low[0]!, high[0]!];
  const rest = repeat(digit, low.length - 1, low.length - 1);
  if (first === last) return seq(text(first), sameLength(low.slice(1), high.slice(1)));
  return alt(
    seq(text(first), sameLength(low.slice(1), '9'.repeat(low.length - 1))),
    seq(between(first, last), rest),
    seq(text(last), sameLength('0'.repeat(low.length - 1), high.slice(1))),
  );
}

function decimal(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  const before = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0');
  const behind = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  return { whole: BigInt(before), fraction: behind.replace(/0+$/, '') };
}
