/**
 * JSON Schema to rules. Every text of the language validates; of the valid texts it has those with properties in the
 * order of the schema, with no properties beyond those named unless `additionalProperties` asks for them, and with
 * little white space. A keyword that would be broken is refused, one that says nothing about validity is passed over.
 */
import type { Budget } from '../../core/budget.js';
import { messageOf } from '../../core/errors.js';
import {
  alt,
  type CodePoints,
  chars,
  codePointsOf,
  type Expr,
  empty,
  nothing,
  optional,
  type Rules,
  repeat,
  rootRule,
  rule,
  seq,
  text,
  without,
} from './expr.js';
import { formatShapes, stringFormats } from './formats.js';
import {
  anyArray,
  anyInteger,
  anyNumber,
  anyObject,
  anyString,
  anyValue,
  comma,
  insideString,
  jsonParts,
  plainCharacter,
  plainCharacters,
  space,
  stringCharacter,
} from './json.js';
import {
  boundsOf,
  count,
  defined,
  doesBind,
  isOfType,
  isTypeKeyword,
  refuseUnkept,
  type Type,
  types,
  typesOf,
} from './keywords.js';
import { withLength } from './length.js';
import { grammarError } from './limits.js';
import {
  annotations,
  areDisjoint,
  constantsOf,
  isObject,
  mergeSchemas,
  type Schema,
  type SchemaObject,
  schemaError,
} from './merge.js';
import { multiplesOf } from './multiples.js';
import { decimalsBetween, integersBetween } from './number.js';
import { parseRegex, searchRegex } from './regex.js';
import { seemWithin } from './samples.js';

const mostDepth = 100;
/** Different values whose order is free; each doubles what has to be known of those that came. */
const mostShuffled = 6;
const unbounded = Number.POSITIVE_INFINITY;

/** Throws OptionError on text that is no JSON schema, and on what it cannot keep. */
export function schemaRules(source: string, budget: Budget): Rules {
  budget.spend(source.length);
  let schema: unknown;
  try {
    schema = JSON.parse(source);
  } catch (thrown) {
    throw grammarError(`a schema that is no JSON (${messageOf(thrown)})`, 'a JSON schema', 'Correct it.');
  }
  return new SchemaCompiler(schema, budget).compile();
}

class SchemaCompiler {
  private readonly root: unknown;
  private readonly rules = new Map(jsonParts);
  private readonly budget: Budget;
  /** Rules that are called and not compiled yet, by name. */
  private readonly pending = new Map<string, { readonly schema: () => Schema; readonly path: string }>();
  /** Names of the rules of schemas that came of others, by their text. */
  private readonly merged = new Map<string, string>();
  private readonly formats = new Map<string, Expr>();
  private depth = 0;

  constructor(root: unknown, budget: Budget) {
    this.root = root;
    this.budget = budget;
  }

  compile(): Rules {
    this.rules.set(rootRule, this.reference('#'));
    for (const [name, { schema, path }] of this.pending) this.rules.set(name, this.value(schema(), path));
    return this.rules;
  }

  private reference(pointer: string): Expr {
    if (!this.pending.has(pointer))
      this.pending.set(pointer, { schema: () => this.resolve(pointer), path: pointer });
    return rule(pointer);
  }

  /**
   * The language of a schema that was put together from others. It is a rule, compiled once and after what calls it,
   * so that references side by side are not unfolded again and again.
   */
  private combined(schema: Schema, path: string): Expr {
    if (!isObject(schema)) return this.value(schema, path);
    const written = JSON.stringify(Object.entries(schema).filter(([keyword]) => !annotations.has(keyword)));
    this.budget.spend(written.length >> 2);
    let name = this.merged.get(written);
    if (name === undefined) {
      name = `merged ${this.merged.size}`;
      this.merged.set(written, name);
      this.pending.set(name, { schema: () => schema, path });
    }
    return rule(name);
  }

  /** The language of the values that `schema`, found at `path`, allows. */
  private value(schema: Schema, path: string): Expr {
    if (schema === true) return anyValue;
    if (schema === false) return nothing;
    if (!isObject(schema)) throw schemaError(path, schema, 'an object, true or false');
    this.budget.spend(16);
    if (++this.depth > mostDepth) throw schemaError(path, 'deeper schemas', `at most ${mostDepth} levels`);
    const expr = this.object(schema, path);
    this.depth--;
    return expr;
  }

