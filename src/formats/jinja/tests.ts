/** The tests behind `is`. */
import type { Budget } from './budget.js';
import { JinjaError, typeError } from './errors.js';
import { binary, compare, contains, equal, itemsOrNull } from './operators.js';
import { isLower, isUpper } from './string-methods.js';
import { isText, Markup, plain } from './text.js';
import {
  Bytes,
  Callable,
  Dict,
  Float,
  Generator,
  isInteger,
  isList,
  isNumber,
  type Named,
  Thing,
  Tuple,
  Undefined,
  type Value,
  View,
} from './values.js';

type Test = (self: Value, args: readonly Value[], budget: Budget) => boolean;

function comparing(operator: '==' | '!=' | '<' | '<=' | '>' | '>='): Test {
  return (self, [other], budget) => compare(operator, self, needed(other), budget);
}

function needed(value: Value | undefined): Value {
  if (value === undefined) throw typeError('the test needs an argument');
  return value;
}

function remainder(self: Value, by: Value, budget: Budget): Value {
  return binary('%', self, by, budget);
}

function isSequence(value: Value): boolean {
  return (
    isText(value) ||
    isList(value) ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof Bytes ||
    value instanceof Undefined ||
    (value instanceof View && value.arguments !== null)
  );
}

const tests: Readonly<Record<string, Test>> = {
  boolean: (self) => typeof self === 'boolean',
  callable: (self) =>
    self instanceof Callable ||
    (self instanceof Thing && ['Cycler', 'Joiner', 'LoopContext'].includes(self.typeName)) ||
    self instanceof Undefined,
  defined: (self) => !(self instanceof Undefined),
  divisibleby: (self, [by], budget) => equal(remainder(self, needed(by), budget), 0, budget),
  eq: comparing('=='),
  equalto: comparing('=='),
  '==': comparing('=='),
  escaped: (self) => self instanceof Markup,
  even: (self, _, budget) => equal(remainder(self, 2, budget), 0, budget),
  false: (self) => self === false,
  float: (self) => self instanceof Float,
  ge: comparing('>='),
  '>=': comparing('>='),
  gt: comparing('>'),
  greaterthan: comparing('>'),
  '>': comparing('>'),
  in: (self, [container], budget) => contains(needed(container), self, budget),
  integer: (self) => isInteger(self),
  iterable: (self) => self instanceof Generator || itemsOrNull(self) !== null,
  le: comparing('<='),
  '<=': comparing('<='),
  lower: (self) => isLower(isText(self) ? plain(self) : ''),
  lt: comparing('<'),
  lessthan: comparing('<'),
  '<': comparing('<'),
  mapping: (self) => self instanceof Dict,
  ne: comparing('!='),
  '!=': comparing('!='),
  none: (self) => self === null,
  number: (self) => isNumber(self),
  odd: (self, _, budget) => equal(remainder(self, 2, budget), 1, budget),
  sameas: (self, [other]) => {
    const value = needed(other);
    return self === value || (isText(self) && isText(value) && plain(self) === plain(value));
  },
  sequence: isSequence,
  string: (self) => isText(self),
  true: (self) => self === true,
  undefined: (self) => self instanceof Undefined,
  upper: (self) => isUpper(isText(self) ? plain(self) : ''),
};

/** Throws JinjaError where there is no such test. */
export function runTest(
  name: string,
  self: Value,
  args: readonly Value[],
  named: Named,
  budget: Budget,
  isFilter?: (name: string) => boolean,
): boolean {
  budget.step();
  if (isText(self)) budget.scan(plain(self).length);
  const values = named.size === 0 ? args : [...args, ...named.values()];
  const known = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (known) return known(self, values, budget);
  if (name === 'test') return Object.hasOwn(tests, text(self));
  if (name === 'filter' && isFilter) return isFilter(text(self));
  throw new JinjaError('TemplateError', `No test named '${name}'.`);
}

function text(value: Value): string {
  return isText(value) ? plain(value) : '';
}
