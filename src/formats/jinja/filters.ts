/** The filters of lists, mappings and numbers; with the ones of texts, all that a template can name. */
import { type BuiltIn, bind, builtIn, plainArgument, wholeArgument } from './arguments.js';
import { attributeAlone, Group, item, pairsOf } from './attributes.js';
import type { Budget } from './budget.js';
import { JinjaError, typeError, valueError } from './errors.js';
import { formatPercent } from './format-percent.js';
import { fixed } from './format-spec.js';
import { binary, equal, itemsOf, negated, order, requireDefined } from './operators.js';
import { toText } from './printing.js';
import { joinTexts } from './splitting.js';
import { runTest } from './tests.js';
import { codePointLength, isText, joined, likewise, plain, type Text } from './text.js';
import { textFilters } from './text-filters.js';
import {
  Bytes,
  Dict,
  Float,
  Generator,
  integer,
  isInteger,
  isList,
  isNumber,
  isTrue,
  type Named,
  orElse,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.js';

type Filter = (self: Value, args: readonly Value[], named: Named, budget: Budget) => Value;

/** Throws JinjaError where there is no such filter. */
export function runFilter(
  name: string,
  self: Value,
  args: readonly Value[],
  named: Named,
  budget: Budget,
): Value {
  if (isText(self)) budget.scan(plain(self).length);
  const free = Object.hasOwn(freeFilters, name) ? freeFilters[name] : undefined;
  if (free) return free(self, args, named, budget);
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (filter === undefined) throw new JinjaError('TemplateError', `No filter named '${name}'.`);
  return filter.run(self, bind(name, filter.parameters, args, named), budget);
}

export function isFilter(name: string): boolean {
  return Object.hasOwn(freeFilters, name) || Object.hasOwn(filters, name);
}

/** A getter for `a.b.0`: parts by dots, whole numbers as indices; a text is compared without its case if asked to. */
function getter(
  path: Value | undefined,
  fallback: Value | undefined,
  budget: Budget,
): (value: Value) => Value {
  if (path === undefined || path === null) return (value) => value;
  const parts = isText(path)
    ? plain(path)
        .split('.')
        .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
    : [path];
  return (value) => {
    let current = value;
    for (const part of parts) {
      budget.step();
      current = item(current, part, budget);
      if (current instanceof Undefined && fallback !== undefined) current = fallback;
    }
    return current;
  };
}

function withoutCase(value: Value): Value {
  return isText(value) ? likewise(value, plain(value).toLowerCase()) : value;
}

function sortKey(
  attribute: Value | undefined,
  isCased: Value | undefined,
  budget: Budget,
): (value: Value) => Value {
  const paths = attribute !== undefined && isText(attribute) ? plain(attribute).split(',') : [attribute];
  const getters = paths.map((path) => getter(path, undefined, budget));
  const prepared = isTrue(isCased ?? false) ? (value: Value) => value : withoutCase;
  if (getters.length === 1) return (value) => prepared(getters[0]!(value));
  return (value) => getters.map((get) => prepared(get(value)));
}

function sorted(
  items: readonly Value[],
  key: (value: Value) => Value,
  isReversed: boolean,
  budget: Budget,
): Value[] {
  const keyed = items.map((value) => ({ value, key: key(value) }));
  keyed.sort((a, b) => (isReversed ? -1 : 1) * order(a.key, b.key, '<', budget));
  return keyed.map(({ value }) => value);
}

function extreme(sign: 1 | -1): BuiltIn<Value> {
  return builtIn('case_sensitive attribute', (self, [isCased, attribute], budget) => {
    const key = sortKey(attribute, isCased, budget);
    let best: Value | undefined;
    for (const value of itemsOf(self, budget))
      if (best === undefined || sign * order(key(value), key(best), '<', budget) < 0) best = value;
    return orElse(best, new Undefined('No aggregated item, sequence was empty.'));
  });
}

function lengthOf(value: Value): number {
  requireNoGenerator(value);
  if (isText(value)) return codePointLength(plain(value));
  if (value instanceof Bytes) return value.bytes.length;
  if (value instanceof Dict) return value.size;
  if (isList(value)) return value.length;
  if (value instanceof Tuple || value instanceof View) return value.items.length;
  if (value instanceof Undefined) {
    if (value.isUnsafe) requireDefined(value);
    return 0;
  }
  throw typeError(`object of type '${typeName(value)}' has no len()`);
}

function requireNoGenerator(value: Value): void {
  if (value instanceof Generator) throw typeError("object of type 'generator' has no len()");
}

const length = builtIn<Value>('', (self) => lengthOf(self));

const fallback = builtIn<Value>('default_value boolean', (self, [value = '', boolean = false]) =>
  self instanceof Undefined || (isTrue(boolean) && !isTrue(self)) ? value : self,
);

function wholeFromText(text: string, base: number): Value | null {
  const digits = text
    .trim()
    .replace(/(?<=\w)_(?=\w)/g, '')
    .toLowerCase();
  const match = /^([-+]?)(0x|0o|0b)?([0-9a-z]+)$/.exec(digits);
  if (match === null || text.length > 4300) return null;
  const [, sign, prefix, body] = match as unknown as [string, string, string | undefined, string];
  const prefixBase = prefix === undefined ? null : { '0x': 16, '0o': 8, '0b': 2 }[prefix]!;
  if (prefixBase !== null && prefixBase !== base) return null;
  let value = 0n;
  for (const char of body) {
    const digit = Number.parseInt(char, 36);
    if (digit >= base) return null;
    value = value * BigInt(base) + BigInt(digit);
  }
  return integer(sign === '-' ? -value : value);
}

function floatFromText(text: string): number | null {
  const digits = text
    .trim()
    .replace(/(?<=\d)_(?=\d)/g, '')
    .toLowerCase();
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(digits)) return Number(digits);
  const match = /^([-+]?)(inf|infinity|nan)$/.exec(digits);
  if (match === null) return null;
  return match[2] === 'nan' ? Number.NaN : match[1] === '-' ? -Infinity : Infinity;
}

