/** `text % values`, as C's printf and Python have it. */
import type { Budget } from './budget.js';
import { typeError, valueError } from './errors.js';
import { floatDigits, formatValue } from './format-spec.js';
import { padded, toRepr, toText, widthOf } from './printing.js';
import { plain, sliced, type Text, TextBuilder } from './text.js';
import { Dict, Float, isNumber, Tuple, typeName, Undefined, type Value } from './values.js';

const directive = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d{1,9})?(?:\.(\*|\d{1,9})?)?([hlL]?)([\s\S]|$)/gu;

export function formatPercent(text: Text, values: Value, budget: Budget): Text {
  const format = plain(text);
  const items = values instanceof Tuple ? values.items : [values];
  let next = 0;
  const take = (): Value => {
    if (next >= items.length) throw typeError('not enough arguments for format string');
    return items[next++]!;
  };
  let isByName = false;
  const builder = new TextBuilder();
  let at = 0;
  for (const match of format.matchAll(directive)) {
    builder.add(sliced(text, at, match.index));
    at = match.index + match[0].length;
    const [all, key, flags = '', width, , , type = ''] = match;
    if (type === '') throw valueError('incomplete format');
    if (all === '%%') {
      builder.add(sliced(text, at - 1, at));
      continue;
    }
    const size = width === '*' ? Number(take()) : Number(width ?? 0);
    const digits = /\.(\*|\d*)/.exec(all.slice(0, -1).replace(/\([^)]*\)/, ''))?.[1];
    const precision = digits === undefined ? null : digits === '*' ? Number(take()) : Number(digits);
    let value: Value;
    if (key === undefined) value = take();
    else {
      isByName = true;
      if (!(values instanceof Dict)) throw typeError('format requires a mapping');
      const found = values.get(key);
      if (found === undefined) throw typeError(`'${key}'`);
      value = found;
    }
    budget.text(Math.abs(size) + (precision ?? 0));
    builder.add(
      converted(value, type, flags, Math.abs(size), size < 0 || flags.includes('-'), precision, budget),
    );
  }
  builder.add(sliced(text, at));
  const isMapping = values instanceof Dict;
  if (!isByName && next < items.length && !isMapping && !(values instanceof Undefined))
    throw typeError('not all arguments converted during string formatting');
  return builder.build();
}

function converted(
  value: Value,
  type: string,
  flags: string,
  width: number,
  isLeft: boolean,
  precision: number | null,
  budget: Budget,
): Text {
  const pad = (text: Text): Text => {
    const missing = Math.max(0, width - widthOf(text));
    return isLeft ? padded(text, 0, missing) : padded(text, missing, 0);
  };
  if (type === 's' || type === 'r' || type === 'a') {
    const text = type === 's' ? toText(value, budget) : toRepr(value, budget);
    return pad(precision === null ? text : formatValue(text, `.${precision}`, budget));
  }
  if (type === 'c')
    return pad(typeof value === 'number' ? String.fromCodePoint(value) : toText(value, budget));
  if (!isNumber(value)) throw typeError(`%${type} format: a real number is required, not ${typeName(value)}`);
  const { isNegative, digits } = numeric(value, type, flags, precision);
  const sign = isNegative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  if (!flags.includes('0') || isLeft) return pad(sign + digits);
  return sign + digits.padStart(width - sign.length, '0');
}

function numeric(
  value: number | bigint | boolean | Float,
  type: string,
  flags: string,
  precision: number | null,
): { isNegative: boolean; digits: string } {
  if ('diuxXo'.includes(type)) {
    if (value instanceof Float && 'xXo'.includes(type))
      throw typeError(`%${type} format: an integer is required, not float`);
    const whole = value instanceof Float ? BigInt(Math.trunc(value.value)) : BigInt(value);
    const size = whole < 0n ? -whole : whole;
    const base = type === 'o' ? 8 : type === 'x' || type === 'X' ? 16 : 10;
    const text = size.toString(base).padStart(precision ?? 0, '0');
    const prefix = flags.includes('#') && base !== 10 ? (base === 8 ? '0o' : '0x') : '';
    return { isNegative: whole < 0n, digits: type === 'X' ? (prefix + text).toUpperCase() : prefix + text };
  }
  if (!'eEfFgG'.includes(type)) throw valueError(`unsupported format character '${type}'`);
  const float = value instanceof Float ? value.value : Number(value);
  const digits = floatDigits(Math.abs(float), type, { precision, alternate: flags.includes('#') });
  return { isNegative: float < 0 || Object.is(float, -0), digits };
}
