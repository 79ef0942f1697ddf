/** What Python's operators do with values. */
import type { BinaryOperator, Comparison } from './ast.js';
import type { Budget } from './budget.js';
import { JinjaError, typeError, valueError } from './errors.js';
import { formatPercent } from './format-percent.js';
import { compareCodePoints } from './json.js';
import { characters, escapeMarkup, isText, joined, Markup, plain } from './text.js';
import {
  Bytes,
  Dict,
  Float,
  Generator,
  integer,
  isInteger,
  isList,
  isNumber,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.js';

/** Whole numbers do not get longer, so that no product takes a second. */
const mostBits = 20_000;

export function requireDefined(value: Value): void {
  if (!(value instanceof Undefined)) return;
  throw new JinjaError(value.isUnsafe ? 'SecurityError' : 'UndefinedError', value.reason);
}

export function binary(operator: BinaryOperator, left: Value, right: Value, budget: Budget): Value {
  requireDefined(left);
  if (operator === '%' && isText(left)) return formatPercent(left, right, budget);
  requireDefined(right);
  if (isNumber(left) && isNumber(right)) return arithmetic(operator, left, right);
  if (operator === '+') {
    if (isText(left) && isText(right)) {
      budget.text(plain(left).length + plain(right).length);
      if (!(left instanceof Markup) && !(right instanceof Markup)) return joined([left, right]);
      return Markup.of(joined([escapeMarkup(left), escapeMarkup(right)]));
    }
    if (isList(left) && isList(right)) {
      budget.step(left.length + right.length);
      return [...left, ...right];
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      budget.step(left.items.length + right.items.length);
      return new Tuple([...left.items, ...right.items]);
    }
  }
  if (operator === '*') {
    if (isInteger(right) || typeof right === 'boolean') return repeated(left, Number(right), budget);
    if (isInteger(left) || typeof left === 'boolean') return repeated(right, Number(left), budget);
  }
  throw typeError(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

function repeated(value: Value, count: number, budget: Budget): Value {
  const times = Math.max(0, count);
  if (isText(value)) {
    budget.text(plain(value).length * times);
    budget.step(typeof value === 'string' ? 1 : times);
    return typeof value === 'string'
      ? value.repeat(times)
      : joined(Array.from({ length: times }, () => value));
  }
  const items = isList(value) ? value : value instanceof Tuple ? value.items : null;
  if (items === null) throw typeError(`unsupported operand type(s) for *: '${typeName(value)}' and 'int'`);
  budget.step(items.length * times);
  const all = Array.from({ length: times }, () => items).flat();
  return value instanceof Tuple ? new Tuple(all) : all;
}

type Numeric = number | bigint | boolean | Float;

function floatOf(value: Numeric): number {
  if (value instanceof Float) return value.value;
  const float = Number(value);
  if (!Number.isFinite(float)) throw new JinjaError('OverflowError', 'int too large to convert to float');
  return float;
}

function whole(value: number | bigint | boolean): bigint {
  return BigInt(value);
}

function arithmetic(operator: BinaryOperator, left: Numeric, right: Numeric): Value {
  if (left instanceof Float || right instanceof Float || operator === '/')
    return new Float(floatArithmetic(operator, floatOf(left), floatOf(right)));
  if (typeof left === 'number' && typeof right === 'number') {
    const exact =
      operator === '+'
        ? left + right
        : operator === '-'
          ? left - right
          : operator === '*'
            ? left * right
            : Number.NaN;
    if (Number.isSafeInteger(exact)) return exact + 0;
  }
  if (operator === '**' && Number(right) < 0)
    return new Float(floatArithmetic('**', floatOf(left), floatOf(right)));
  return integer(wholeArithmetic(operator, whole(left), whole(right)));
}

function floatArithmetic(operator: BinaryOperator, a: number, b: number): number {
  if (b === 0 && (operator === '/' || operator === '//' || operator === '%')) throw zeroDivision();
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%': {
      const rest = a % b;
      return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
    }
    case '**': {
      if (a === 0 && b < 0) throw zeroDivision();
      const power = a ** b;
      if (Number.isNaN(power)) throw valueError('complex numbers are not known here');
      if (!Number.isFinite(power)) throw new JinjaError('OverflowError', 'result too large');
      return power;
    }
  }
}

function zeroDivision(): JinjaError {
  return new JinjaError('ZeroDivisionError', 'division by zero');
}

function wholeArithmetic(operator: BinaryOperator, a: bigint, b: bigint): bigint {
  if (b === 0n && (operator === '//' || operator === '%')) throw zeroDivision();
  switch (operator) {
    case '+':
      return bounded(a + b);
    case '-':
      return bounded(a - b);
    case '*':
      return bounded(a * b);
    case '**':
      if (a > 1n || a < -1n) requireBits(BigInt(a.toString(2).length) * b);
      return a ** (a > 1n || a < -1n ? b : b % 2n === 0n ? 2n * BigInt(b > 0n) : 1n);
    case '//': {
      const quotient = a / b;
      return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
    }
    default: {
      const rest = a % b;
      return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
    }
  }
}

const largest = 1n << BigInt(mostBits);

function bounded(value: bigint): bigint {
  if (value > largest || value < -largest) requireBits(BigInt(mostBits + 1));
  return value;
}

function requireBits(bits: bigint): void {
  if (bits > mostBits) throw new JinjaError('BudgetError', `a whole number of more than ${mostBits} bits`);
}

export function negated(value: Value): Value {
  requireDefined(value);
  if (value instanceof Float) return new Float(-value.value);
  if (typeof value === 'bigint') return integer(-value);
  if (typeof value === 'number' || typeof value === 'boolean') return 0 - Number(value);
  throw typeError(`bad operand type for unary -: '${typeName(value)}'`);
}

export function positive(value: Value): Value {
  requireDefined(value);
  if (typeof value === 'boolean') return Number(value);
  if (isNumber(value)) return value;
  throw typeError(`bad operand type for unary +: '${typeName(value)}'`);
}

/** The items of what can be iterated. A generator gives them once. */
export function itemsOf(value: Value, budget: Budget): readonly Value[] {
  const items = itemsOrNull(value);
  if (items === null) throw typeError(`'${typeName(value)}' object is not iterable`);
  budget.step(items.length);
  return items;
}

export function itemsOrNull(value: Value): readonly Value[] | null {
  if (isList(value)) return value;
  if (value instanceof Tuple || value instanceof View) return value.items;
  if (value instanceof Dict) return value.keys();
  if (isText(value)) return characters(value);
  if (value instanceof Generator) return value.take();
  if (value instanceof Bytes) return [...value.bytes];
  if (value instanceof Undefined) {
    if (value.isUnsafe) requireDefined(value);
    return [];
  }
  return null;
}

export function equal(a: Value, b: Value, budget: Budget): boolean {
  budget.step();
  if (a === b) return true;
  if (isText(a) || isText(b)) {
    if (!isText(a) || !isText(b) || plain(a).length !== plain(b).length) return false;
    budget.scan(plain(a).length);
    return plain(a) === plain(b);
  }
  if (isNumber(a) || isNumber(b)) return isNumber(a) && isNumber(b) && compareNumbers(a, b) === 0;
  if (isList(a) || isList(b)) return isList(a) && isList(b) && equalItems(a, b, budget);
  if (a instanceof Tuple && b instanceof Tuple) return equalItems(a.items, b.items, budget);
  if (a instanceof Dict && b instanceof Dict) {
    if (a.size !== b.size) return false;
    for (const [key, value] of a.entries()) {
      const other = b.get(key);
      if (other === undefined || !equal(value, other, budget)) return false;
    }
    return true;
  }
  if (a instanceof View && b instanceof View)
    return a.name === b.name && equalItems(a.items, b.items, budget);
  if (a instanceof Bytes && b instanceof Bytes)
    return a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
  return a instanceof Undefined && b instanceof Undefined;
}

function equalItems(a: readonly Value[], b: readonly Value[], budget: Budget): boolean {
  if (a.length !== b.length) return false;
  budget.enter();
  const result = a.every((item, i) => equal(item, b[i]!, budget));
  budget.leave();
  return result;
}

function compareNumbers(a: Numeric, b: Numeric): number {
  const x = a instanceof Float ? a.value : typeof a === 'boolean' ? Number(a) : a;
  const y = b instanceof Float ? b.value : typeof b === 'boolean' ? Number(b) : b;
  // Not `===`: a bigint and a number may be equal.
  return x < y ? -1 : x > y ? 1 : x <= y ? 0 : Number.NaN;
}

/** Less than, equal or greater; NaN where neither. Throws TypeError where there is no order. */
export function order(a: Value, b: Value, operator: string, budget: Budget): number {
  requireDefined(a);
  requireDefined(b);
  budget.step();
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (isText(a) && isText(b)) {
    budget.scan(Math.min(plain(a).length, plain(b).length) * 8);
    return compareCodePoints(plain(a), plain(b));
  }
  const [left, right] =
    isList(a) && isList(b) ? [a, b] : a instanceof Tuple && b instanceof Tuple ? [a.items, b.items] : [];
  if (left === undefined || right === undefined)
    throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  budget.enter();
  let result = left.length - right.length;
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (equal(left[i]!, right[i]!, budget)) continue;
    result = order(left[i]!, right[i]!, operator, budget);
    break;
  }
  budget.leave();
  return result;
}

export function compare(operator: Comparison, a: Value, b: Value, budget: Budget): boolean {
  switch (operator) {
    case '==':
      return equal(a, b, budget);
    case '!=':
      return !equal(a, b, budget);
    case 'in':
      return contains(b, a, budget);
    case 'not in':
      return !contains(b, a, budget);
    case '<':
      return order(a, b, operator, budget) < 0;
    case '<=':
      return order(a, b, operator, budget) <= 0;
    case '>':
      return order(a, b, operator, budget) > 0;
    case '>=':
      return order(a, b, operator, budget) >= 0;
  }
}

/** `item in container` */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (isText(container)) {
    if (item instanceof Undefined) requireDefined(item);
    if (!isText(item))
      throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    budget.scan(plain(container).length);
    return plain(container).includes(plain(item));
  }
  if (container instanceof Dict) return container.has(item);
  const items = itemsOrNull(container);
  if (items === null) throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  return items.some((one) => equal(one, item, budget));
}