const toInteger = builtIn<Value>('default base', (self, [otherwise = 0, base = 10]) => {
  if (isInteger(self)) return self;
  if (typeof self === 'boolean') return Number(self);
  if (self instanceof Float)
    return Number.isFinite(self.value) ? integer(BigInt(Math.trunc(self.value))) : otherwise;
  if (!isText(self)) return otherwise;
  const whole = wholeFromText(plain(self), wholeArgument(base, 10));
  if (whole !== null) return whole;
  const float = floatFromText(plain(self));
  return float !== null && Number.isFinite(float) ? integer(BigInt(Math.trunc(float))) : otherwise;
});

const toFloat = builtIn<Value>('default', (self, [otherwise = new Float(0)]) => {
  if (self instanceof Float) return self;
  if (isNumber(self)) return new Float(Number(self));
  const float = isText(self) ? floatFromText(plain(self)) : null;
  return float === null ? otherwise : new Float(float);
});

const round = builtIn<Value>('precision method', (self, [precision, method = 'common']) => {
  requireDefined(self);
  if (!isNumber(self)) throw typeError(`type ${typeName(self)} doesn't define __round__ method`);
  const digits = wholeArgument(precision, 0);
  const how = plainArgument(method, 'method');
  const value = self instanceof Float ? self.value : Number(self);
  if (how === 'ceil' || how === 'floor') return new Float(Math[how](value * 10 ** digits) / 10 ** digits);
  if (how !== 'common') throw valueError('method must be common, ceil or floor');
  if (!(self instanceof Float))
    return digits < 0 ? wholeRounded(BigInt(self), 10n ** BigInt(Math.min(-digits, 400))) : self;
  if (!Number.isFinite(value) || digits > 300) return self;
  if (digits < 0)
    return new Float(Number(wholeRounded(BigInt(Math.trunc(value)), 10n ** BigInt(Math.min(-digits, 400)))));
  return new Float(Math.sign(value) * Number(fixed(Math.abs(value), digits)));
});

