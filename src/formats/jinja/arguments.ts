/** Arguments of built-ins: matched with parameter names, and checked. */
import type { Budget } from './budget.js';
import { typeError } from './errors.js';
import { isText, plain, type Text } from './text.js';
import { type Named, typeName, type Value } from './values.js';

/** Values in the order of the parameters; undefined where one was not given. */
export type Bound = readonly (Value | undefined)[];

/** A built-in: its parameters by name (`!` behind those that must be given, `*` takes what it is given), and what it does. */
export interface BuiltIn<T> {
  readonly parameters: string;
  readonly run: (self: T, args: Bound, budget: Budget) => Value;
}

export function builtIn<T>(parameters: string, run: BuiltIn<T>['run']): BuiltIn<T> {
  return { parameters, run };
}

export function bind(name: string, parameters: string, args: readonly Value[], named: Named): Bound {
  if (parameters === '*') return args;
  const names = parameters === '' ? [] : parameters.split(' ');
  if (args.length > names.length)
    throw typeError(`${name}() takes at most ${names.length} arguments (${args.length} given)`);
  const bound: (Value | undefined)[] = [...args];
  for (const [key, value] of named) {
    const at = names.findIndex((one) => one.replace('!', '') === key);
    if (at < 0) throw typeError(`${name}() got an unexpected keyword argument '${key}'`);
    if (at < args.length) throw typeError(`${name}() got multiple values for argument '${key}'`);
    bound[at] = value;
  }
  for (const [i, one] of names.entries())
    if (one.endsWith('!') && bound[i] === undefined)
      throw typeError(`${name}() missing the argument '${one.slice(0, -1)}'`);
  return bound;
}

export function textArgument(value: Value | undefined, what: string): Text {
  if (value !== undefined && isText(value)) return value;
  throw typeError(`${what} must be str, not ${value === undefined ? 'missing' : typeName(value)}`);
}

export function plainArgument(value: Value | undefined, what: string): string {
  return plain(textArgument(value, what));
}

/** A whole number; `fallback` where it was not given or is None. */
export function wholeArgument(value: Value | undefined, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  if (typeof value === 'boolean') return Number(value);
  throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}