  private object(given: SchemaObject, path: string): Expr {
    const schema = asRecord(evaluated(given, path));
    refuseUnkept(schema, path);
    const { $ref: ref, allOf, anyOf, oneOf, ...rest } = schema;
    if (ref !== undefined) {
      if (typeof ref !== 'string')
        throw schemaError(path, '"$ref" that is no text', 'a JSON pointer like #/$defs/a');
      if (doesBind(schema))
        return this.combined(
          this.merge(this.resolve(ref), { ...rest, ...defined({ allOf, anyOf, oneOf }) }, path),
          path,
        );
      return this.reference(ref);
    }
    if (allOf !== undefined) {
      const parts = this.list(allOf, `${path}/allOf`).map((part) => this.dereferenced(part, path));
      const others: Schema = { ...rest, ...defined({ anyOf, oneOf }) };
      return this.combined(
        parts.reduce((all, part) => this.merge(all, part, path), others),
        path,
      );
    }
    if (anyOf !== undefined || oneOf !== undefined) {
      const name = anyOf === undefined ? 'oneOf' : 'anyOf';
      const options = this.list(anyOf ?? oneOf, `${path}/${name}`);
      const others: SchemaObject = { ...rest, ...(anyOf === undefined ? {} : defined({ oneOf })) };
      const binds = doesBind(others);
      if (name === 'oneOf') this.requireDisjoint(options, path);
      return alt(
        ...options.map((option, i) =>
          binds
            ? this.combined(this.merge(others, this.dereferenced(option, path), path), `${path}/${name}/${i}`)
            : this.value(option, `${path}/${name}/${i}`),
        ),
      );
    }
    if ('const' in schema || 'enum' in schema) return this.constants(schema, path);
    return alt(...typesOf(schema, path).map((type) => this.typed(type, schema, path)));
  }

  /** A text that matches two branches of `oneOf` is not valid, so no two may overlap. */
  private requireDisjoint(options: readonly Schema[], path: string): void {
    const resolved = options.map((option) => this.dereferenced(option, path));
    const constants = resolved.map(constantsOf);
    const all = constants.flatMap((values) => [...(values ?? [])]);
    if (constants.every((values) => values !== null) && new Set(all).size === all.length) return;
    for (const [i, a] of resolved.entries()) {
      for (const b of resolved.slice(0, i)) {
        if (areDisjoint(a, b, this.budget)) continue;
        throw schemaError(
          path,
          '"oneOf" with branches that may both hold',
          'branches of different types, or objects that a required constant tells apart; or "anyOf"',
        );
      }
    }
  }

  private constants(schema: SchemaObject, path: string): Expr {
    const extra = Object.keys(schema).find((key) => isTypeKeyword(key) && key !== 'format');
    if (extra !== undefined) throw schemaError(path, `"${extra}" beside "const" or "enum"`, 'one of them');
    let values: readonly unknown[] = 'const' in schema ? [schema.const] : [];
    if ('enum' in schema) {
      const listed = schema.enum;
      if (!Array.isArray(listed)) throw schemaError(path, '"enum" that is no list', 'a list of values');
      const all: readonly unknown[] = listed;
      const wanted = values.map((value) => JSON.stringify(value));
      values = 'const' in schema ? all.filter((value) => wanted.includes(JSON.stringify(value))) : all;
    }
    const allowed = schema.type === undefined ? types : typesOf(schema, path);
    const pattern = formatOf(schema);
    const form = pattern === undefined ? null : new RegExp(`^(?:${pattern})$`, 'u');
    const fitting = values.filter(
      (value) =>
        allowed.some((type) => isOfType(value, type)) &&
        (form === null || typeof value !== 'string' || form.test(value)),
    );
    return alt(...fitting.map((value) => text(JSON.stringify(value))));
  }

  private typed(type: Type, schema: SchemaObject, path: string): Expr {
    switch (type) {
      case 'null':
        return text('null');
      case 'boolean':
        return alt(text('true'), text('false'));
      case 'integer':
      case 'number':
        return this.number(type, schema, path);
      case 'string':
        return this.string(schema, path);
      case 'array':
        return this.array(schema, path);
      case 'object':
        return this.properties(schema, path);
    }
  }