/** The nearest multiple; of two that are as near, the even one. */
function wholeRounded(value: bigint, unit: bigint): number | bigint {
  const rest = ((value % unit) + unit) % unit;
  const down = value - rest;
  const isUp = rest * 2n > unit || (rest * 2n === unit && (down / unit) % 2n !== 0n);
  return integer(isUp ? down + unit : down);
}

const sum = builtIn<Value>('attribute start', (self, [attribute, start = 0], budget) => {
  const get = getter(attribute, undefined, budget);
  return itemsOf(self, budget).reduce<Value>((total, value) => binary('+', total, get(value), budget), start);
});

const join = builtIn<Value>('d attribute', (self, [between = '', attribute], budget) => {
  const get = getter(attribute, undefined, budget);
  const texts = itemsOf(self, budget).map((value) => toText(get(value), budget));
  return joinTexts(toText(between, budget), texts, budget);
});

const dictsort = builtIn<Value>(
  'case_sensitive by reverse',
  (self, [isCased, by = 'key', isReversed = false], budget) => {
    if (!(self instanceof Dict)) {
      requireDefined(self);
      throw typeError(`'${typeName(self)}' object has no attribute 'items'`);
    }
    const at = { key: 0, value: 1 }[plainArgument(by, 'by')];
    if (at === undefined)
      throw new JinjaError('TemplateError', 'You can only sort by either "key" or "value"');
    const key = (pair: Value): Value => {
      const value = (pair as Tuple).items[at]!;
      return isTrue(isCased ?? false) ? value : withoutCase(value);
    };
    budget.step(self.size);
    return sorted(pairsOf(self), key, isTrue(isReversed), budget);
  },
);

const groupby = builtIn<Value>(
  'attribute! default case_sensitive',
  (self, [attribute, otherwise, isCased], budget) => {
    const get = getter(attribute, otherwise, budget);
    const key = (value: Value): Value => (isTrue(isCased ?? false) ? get(value) : withoutCase(get(value)));
    const groups: { key: Value; grouper: Value; items: Value[] }[] = [];
    for (const value of sorted(itemsOf(self, budget), key, false, budget)) {
      const id = key(value);
      const last = groups.at(-1);
      if (last && equal(last.key, id, budget)) last.items.push(value);
      else groups.push({ key: id, grouper: get(value), items: [value] });
    }
    return groups.map(({ grouper, items }) => new Group([grouper, items]));
  },
);

const unique = builtIn<Value>('case_sensitive attribute', (self, [isCased, attribute], budget) => {
  const key = sortKey(attribute, isCased, budget);
  const seen = new Dict();
  const items = itemsOf(self, budget).filter((value) => {
    const id = key(value);
    if (seen.has(id)) return false;
    seen.set(id, true);
    return true;
  });
  return new Generator(items);
});

const batch = builtIn<Value>('linecount! fill_with', (self, [count, fill], budget) => {
  const size = Math.max(1, wholeArgument(count, 1));
  const all = itemsOf(self, budget);
  const rows: Value[] = [];
  for (let at = 0; at < all.length; at += size) {
    const row = all.slice(at, at + size);
    rows.push(filled(row, size - row.length, fill, budget));
  }
  return new Generator(rows);
});

function filled(row: readonly Value[], missing: number, fill: Value | undefined, budget: Budget): Value {
  if (fill === undefined || fill === null || missing <= 0) return row;
  budget.step(missing);
  return [...row, ...Array.from({ length: missing }, () => fill)];
}

const slice = builtIn<Value>('slices! fill_with', (self, [count, fill], budget) => {
  const all = itemsOf(self, budget);
  const slices = wholeArgument(count, 1);
  if (slices <= 0) throw new JinjaError('ZeroDivisionError', 'integer division or modulo by zero');
  budget.step(slices);
  const least = Math.floor(all.length / slices);
  const longer = all.length % slices;
  let at = 0;
  const parts = Array.from({ length: slices }, (_, i) => {
    const size = least + (i < longer ? 1 : 0);
    const part = all.slice(at, at + size);
    at += size;
    return longer > 0 && i >= longer ? filled(part, 1, fill, budget) : part;
  });
  return new Generator(parts);
});

