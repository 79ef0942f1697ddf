/** What a value from a client takes in memory, and the shapes that are refused before anybody walks them. */
import { mostDepth, mostNames, requireNames, tooDeep } from './shape.js';

/** Bytes of a body, roughly. Throws an ApiError on one so deep that walking it could exhaust the stack, or of too many names. */
export function weigh(body: unknown): number {
  return sizeOf(body, mostDepth, mostNames);
}

/** Bytes that a value takes in memory, roughly. */
export function sizeOf(value: unknown, levels = Number.POSITIVE_INFINITY, names = levels): number {
  if (typeof value === 'string') return 16 + 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (levels === 0) throw tooDeep();
  let bytes = 32;
  if (Array.isArray(value)) {
    for (const each of value) bytes += 8 + sizeOf(each, levels - 1, names);
    return bytes;
  }
  let count = 0;
  for (const name in value) {
    if (++count > names) requireNames(count);
    bytes += 16 + sizeOf((value as Readonly<Record<string, unknown>>)[name], levels - 1, names);
  }
  return bytes;
}