  private number(type: 'integer' | 'number', schema: SchemaObject, path: string): Expr {
    const { low, high } = boundsOf(schema, path);
    const { multipleOf: step } = schema;
    if (step !== undefined && !(step === 1 && type === 'integer')) {
      if (typeof step !== 'number' || step <= 0)
        throw schemaError(path, `"multipleOf": ${JSON.stringify(step)}`, 'a number above 0');
      return multiplesOf(step, low, high, type === 'integer');
    }
    if (type === 'integer') return low === null && high === null ? anyInteger : integersBetween(low, high);
    return low === null && high === null ? anyNumber : decimalsBetween(low, high);
  }

  private string(schema: SchemaObject, path: string): Expr {
    const { pattern } = schema;
    const least = count(schema, 'minLength', path) ?? 0;
    const most = count(schema, 'maxLength', path) ?? unbounded;
    const quoted = (inside: Expr): Expr => seq(text('"'), inside, text('"'));
    /** The texts whose length is within the bounds as well. */
    const bounded = (expr: Expr, keyword: string): Expr => {
      const fitting = withLength(expr, { least, most });
      if (fitting !== null) return fitting;
      throw schemaError(path, `"${keyword}" with a length that cannot be counted beside it`, 'one of them');
    };
    const format = formatOf(schema);
    if (pattern !== undefined && typeof pattern !== 'string')
      throw schemaError(path, '"pattern" that is no text', 'a regular expression');
    if (pattern !== undefined && (format === undefined || !this.isWithin(format, pattern))) {
      const expr = searchRegex(pattern, this.budget);
      // Makers of schemas write the pattern of a format beside its name.
      const shape = formatShapes.get(String(schema.format));
      if (format !== undefined && (shape === undefined || !seemWithin(expr, shape)))
        throw schemaError(path, '"pattern" beside "format"', 'one of them');
      return quoted(insideString(bounded(expr, 'pattern'), this.budget));
    }
    if (format !== undefined) {
      const expr = parseRegex(format, this.budget).get(rootRule)!;
      const fitting = bounded(expr, 'format');
      return quoted(fitting === expr ? this.format(format, expr) : insideString(fitting, this.budget));
    }
    if (least > most) return nothing;
    return least > 0 || most < unbounded ? quoted(repeat(stringCharacter, least, most)) : anyString;
  }

  private format(pattern: string, expr: Expr): Expr {
    let known = this.formats.get(pattern);
    if (known === undefined) {
      known = this.shared(insideString(expr, this.budget));
      this.formats.set(pattern, known);
    }
    return known;
  }

  /** Whether the texts of a format match a pattern as well, which may have what no grammar has, such as look-around. */
  private isWithin(format: string, pattern: string): boolean {
    this.budget.spend(4096);
    let form: RegExp;
    try {
      form = new RegExp(pattern, 'u');
    } catch {
      return false;
    }
    return seemWithin(parseRegex(format, this.budget).get(rootRule)!, form);
  }

  private array(schema: SchemaObject, path: string): Expr {
    const least = count(schema, 'minItems', path) ?? 0;
    if (schema.uniqueItems === true && schema.maxItems !== 0 && schema.maxItems !== 1)
      return this.uniqueItems(schema, least, path);
    const prefix =
      schema.prefixItems === undefined ? [] : this.list(schema.prefixItems, `${path}/prefixItems`);
    const more = least > prefix.length ? true : prefix.length === 0;
    const items = schema.items === undefined ? more : schema.items;
    const most = count(schema, 'maxItems', path) ?? unbounded;
    if (least > most) return nothing;
    if (prefix.length === 0 && items === true && least === 0 && most === unbounded) return anyArray;
    const item = this.value(items, `${path}/items`);
    const repeated = (i: number): Expr => repeat(seq(comma, item), Math.max(0, least - i), most - i);
    let elements: Expr;
    if (prefix.length === 0) {
      const all = most === 0 ? empty : seq(item, repeated(1));
      elements = least > 0 ? all : optional(all);
    } else {
      elements = most > prefix.length ? repeated(prefix.length) : empty;
      for (let i = Math.min(prefix.length, most) - 1; i >= 0; i--) {
        const element = this.value(prefix[i]!, `${path}/prefixItems/${i}`);
        const rest = seq(i === 0 ? empty : comma, element, this.shared(elements));
        elements = i < least ? rest : optional(rest);
      }
    }
    return seq(text('['), space, elements, space, text(']'));
  }

