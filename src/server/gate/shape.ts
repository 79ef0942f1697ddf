/**
 * What a body may be made of, counted before anybody parses it: an object takes fifty times as long as the same bytes of
 * text, and while it is made nothing else is served.
 */
import { type ApiError, badRequest } from '../errors.js';

/** Nesting that no honest request reaches, in messages, schemas and arguments alike. */
export const mostDepth = 64;
/** Names in one object. */
export const mostNames = 16_384;
/** Names, lists and objects in all: thousands of turns with their parts and calls. */
const mostParts = 100_000;
/** Elements of lists and values of names in all: the token ids of a long prompt. */
const mostValues = 500_000;

export function tooDeep(): ApiError {
  return badRequest(`The body is nested more than ${mostDepth} levels deep.`, undefined, 'too_deep');
}

/** Throws an ApiError for an object of so many names. */
export function requireNames(count: number): void {
  if (count > mostNames) throw badRequest(`An object of the body has more than ${mostNames} names.`);
}

/** Throws an ApiError for so many names, lists and objects, and so many values. */
export function requireCounts(parts: number, values: number): void {
  if (parts > mostParts)
    throw badRequest(`The body has more than ${mostParts} names, lists and objects in all.`);
  if (values > mostValues) throw badRequest(`The body has more than ${mostValues} values in all.`);
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** Throws an ApiError for a JSON text with more in it than a body may have. A text that is no JSON may pass. */
export function requireShape(text: string): void {
  const names = new Int32Array(mostDepth + 1);
  let depth = 0;
  let parts = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case openList:
      case openObject:
        if (++depth > mostDepth) throw tooDeep();
        names[depth] = 0;
        parts++;
        break;
      case closeList:
      case closeObject:
        depth = Math.max(0, depth - 1);
        break;
      case colon:
        parts++;
        names[depth]! += 1;
        requireNames(names[depth]!);
        break;
      case comma:
        values++;
        break;
      default:
        continue;
    }
    requireCounts(parts, values);
  }
}

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start; ; ) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let before = at - 1;
    while (text.charCodeAt(before) === backslash) before--;
    // An even number of backslashes stands for half as many, and ends nothing.
    if ((at - before) % 2 === 1) return at;
  }
}
