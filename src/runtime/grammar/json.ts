/** JSON as rules. White space is bounded, because a model could go on with it for ever. */
import type { Budget } from '../../core/budget.js';
import {
  alt,
  type CodePoints,
  chars,
  codePoints,
  codePointsOf,
  complement,
  contains,
  type Expr,
  optional,
  type Rules,
  repeat,
  rootRule,
  rule,
  seq,
  text,
  without,
} from './expr.js';

const unbounded = Number.POSITIVE_INFINITY;
const mostIndent = 20;
/** So many digits keep integers exact in a float64, nearly always. */
export const mostDigits = 16;

export const digit = chars(codePointsOf('0123456789'));
const nonZeroDigit = chars(codePointsOf('123456789'));
const hex = codePointsOf('0123456789abcdefABCDEF');

/** What a string may hold without an escape. */
export const plainCharacters: CodePoints = complement(
  codePoints([
    [0, 0x1f],
    [0x22, 0x22],
    [0x5c, 0x5c],
  ]),
);
const controls = Array.from({ length: 32 }, (_, codePoint) => codePoint);
/** What only an escape can write. */
const escapedCharacters = [...controls, 0x22, 0x5c];

/** One character; escapes of surrogates are left out, as two of them would be one character. */
const character: Expr = alt(
  chars(plainCharacters),
  seq(
    text('\\'),
    alt(
      chars(codePointsOf('"\\/bfnrt')),
      seq(
        text('u'),
        alt(
          seq(chars(without(hex, codePointsOf('dD'))), repeat(chars(hex), 3, 3)),
          seq(chars(codePointsOf('dD')), chars(codePointsOf('01234567')), repeat(chars(hex), 2, 2)),
        ),
      ),
    ),
  ),
);

export const space = rule('space');
export const comma = seq(text(','), space);
export const anyValue = rule('value');
export const anyObject = rule('object');
export const anyArray = rule('array');
export const anyString = rule('string');
export const anyNumber = rule('number');
export const anyInteger = rule('integer');
export const stringCharacter = rule('character');
export const plainCharacter = chars(plainCharacters);

function list(open: string, item: Expr, close: string): Expr {
  return seq(
    text(open),
    space,
    optional(seq(item, repeat(seq(comma, item), 0, unbounded))),
    space,
    text(close),
  );
}

const integer = seq(optional(text('-')), alt(text('0'), seq(nonZeroDigit, repeat(digit, 0, mostDigits - 1))));

/** The rules that every language of JSON is built on; `root` is missing. */
export const jsonParts: Rules = new Map<string, Expr>([
  ['space', optional(alt(text(' '), seq(text('\n'), repeat(chars(codePointsOf(' \t')), 0, mostIndent))))],
  ['character', character],
  ['string', seq(text('"'), repeat(stringCharacter, 0, unbounded), text('"'))],
  ['integer', integer],
  [
    'number',
    seq(
      anyInteger,
      optional(seq(text('.'), repeat(digit, 1, mostDigits))),
      // Two digits keep it far from the largest float64.
      optional(seq(chars(codePointsOf('eE')), optional(chars(codePointsOf('+-'))), repeat(digit, 1, 2))),
    ),
  ],
  ['object', list('{', seq(anyString, text(':'), space, anyValue), '}')],
  ['array', list('[', anyValue, ']')],
  ['value', alt(anyObject, anyArray, anyString, anyNumber, text('true'), text('false'), text('null'))],
]);

/** JSON mode: any object. */
export const jsonRules: Rules = new Map([...jsonParts, [rootRule, anyObject]]);

/** What stands between the quotes of a JSON string whose value is of the language `expr`, which has no rules. */
export function insideString(expr: Expr, budget: Budget): Expr {
  const known = new Map<Expr, Expr>();
  const inside = (part: Expr): Expr => {
    budget.spend(1);
    let result = known.get(part);
    if (result === undefined) {
      result = escaped(part, inside, budget);
      known.set(part, result);
    }
    return result;
  };
  return inside(expr);
}

function escaped(expr: Expr, inside: (part: Expr) => Expr, budget: Budget): Expr {
  switch (expr.kind) {
    case 'text':
      return text(JSON.stringify(expr.text).slice(1, -1));
    case 'chars': {
      budget.spend(4 * expr.set.length);
      const controlled = escapedCharacters.filter((codePoint) => contains(expr.set, codePoint));
      return alt(
        chars(without(expr.set, codePoints(escapedCharacters.map((codePoint) => [codePoint, codePoint])))),
        ...controlled.map((codePoint) => inside(text(String.fromCodePoint(codePoint)))),
      );
    }
    case 'seq':
      return seq(...expr.parts.map(inside));
    case 'alt':
      return alt(...expr.options.map(inside));
    case 'repeat':
      return repeat(inside(expr.of), expr.least, expr.most);
    case 'rule':
      return expr;
  }
}