  /** Different values: few of them in any order, many in the order in which the schema lists them. */
  private uniqueItems(schema: SchemaObject, least: number, path: string): Expr {
    const items = schema.items === undefined ? null : this.dereferenced(schema.items, path);
    const isBoolean =
      isObject(items) && items.type === 'boolean' && !('enum' in items) && !('const' in items);
    const values = isBoolean ? new Set(['true', 'false']) : constantsOf(items);
    if (values === null || schema.prefixItems !== undefined)
      throw schemaError(path, '"uniqueItems" of items without end', 'items with "enum", or no "uniqueItems"');
    const item = this.value(items, `${path}/items`);
    if (item === nothing) return least > 0 ? nothing : seq(text('['), space, text(']'));
    const most = count(schema, 'maxItems', path) ?? values.size;
    const parts = [...values].map(text);
    const some =
      parts.length <= mostShuffled ? this.shuffled(parts, least, most) : this.some(parts, least, most);
    return seq(text('['), space, some, space, text(']'));
  }

  /** Some of the parts in any order, between `least` and `most` of them, with commas between. */
  private shuffled(parts: readonly Expr[], least: number, most: number): Expr {
    const made = new Map<number, Expr>();
    const after = (taken: number, size: number): Expr => {
      let known = made.get(taken);
      if (known === undefined) {
        this.budget.spend(8 * parts.length);
        const next = parts.flatMap((part, i) =>
          taken & (1 << i) || size === most
            ? []
            : [seq(size === 0 ? empty : comma, part, after(taken | (1 << i), size + 1))],
        );
        known = this.shared(alt(...(size >= least ? [empty] : []), ...next));
        made.set(taken, known);
      }
      return known;
    };
    return after(0, 0);
  }

  /** Some of the parts in their order, between `least` and `most` of them, with commas between. */
  private some(parts: readonly Expr[], least: number, most: number): Expr {
    const made = new Map<string, Expr>();
    const from = (index: number, taken: number): Expr => {
      if (taken + parts.length - index < least) return nothing;
      if (index === parts.length || taken === most) return taken >= least ? empty : nothing;
      const key = `${index} ${taken}`;
      let known = made.get(key);
      if (known === undefined) {
        this.budget.spend(8);
        const taking = seq(taken === 0 ? empty : comma, parts[index]!, from(index + 1, taken + 1));
        known = this.shared(alt(taking, from(index + 1, taken)));
        made.set(key, known);
      }
      return known;
    };
    return from(0, 0);
  }

  /** The schema with the names that `propertyNames` lists as properties of their own. */
  private withNames(schema: SchemaObject, path: string): { schema: SchemaObject; key: Expr | null } {
    const { propertyNames, ...rest } = schema;
    if (propertyNames === undefined || propertyNames === true) return { schema: rest, key: null };
    const names = this.dereferenced(propertyNames, path);
    if (isObject(names)) {
      const { type = 'string', ...others } = names;
      if (type !== 'string')
        throw schemaError(path, '"propertyNames" that are no strings', 'a schema of strings');
      if (!doesBind(others)) return { schema: rest, key: null };
    }
    const listed = constantsOf(names);
    const given = isObject(rest.properties) ? rest.properties : {};
    if (listed !== null) {
      const known = [...listed].map((name) => JSON.parse(name) as unknown);
      const others = known.filter((name) => typeof name === 'string' && !Object.hasOwn(given, name));
      const value = rest.additionalProperties ?? true;
      const allowed = Object.entries(given).filter(([name]) => known.includes(name));
      const properties = {
        ...Object.fromEntries(allowed),
        ...Object.fromEntries(others.map((name) => [name, value])),
      };
      return { schema: { ...rest, properties, additionalProperties: false }, key: null };
    }
    if (Object.keys(given).length > 0 || Array.isArray(rest.required))
      throw schemaError(
        path,
        '"propertyNames" beside "properties"',
        'one of them, or names listed by "enum"',
      );
    const key = this.value(isObject(names) ? { ...names, type: 'string' } : names, `${path}/propertyNames`);
    return { schema: rest, key };
  }