const first = builtIn<Value>('', (self, _, budget) => {
  const value = self instanceof Generator ? self.next() : itemsOf(self, budget)[0];
  return orElse(value, new Undefined('No first item, sequence was empty.'));
});

const last = builtIn<Value>('', (self, _, budget) => {
  if (self instanceof Generator) throw typeError("'generator' object is not reversible");
  return orElse(itemsOf(self, budget).at(-1), new Undefined('No last item, sequence was empty.'));
});

const reverse = builtIn<Value>('', (self, _, budget) => {
  const items = itemsOf(self, budget).toReversed();
  return isText(self) ? joined(items as Text[]) : new Generator(items);
});

const filters: Readonly<Record<string, BuiltIn<Value>>> = {
  ...textFilters,
  abs: builtIn('', (self, _, budget) => {
    requireDefined(self);
    if (!isNumber(self)) throw typeError(`bad operand type for abs(): '${typeName(self)}'`);
    return order(self, 0, '<', budget) < 0 ? negated(self) : typeof self === 'boolean' ? Number(self) : self;
  }),
  attr: builtIn('name!', (self, [name], budget) => attributeAlone(self, plainArgument(name, 'name'), budget)),
  batch,
  count: length,
  d: fallback,
  default: fallback,
  dictsort,
  first,
  float: toFloat,
  groupby,
  int: toInteger,
  items: builtIn('', (self) => {
    if (self instanceof Undefined) return new Generator([]);
    if (!(self instanceof Dict)) throw typeError('Can only get item pairs from a mapping.');
    return new Generator(pairsOf(self));
  }),
  join,
  last,
  length,
  list: builtIn('', (self, _, budget) => [...itemsOf(self, budget)]),
  max: extreme(-1),
  min: extreme(1),
  reverse,
  round,
  slice,
  sort: builtIn('reverse case_sensitive attribute', (self, [isReversed, isCased, attribute], budget) =>
    sorted(itemsOf(self, budget), sortKey(attribute, isCased, budget), isTrue(isReversed ?? false), budget),
  ),
  sum,
  unique,
};

const format: Filter = (self, args, named, budget) => {
  if (args.length > 0 && named.size > 0)
    throw typeError("can't handle positional and keyword arguments at the same time");
  return formatPercent(toText(self, budget), named.size > 0 ? new Dict(named) : new Tuple(args), budget);
};

const mapFilter: Filter = (self, args, named, budget) => {
  // None has no items and gives none, as Jinja's own `if value:` does.
  const items = isTrue(self) ? itemsOf(self, budget) : [];
  if (args.length === 0 && named.has('attribute')) {
    const get = getter(named.get('attribute'), named.get('default'), budget);
    return new Generator(items.map(get));
  }
  const [name, ...rest] = args;
  if (name === undefined) throw new JinjaError('TemplateError', 'map requires a filter argument');
  return new Generator(
    items.map((value) => runFilter(plainArgument(name, 'filter'), value, rest, named, budget)),
  );
};

/** `select`, `reject` and the ones that look at an attribute. */
function choosing(keeps: boolean, byAttribute: boolean): Filter {
  return (self, args, named, budget) => {
    const rest = [...args];
    if (byAttribute && rest.length === 0)
      throw new JinjaError('TemplateError', 'Missing parameter for attribute name');
    const get = byAttribute ? getter(rest.shift(), undefined, budget) : (value: Value) => value;
    const [name, ...more] = rest;
    const passes = (value: Value): boolean =>
      name === undefined ? isTrue(value) : runTest(plainArgument(name, 'test'), value, more, named, budget);
    const items = isTrue(self) ? itemsOf(self, budget) : [];
    return new Generator(items.filter((value) => passes(get(value)) === keeps));
  };
}

/** Filters that match arguments themselves. */
const freeFilters: Readonly<Record<string, Filter>> = {
  format,
  map: mapFilter,
  select: choosing(true, false),
  reject: choosing(false, false),
  selectattr: choosing(true, true),
  rejectattr: choosing(false, true),
};
