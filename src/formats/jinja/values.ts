/**
 * Python's values, as far as templates know them. Whole numbers are JavaScript's where those are exact and bigints
 * beyond; a float is boxed, so that 1.0 stays apart from 1; a list is an array; strings are `Text`.
 */
import { typeError } from './errors.js';
import { isText, plain, type Text, UserText } from './text.js';

export type Value =
  | null
  | boolean
  | number
  | bigint
  | Text
  | Float
  | readonly Value[]
  | Tuple
  | Dict
  | View
  | Generator
  | Bytes
  | Undefined
  | Callable
  | Thing;

export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export class Tuple {
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** What `.keys()`, `.values()`, `.items()` and `range()` give: it can be iterated again, and printed with its name. */
export class View {
  readonly name: string;
  readonly items: readonly Value[];
  /** Inside of the brackets of a range. */
  readonly arguments: readonly Value[] | null;

  constructor(name: string, items: readonly Value[], args: readonly Value[] | null = null) {
    this.name = name;
    this.items = items;
    this.arguments = args;
  }
}

/** What lazy filters give: it can be iterated once, and has no length. */
export class Generator {
  private readonly items: readonly Value[];
  private at = 0;

  constructor(items: readonly Value[]) {
    this.items = items;
  }

  take(): readonly Value[] {
    const rest = this.at === 0 ? this.items : this.items.slice(this.at);
    this.at = this.items.length;
    return rest;
  }

  next(): Value | undefined {
    return this.items[this.at++];
  }
}

export class Bytes {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** What is not there. It prints as nothing; most other uses throw its reason. */
export class Undefined {
  readonly reason: string;
  /** An attribute that the sandbox keeps from templates. */
  readonly isUnsafe: boolean;

  constructor(reason: string, isUnsafe = false) {
    this.reason = reason;
    this.isUnsafe = isUnsafe;
  }
}

export type Named = ReadonlyMap<string, Value>;

export class Callable {
  readonly name: string;
  readonly call: (args: readonly Value[], named: Named) => Value;
  /** Of macros. */
  readonly attributes: ReadonlyMap<string, Value> | null;

  constructor(
    name: string,
    call: (args: readonly Value[], named: Named) => Value,
    attributes: ReadonlyMap<string, Value> | null = null,
  ) {
    this.name = name;
    this.call = call;
    this.attributes = attributes;
  }
}

/** An object with attributes: `loop`, a namespace, a cycler. */
export abstract class Thing {
  abstract readonly typeName: string;
  abstract attribute(name: string): Value | undefined;
  call(_args: readonly Value[], _named: Named): Value {
    throw typeError(`'${this.typeName}' object is not callable`);
  }
}

export class Namespace extends Thing {
  readonly typeName = 'Namespace';
  readonly values: Map<string, Value>;

  constructor(values: Iterable<readonly [string, Value]>) {
    super();
    this.values = new Map(values);
  }

  attribute(name: string): Value | undefined {
    return this.values.get(name);
  }
}

type Key = string | number | bigint | null;

/** In front of keys that are no strings and of strings that begin like this. */
const MARK = '\udfff';

/** Equal keys, and only those, have the same: 1, 1.0 and True are one key. */
function keyOf(value: Value): Key {
  if (isText(value)) {
    const text = plain(value);
    return text.startsWith(MARK) ? MARK + text : text;
  }
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number' || typeof value === 'bigint' || value === null) return value;
  if (value instanceof Float)
    return Number.isSafeInteger(value.value) ? value.value : `${MARK}f${value.value}`;
  if (value instanceof Tuple) {
    const keys = value.items.map((item) => {
      const key = keyOf(item);
      return typeof key === 'string' ? JSON.stringify(key) : String(key);
    });
    return `${MARK}t${keys.join()}`;
  }
  if (value instanceof Undefined) return `${MARK}u`;
  throw typeError(`unhashable type: '${typeName(value)}'`);
}

/** A mapping that keeps the order in which keys came. */
export class Dict {
  private readonly map = new Map<Key, { readonly key: Value; value: Value }>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.map.size;
  }

  get(key: Value): Value | undefined {
    return this.map.get(typeof key === 'string' && key[0] !== MARK ? key : keyOf(key))?.value;
  }

  has(key: Value): boolean {
    return this.map.has(keyOf(key));
  }

  /** Only while it is made: templates cannot change a mapping. */
  set(key: Value, value: Value): void {
    const id = keyOf(key);
    const known = this.map.get(id);
    if (known) known.value = value;
    else this.map.set(id, { key, value });
  }

  *entries(): IterableIterator<readonly [Value, Value]> {
    for (const { key, value } of this.map.values()) yield [key, value];
  }

  keys(): Value[] {
    return Array.from(this.map.values(), ({ key }) => key);
  }

  values(): Value[] {
    return Array.from(this.map.values(), ({ value }) => value);
  }
}

/** What was found, which may be None, or something else where nothing was. */
export function orElse(found: Value | undefined, otherwise: Value): Value {
  return found === undefined ? otherwise : found;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isInteger(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

export function isNumber(value: Value): value is number | bigint | boolean | Float {
  return isInteger(value) || typeof value === 'boolean' || value instanceof Float;
}

/** A whole number in the form that it has. */
export function integer(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** Python's name of a type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (isText(value)) return 'str';
  if (isInteger(value)) return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof Float) return 'float';
  if (isList(value)) return 'list';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Dict) return 'dict';
  if (value instanceof View) return value.name;
  if (value instanceof Generator) return 'generator';
  if (value instanceof Bytes) return 'bytes';
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Callable) return 'function';
  return value.typeName;
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value !== '';
  if (value === null || value instanceof Undefined) return false;
  if (value instanceof UserText) return value.text !== '';
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'bigint') return value !== 0n;
  if (value instanceof Float) return value.value !== 0;
  if (isList(value)) return value.length > 0;
  if (value instanceof Tuple || value instanceof View) return value.items.length > 0;
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof Bytes) return value.bytes.length > 0;
  return true;
}