  private properties(whole: SchemaObject, path: string): Expr {
    const { schema, key } = this.withNames(whole, path);
    const fewest = count(schema, 'minProperties', path) ?? 0;
    const mostNames = count(schema, 'maxProperties', path) ?? unbounded;
    const given = schema.properties;
    if (given !== undefined && !isObject(given))
      throw schemaError(path, '"properties" that is no object', 'an object');
    const required = schema.required ?? [];
    if (!Array.isArray(required) || !required.every((name) => typeof name === 'string')) {
      throw schemaError(path, '"required" that is no list of names', 'a list of names');
    }
    const extra = schema.additionalProperties ?? (given === undefined && required.length === 0);
    const named = new Map<string, Schema>(Object.entries(given ?? {}));
    for (const name of required) if (!named.has(name)) named.set(name, schema.additionalProperties ?? true);
    const isCounted = fewest > 0 || mostNames < unbounded;
    if (named.size === 0 && extra === true && key === null && !isCounted) return anyObject;

    const needed = new Set<unknown>(required);
    const pairs = [...named].map(([name, value]) => ({
      pair: seq(text(`${JSON.stringify(name)}:`), space, this.value(value, `${path}/properties/${name}`)),
      isRequired: needed.has(name),
    }));
    let first: Expr = empty;
    let next: Expr = empty;
    const enough =
      fewest <= needed.size && mostNames >= named.size && (extra === false || mostNames === unbounded);
    if (extra !== false) {
      const value = this.value(extra, `${path}/additionalProperties`);
      const name = key ?? seq(text('"'), keyBeside([...named.keys()], this.budget), text('"'));
      const pair = seq(name, text(':'), space, value);
      if (named.size === 0 && !enough) {
        // A name may come twice, and then it counts once.
        if (fewest > 1) throw schemaError(path, '"minProperties" above 1', 'named properties');
        if (mostNames === 0) return seq(text('{'), space, text('}'));
        const all = seq(pair, repeat(seq(comma, pair), 0, mostNames - 1));
        return seq(text('{'), space, fewest > 0 ? all : optional(all), space, text('}'));
      }
      next = repeat(seq(comma, pair), 0, unbounded);
      first = optional(seq(pair, next));
    }
    if (!enough) {
      if (pairs.some(({ isRequired }) => isRequired) || extra !== false)
        throw schemaError(path, '"minProperties" or "maxProperties" beside "required"', 'one of them');
      return seq(
        text('{'),
        space,
        this.some(
          pairs.map(({ pair }) => pair),
          fewest,
          mostNames,
        ),
        space,
        text('}'),
      );
    }
    for (const { pair, isRequired } of pairs.reverse()) {
      const [restFirst, restNext] = [this.shared(first), this.shared(next)];
      const [asFirst, asNext] = [seq(pair, restNext), seq(comma, pair, restNext)];
      first = isRequired ? asFirst : alt(asFirst, restFirst);
      next = isRequired ? asNext : alt(asNext, restNext);
    }
    return seq(text('{'), space, first, space, text('}'));
  }

  /** A rule for what would be copied otherwise. */
  private shared(expr: Expr): Expr {
    if (expr === empty || expr.kind === 'rule') return expr;
    const name = `part ${this.rules.size}`;
    this.rules.set(name, expr);
    return rule(name);
  }

  private list(value: unknown, path: string): readonly Schema[] {
    if (Array.isArray(value) && value.length > 0) return value;
    throw schemaError(path, 'no list', 'a list of schemas');
  }

  private dereferenced(schema: Schema, path: string): Schema {
    let at = schema;
    for (let hops = 0; isObject(at) && typeof at.$ref === 'string'; hops++) {
      if (hops > mostDepth) throw schemaError(path, 'a "$ref" that leads to itself', 'a schema at its end');
      const { $ref: ref, ...rest } = at;
      at = this.merge(this.resolve(ref as string), rest, path);
    }
    return at;
  }

  private merge(a: Schema, b: Schema, path: string): Schema {
    // It decides of which names the others' `additionalProperties` speak.
    for (const [one, other] of [
      [a, b],
      [b, a],
    ])
      if (isObject(one) && one.patternProperties !== undefined && isObject(other) && doesBind(other))
        throw schemaError(path, '"patternProperties" beside another schema', 'one of them');
    return mergeSchemas(a, b, path, this.budget);
  }

