/** `value.name` and `value[index]`, as Jinja's sandbox has them: what would change a value or reach inside is kept away. */
import { type BuiltIn, bind, builtIn, wholeArgument } from './arguments.js';
import type { Budget } from './budget.js';
import { typeError, valueError } from './errors.js';
import { equal, itemsOf, requireDefined } from './operators.js';
import { toRepr } from './printing.js';
import { stringMethod } from './string-methods.js';
import { codePointLength, hasPairs, isText, joined, plain, sliced, type Text } from './text.js';
import {
  Bytes,
  Callable,
  Dict,
  Float,
  isInteger,
  isList,
  orElse,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.js';

/** Methods that change their object. */
const changing: Readonly<Record<string, readonly string[]>> = {
  list: ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'],
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
};

const dictMethods: Readonly<Record<string, BuiltIn<Dict>>> = {
  get: builtIn('key! default', (self, [key, fallback = null]) => orElse(self.get(key!), fallback)),
  keys: builtIn('', (self) => new View('dict_keys', self.keys())),
  values: builtIn('', (self) => new View('dict_values', self.values())),
  items: builtIn('', (self) => new View('dict_items', pairsOf(self))),
  copy: builtIn('', (self) => self),
};

const sequenceMethods: Readonly<Record<string, BuiltIn<readonly Value[]>>> = {
  count: builtIn(
    'value!',
    (self, [value], budget) => self.filter((item) => equal(item, value!, budget)).length,
  ),
  index: builtIn('value! start', (self, [value, start], budget) => {
    const from = wholeArgument(start, 0);
    const at = self.findIndex((item, i) => i >= from && equal(item, value!, budget));
    if (at < 0) throw valueError('the value is not in the list');
    return at;
  }),
};

const numberMethods: Readonly<Record<string, BuiltIn<number | bigint | Float>>> = {
  is_integer: builtIn('', (self) => !(self instanceof Float) || Number.isInteger(self.value)),
  bit_length: builtIn('', (self) => {
    if (self instanceof Float) throw typeError("'float' object has no attribute 'bit_length'");
    const size = BigInt(self) < 0n ? -BigInt(self) : BigInt(self);
    return size === 0n ? 0 : size.toString(2).length;
  }),
};

export function pairsOf(dict: Dict): Tuple[] {
  return Array.from(dict.entries(), (pair) => new Tuple(pair));
}

function method<T>(
  table: Readonly<Record<string, BuiltIn<T>>>,
  self: T,
  name: string,
  size: number,
  budget: Budget,
): Value | undefined {
  if (!Object.hasOwn(table, name)) return undefined;
  const { parameters, run } = table[name]!;
  return new Callable(name, (args, named) => {
    budget.step(1 + size);
    return run(self, bind(name, parameters, args, named), budget);
  });
}

/** What Python's `getattr` finds; `undefined` where there is nothing. */
function ownAttribute(object: Value, name: string, budget: Budget): Value | undefined {
  if (isText(object)) return stringMethod(object, name, budget);
  if (object instanceof Dict)
    return method(dictMethods, object, name, name === 'get' ? 0 : object.size, budget);
  if (isList(object)) {
    if (name === 'copy') return new Callable(name, () => object);
    return method(sequenceMethods, object, name, object.length, budget);
  }
  if (object instanceof Tuple)
    return (
      method(sequenceMethods, object.items, name, object.items.length, budget) ?? namedPart(object, name)
    );
  if (object instanceof Thing) return object.attribute(name);
  if (object instanceof Callable) return object.attributes?.get(name);
  if (isInteger(object) || object instanceof Float) return method(numberMethods, object, name, 0, budget);
  if (object instanceof Bytes && name === 'decode')
    return new Callable(name, () => new TextDecoder().decode(object.bytes));
  return undefined;
}

/** A group of `groupby`. */
export class Group extends Tuple {}

function namedPart(tuple: Tuple, name: string): Value | undefined {
  if (!(tuple instanceof Group)) return undefined;
  return name === 'grouper' ? tuple.items[0] : name === 'list' ? tuple.items[1] : undefined;
}

function isUnsafe(object: Value, name: string): boolean {
  if (name.startsWith('_')) return true;
  return (changing[typeName(object)] ?? []).includes(name);
}

function unsafe(object: Value, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(object)}' object is unsafe.`, true);
}

function missing(object: Value, name: string): Undefined {
  return new Undefined(`'${typeName(object)} object' has no attribute '${name}'`);
}

/** `object.name`: attributes first, then items. */
export function attribute(object: Value, name: string, budget: Budget): Value {
  requireDefined(object);
  if (isUnsafe(object, name) && hasUnsafe(object, name)) return unsafe(object, name);
  const own = ownAttribute(object, name, budget);
  if (own !== undefined) return own;
  return orElse(object instanceof Dict ? object.get(name) : undefined, missing(object, name));
}

