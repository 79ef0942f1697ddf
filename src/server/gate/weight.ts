/** What a value from a client takes in memory, and the shapes that are refused before anybody walks them. */
import { badRequest } from '../errors.js';

/** Nesting that no honest request reaches, in messages, schemas and arguments alike. */
const mostDepth = 64;
/** Names in one object; a bias for every token is one. */
const mostNames = 300_000;

/** Bytes of a body, roughly. Throws an ApiError on one so deep that walking it could exhaust the stack, or of too many names. */
export function weigh(body: unknown): number {
  return sizeOf(body, mostDepth, mostNames);
}

/** Bytes that a value takes in memory, roughly. */
export function sizeOf(value: unknown, levels = Number.POSITIVE_INFINITY, names = levels): number {
  if (typeof value === 'string') return 16 + 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (levels === 0)
    throw badRequest(`The body is nested more than ${mostDepth} levels deep.`, undefined, 'too_deep');
  let bytes = 32;
  if (Array.isArray(value)) {
    for (const each of value) bytes += 8 + sizeOf(each, levels - 1, names);
    return bytes;
  }
  let count = 0;
  for (const name in value) {
    if (++count > names) throw badRequest(`An object of the body has more than ${mostNames} names.`);
    bytes += 16 + sizeOf((value as Readonly<Record<string, unknown>>)[name], levels - 1, names);
  }
  return bytes;
}