  /** The part of a schema that calls itself by this name, `$id`. */
  private named(part: unknown, id: string): SchemaObject | undefined {
    if (typeof part !== 'object' || part === null) return undefined;
    this.budget.spend(4);
    if (isObject(part) && part.$id === id) return part;
    for (const inner of Object.values(part)) {
      const found = this.named(inner, id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private resolve(pointer: string): Schema {
    this.budget.spend(4 + pointer.length);
    let at: unknown = this.root;
    const missing = (): never => {
      throw schemaError(
        pointer,
        'nothing there',
        'a JSON pointer to a part of this schema, like #/$defs/name',
      );
    };
    const found = pointer.startsWith('#') ? undefined : this.named(this.root, pointer);
    if (found !== undefined) return found;
    if (!/^#(?:\/|$)/.test(pointer)) return missing();
    for (const part of pointer.split('/').slice(1)) {
      let key = part;
      try {
        key = decodeURIComponent(part);
      } catch {
        // Not percent-encoded, then.
      }
      key = key.replaceAll('~1', '/').replaceAll('~0', '~');
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return missing();
      at = (at as Readonly<Record<string, unknown>>)[key];
    }
    return at;
  }
}

/** The pattern of the format of its strings, where it is one that binds. */
function formatOf({ format }: SchemaObject): string | undefined {
  return typeof format === 'string' ? stringFormats.get(format) : undefined;
}

/** Without other schemas beside them, "unevaluated" means what no keyword of the same schema speaks of. */
function evaluated(given: SchemaObject, path: string): SchemaObject {
  // Tuples as they were written before 2020.
  const { additionalItems, ...others } = given;
  const schema = Array.isArray(given.items)
    ? { ...others, ...defined({ prefixItems: given.items, items: additionalItems }) }
    : given;
  if (Array.isArray(given.items) && additionalItems === undefined)
    delete (schema as { items?: unknown }).items;
  const { unevaluatedProperties, unevaluatedItems, ...rest } = schema;
  if (unevaluatedProperties === undefined && unevaluatedItems === undefined) return schema;
  const other = ['$ref', 'allOf', 'anyOf', 'oneOf'].find((keyword) => rest[keyword] !== undefined);
  if (other !== undefined)
    throw schemaError(path, `"unevaluated..." beside "${other}"`, '"additionalProperties" or "items"');
  return {
    ...rest,
    ...defined({
      additionalProperties: rest.additionalProperties ?? unevaluatedProperties,
      items: rest.items ?? unevaluatedItems,
    }),
  };
}

/** An object of names of one pattern as what it is where nothing else is said of names. */
function asRecord(schema: SchemaObject): SchemaObject {
  const { patternProperties, properties, propertyNames, required, additionalProperties, ...rest } = schema;
  const others = [properties, propertyNames, required].some((keyword) => keyword !== undefined);
  if (!isObject(patternProperties) || others || additionalProperties === true) return schema;
  const [[pattern, value] = [], ...more] = Object.entries(patternProperties);
  if (pattern === undefined || more.length > 0) return schema;
  return { ...rest, propertyNames: { type: 'string', pattern }, additionalProperties: value };
}

const anyPlain = repeat(plainCharacter, 0, unbounded);

/** A key other than `names`, which end at a node of their tree; without escapes, which could spell them. */
function keyBeside(names: readonly string[], budget: Budget): Expr {
  if (names.length === 0) return anyPlain;
  budget.spend(16 + 4 * names.length);
  const next = new Map<string, string[]>();
  for (const name of names) {
    const [head] = name;
    if (head === undefined) continue;
    const rests = next.get(head) ?? [];
    rests.push(name.slice(head.length));
    next.set(head, rests);
  }
  const others: CodePoints = without(plainCharacters, codePointsOf([...next.keys()].join('')));
  return alt(
    names.includes('') ? nothing : empty,
    seq(chars(others), anyPlain),
    ...[...next].map(([head, rests]) =>
      /["\\\p{Cc}\p{Cs}]/u.test(head) ? nothing : seq(text(head), keyBeside(rests, budget)),
    ),
  );
}