/** Python's values have all names in double underscores; what else begins with one is an item, where there is one. */
function hasUnsafe(object: Value, name: string): boolean {
  if (!name.startsWith('_')) return true;
  return name.startsWith('__') && name.endsWith('__') && !(object instanceof Dict && object.has(name));
}

/** An attribute alone, as the filter `attr` looks for it. */
export function attributeAlone(object: Value, name: string, budget: Budget): Value {
  if (object instanceof Undefined) return missing(object, name);
  if (isUnsafe(object, name)) return unsafe(object, name);
  return orElse(ownAttribute(object, name, budget), missing(object, name));
}

/** `object[index]`: items first, then attributes. */
export function item(object: Value, index: Value, budget: Budget): Value {
  requireDefined(object);
  const found = itemOrNothing(object, index, budget);
  if (found !== undefined) return found;
  if (!isText(index))
    return new Undefined(`'${typeName(object)} object' has no element ${plain(toRepr(index, budget))}`);
  const name = plain(index);
  if (isUnsafe(object, name) && hasUnsafe(object, name)) return unsafe(object, name);
  return orElse(ownAttribute(object, name, budget), missing(object, name));
}

function itemOrNothing(object: Value, index: Value, budget: Budget): Value | undefined {
  if (object instanceof Dict) return isList(index) || index instanceof Dict ? undefined : object.get(index);
  if (index instanceof Slice) return cut(object, index, budget);
  const at = typeof index === 'boolean' ? Number(index) : index;
  if (typeof at !== 'number') return undefined;
  if (isText(object)) return character(object, at, budget);
  const items = isList(object)
    ? object
    : object instanceof Tuple
      ? object.items
      : object instanceof View && object.arguments !== null
        ? object.items
        : null;
  if (items !== null) return items.at(at) === undefined || at < -items.length ? undefined : items.at(at);
  return object instanceof Bytes ? object.bytes.at(at) : undefined;
}

function character(text: Text, index: number, budget: Budget): Text | undefined {
  const all = plain(text);
  budget.scan(all.length);
  const length = codePointLength(all);
  const at = index < 0 ? index + length : index;
  if (at < 0 || at >= length) return undefined;
  if (length === all.length) return sliced(text, at, at + 1);
  let units = 0;
  for (let i = 0; i < at; i++) units += all.codePointAt(units)! > 0xffff ? 2 : 1;
  return sliced(text, units, units + (all.codePointAt(units)! > 0xffff ? 2 : 1));
}

/** What stands between brackets with colons. */
export class Slice extends Thing {
  readonly typeName = 'slice';
  readonly start: Value;
  readonly stop: Value;
  readonly step: Value;

  constructor(start: Value, stop: Value, step: Value) {
    super();
    this.start = start;
    this.stop = stop;
    this.step = step;
  }

  attribute(): undefined {
    return undefined;
  }
}

function cut(object: Value, slice: Slice, budget: Budget): Value | undefined {
  if (isText(object)) budget.scan(plain(object).length);
  const isWholeText = isText(object) && (slice.step === null || slice.step === 1) && !hasPairs(plain(object));
  if (isWholeText) {
    const { start, stop } = bounds(slice, plain(object).length);
    return sliced(object, start, Math.max(start, stop));
  }
  const sequence =
    isText(object) ||
    isList(object) ||
    object instanceof Tuple ||
    (object instanceof View && object.arguments !== null);
  if (!sequence) return undefined;
  const items = itemsOf(object, budget);
  const { start, stop, step } = bounds(slice, items.length);
  const taken: Value[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) taken.push(items[at]!);
  if (isText(object)) return joined(taken as Text[]);
  if (object instanceof View) return new View(object.name, taken, rangeOf(object, start, stop, step));
  return object instanceof Tuple ? new Tuple(taken) : taken;
}

/** What a part of a range prints in its brackets. */
function rangeOf({ arguments: args, items }: View, start: number, stop: number, step: number): Value[] {
  const by = Number(args?.[2] ?? 1);
  const first = items.length > 0 ? Number(items[0]) : Number(args?.[0] ?? 0);
  const ends = [first + start * by, first + stop * by];
  return by * step === 1 ? ends : [...ends, by * step];
}

function bounds({ start, stop, step }: Slice, length: number): { start: number; stop: number; step: number } {
  for (const part of [start, stop, step])
    if (part !== null && !isInteger(part) && typeof part !== 'boolean')
      throw typeError('slice indices must be integers or None');
  const by = wholeArgument(step, 1);
  if (by === 0) throw valueError('slice step cannot be zero');
  const [low, high] = by > 0 ? [0, length] : [-1, length - 1];
  const place = (value: Value, fallback: number): number => {
    const at = wholeArgument(value, fallback);
    if (value === null) return fallback;
    return Math.min(high, Math.max(low, at < 0 ? at + length : at));
  };
  return { start: place(start, by > 0 ? 0 : length - 1), stop: place(stop, by > 0 ? length : -1), step: by };
}
