/** Python's format mini-language: `[[fill]align][sign][#][0][width][grouping][.precision][type]`. */
import type { Budget } from './budget.js';
import { JinjaError, valueError } from './errors.js';
import { floatText, padded, toText, widthOf } from './printing.js';
import { isText, plain, sliced, type Text } from './text.js';
import { Float, isNumber, typeName, type Value } from './values.js';

const pattern = /^(?:([\s\S])?([<>=^]))?([-+ ])?(#)?(0)?(\d{1,9})?([,_])?(?:\.(\d{1,9}))?([a-zA-Z%])?$/u;

/** `format(value, spec)` */
export function formatValue(value: Value, spec: string, budget: Budget): Text {
  if (spec === '') return toText(value, budget);
  const match = pattern.exec(spec);
  if (match === null) throw valueError(`Invalid format specifier '${spec}'`);
  const [, fill, alignment, sign = '-', alternate, zero, width = '0', grouping = '', precision, type] = match;
  budget.text(Number(width) + Number(precision ?? 0));
  const align = alignment ?? (zero && isNumber(value) ? '=' : undefined);
  const filler = fill ?? (zero ? '0' : ' ');
  if (isNumber(value) && !(typeof value === 'boolean' && type === undefined)) {
    const form = {
      sign,
      alternate: alternate !== undefined,
      grouping,
      precision: precision === undefined ? null : Number(precision),
    };
    const { minus, digits } = numberText(value, type, form);
    const missing = Math.max(0, Number(width) - minus.length - digits.length);
    if (align === '=') {
      if (filler === '0' && grouping !== '')
        return minus + zeroGrouped(digits, Number(width) - minus.length, grouping);
      return minus + filler.repeat(missing) + digits;
    }
    return aligned(minus + digits, missing, align ?? '>', filler);
  }
  if (!isText(value) && typeof value !== 'boolean')
    throw new JinjaError('TypeError', `unsupported format string passed to ${typeName(value)}.__format__`);
  if (type !== undefined && type !== 's')
    throw valueError(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
  const whole = toText(value, budget);
  const text =
    precision === undefined
      ? whole
      : sliced(whole, 0, [...plain(whole)].slice(0, Number(precision)).join('').length);
  if (align === '=') throw valueError("'=' alignment not allowed in string format specifier");
  return aligned(text, Math.max(0, Number(width) - widthOf(text)), align ?? '<', filler);
}

function aligned(text: Text, missing: number, align: string, fill: string): Text {
  const before = align === '>' ? missing : align === '^' ? missing >> 1 : 0;
  return padded(text, before, missing - before, fill);
}

interface NumberForm {
  readonly sign: string;
  readonly alternate: boolean;
  readonly grouping: string;
  readonly precision: number | null;
}

function numberText(
  value: number | bigint | boolean | Float,
  type: string | undefined,
  form: NumberForm,
): { minus: string; digits: string } {
  const isWhole = !(value instanceof Float);
  if (isWhole && (type === undefined || 'bcdoxXn'.includes(type)))
    return wholeText(BigInt(value), type ?? 'd', form);
  const float = value instanceof Float ? value.value : Number(value);
  if (type !== undefined && !'eEfFgGn%'.includes(type))
    throw valueError(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
  const isNegative = float < 0 || Object.is(float, -0);
  const digits = floatDigits(Math.abs(float), type, form);
  return { minus: signOf(isNegative, form.sign), digits: grouped(digits, form.grouping, 3) };
}

function signOf(isNegative: boolean, sign: string): string {
  return isNegative ? '-' : sign === '-' ? '' : sign;
}

function wholeText(value: bigint, type: string, form: NumberForm): { minus: string; digits: string } {
  if (form.precision !== null) throw valueError('Precision not allowed in integer format specifier');
  if (type === 'c') return { minus: '', digits: String.fromCodePoint(Number(value)) };
  const base = { b: 2, o: 8, x: 16, X: 16 }[type] ?? 10;
  const size = value < 0n ? -value : value;
  const text = grouped(size.toString(base), form.grouping, base === 10 ? 3 : 4);
  const digits = type === 'X' ? text.toUpperCase() : text;
  return { minus: signOf(value < 0n, form.sign) + (form.alternate && base !== 10 ? `0${type}` : ''), digits };
}

function grouped(digits: string, separator: string, size: number): string {
  if (separator === '') return digits;
  const match = /^([0-9a-f]+)(.*)$/s.exec(digits);
  if (match === null) return digits;
  return match[1]!.replace(new RegExp(`(?<=.)(?=(?:.{${size}})+$)`, 'g'), separator) + match[2]!;
}

function zeroGrouped(digits: string, width: number, separator: string): string {
  let text = digits.replaceAll(separator, '');
  const point = /[.e%]/.exec(text)?.index ?? text.length;
  let whole = text.slice(0, point);
  text = text.slice(point);
  while (grouped(whole, separator, 3).length + text.length < width) whole = `0${whole}`;
  return grouped(whole, separator, 3) + text;
}

/** A float that is not negative, by its type letter. */
export function floatDigits(
  value: number,
  type: string | undefined,
  form: Pick<NumberForm, 'precision' | 'alternate'>,
): string {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'nan' : 'inf';
    return type !== undefined && 'EFG'.includes(type) ? name.toUpperCase() : name;
  }
  const precision = form.precision ?? 6;
  switch (type) {
    case 'f':
    case 'F':
      return fixed(value, precision);
    case '%':
      return `${fixed(value * 100, precision)}%`;
    case 'e':
    case 'E': {
      const text = exponential(value, precision);
      return type === 'E' ? text.toUpperCase() : text;
    }
    case undefined:
      if (form.precision === null) return floatText(value);
      return general(value, Math.max(1, form.precision), false, true);
    default: {
      const text = general(value, Math.max(1, precision), form.alternate, false);
      return type === 'G' ? text.toUpperCase() : text;
    }
  }
}

/** All digits of the exact value, rounded half to even, as `toFixed` does not beyond 10^21. */
export function fixed(value: number, precision: number): string {
  if (value >= 1e21) return `${BigInt(value)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
  if (precision > 100) return value.toFixed(100) + '0'.repeat(precision - 100);
  return halfToEven(value, precision) ?? value.toFixed(precision);
}

/** Where a value lies exactly between two texts, `toFixed` takes the larger; Python takes the even one. */
function halfToEven(value: number, precision: number): string | null {
  if (precision > 20 || value >= 2 ** 40) return null;
  const scaled = value * 2 ** precision;
  // Only multiples of 2^-(precision+1) can be a tie.
  if (!Number.isInteger(scaled * 2) || Number.isInteger(scaled)) return null;
  const tenfold = BigInt(scaled * 2) * 5n ** BigInt(precision);
  if (tenfold % 2n === 0n) return null;
  const down = (tenfold - 1n) / 2n;
  const even = down % 2n === 0n ? down : down + 1n;
  const text = even.toString().padStart(precision + 1, '0');
  return precision === 0 ? text : `${text.slice(0, -precision)}.${text.slice(-precision)}`;
}

function exponential(value: number, precision: number): string {
  const [digits, power] = value.toExponential(Math.min(precision, 100)).split('e') as [string, string];
  return `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}`;
}

function general(value: number, precision: number, keepsZeros: boolean, withPoint: boolean): string {
  const digits = Math.min(precision, 100);
  const exponent = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1]);
  const isShort = exponent >= -4 && exponent < (withPoint ? Math.max(digits, 1) : digits);
  const text = isShort ? value.toFixed(Math.min(100, digits - 1 - exponent)) : exponential(value, digits - 1);
  const [front, back = ''] = text.split('e') as [string, string?];
  const short = keepsZeros || !front.includes('.') ? front : front.replace(/\.?0+$/, '');
  const pointed = withPoint && isShort && !short.includes('.') ? `${short}.0` : short;
  return back === '' ? pointed : `${pointed}e${back}`;
}
