/** Texts cut apart and put together, as Python's string methods do; whose each letter is, is kept. */
import type { Budget } from './budget.js';
import { typeError, valueError } from './errors.js';
import { SPACE } from './lexer.js';
import { isText, joined, plain, sliced, type Text, TextBuilder } from './text.js';
import { typeName, type Value } from './values.js';

const space = new RegExp(`[${SPACE}]`, 'u');
const spacesAll = new RegExp(`[${SPACE}]+`, 'gu');
const LINE_ENDS = '\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029';
const lineEnd = new RegExp(`\\r\\n|[${LINE_ENDS}]`, 'g');

/** `strip`, `lstrip` and `rstrip` with characters, or with white space. */
export function stripped(text: Text, chars: string | null, atStart = true, atEnd = true): Text {
  const all = plain(text);
  const set = chars === null ? null : new Set(chars);
  const goes = (char: string): boolean =>
    set === null ? char === ' ' || char === '\n' || space.test(char) : set.has(char);
  let start = 0;
  let end = all.length;
  while (atStart && start < end) {
    const char = String.fromCodePoint(all.codePointAt(start)!);
    if (!goes(char)) break;
    start += char.length;
  }
  while (atEnd && end > start) {
    const isPair =
      end - start > 1 && /[\udc00-\udfff]/.test(all[end - 1]!) && /[\ud800-\udbff]/.test(all[end - 2]!);
    const char = all.slice(end - (isPair ? 2 : 1), end);
    if (!goes(char)) break;
    end -= char.length;
  }
  return sliced(text, start, end);
}

/** `split` at white space, or at a separator. */
export function split(text: Text, separator: string | null, most: number, budget: Budget): Text[] {
  const all = plain(text);
  const limit = most < 0 ? Number.POSITIVE_INFINITY : most;
  if (separator === '') throw valueError('empty separator');
  const parts: Text[] = [];
  let at = 0;
  if (separator === null) {
    const start = stripped(text, null, true, false);
    const offset = all.length - plain(start).length;
    at = offset;
    for (const match of all.matchAll(spacesAll)) {
      if (match.index < offset) continue;
      if (match.index + match[0].length === all.length || parts.length >= limit) break;
      parts.push(sliced(text, at, match.index));
      at = match.index + match[0].length;
    }
    const last = stripped(sliced(text, at), null, false, parts.length < limit);
    if (plain(last) !== '') parts.push(last);
  } else {
    for (
      let found = all.indexOf(separator);
      found >= 0 && parts.length < limit;
      found = all.indexOf(separator, at)
    ) {
      parts.push(sliced(text, at, found));
      at = found + separator.length;
    }
    parts.push(sliced(text, at));
  }
  budget.step(parts.length);
  return parts;
}

/** `rsplit`: the same from the end, which differs where only so many cuts are made. */
export function splitFromEnd(text: Text, separator: string | null, most: number, budget: Budget): Text[] {
  const all = plain(text);
  if (most < 0) return split(text, separator, most, budget);
  if (separator === '') throw valueError('empty separator');
  const parts: Text[] = [];
  let end = all.length;
  if (separator === null) {
    let rest = stripped(text, null, false, true);
    while (parts.length < most) {
      const left = plain(rest);
      let at = left.length;
      while (at > 0 && !space.test(left[at - 1]!)) at--;
      if (at === 0) break;
      parts.push(sliced(rest, at));
      rest = stripped(sliced(rest, 0, at), null, false, true);
    }
    rest = plain(stripped(rest, null)) === '' ? '' : rest;
    if (plain(rest) !== '') parts.push(parts.length < most ? stripped(rest, null) : rest);
  } else {
    for (let found = all.lastIndexOf(separator); found >= 0 && parts.length < most; ) {
      parts.push(sliced(text, found + separator.length, end));
      end = found;
      found = end - separator.length < 0 ? -1 : all.lastIndexOf(separator, end - separator.length);
    }
    parts.push(sliced(text, 0, end));
  }
  budget.step(parts.length);
  return parts.reverse();
}

export function lines(text: Text, keepsEnds: boolean, budget: Budget): Text[] {
  const all = plain(text);
  const parts: Text[] = [];
  let at = 0;
  for (const match of all.matchAll(lineEnd)) {
    const end = match.index + match[0].length;
    parts.push(sliced(text, at, keepsEnds ? end : match.index));
    at = end;
  }
  if (at < all.length) parts.push(sliced(text, at));
  budget.step(parts.length);
  return parts;
}

export function replaced(text: Text, from: string, to: Text, most: number, budget: Budget): Text {
  const all = plain(text);
  const builder = new TextBuilder();
  const places: number[] = [];
  const limit = most < 0 ? Number.POSITIVE_INFINITY : most;
  if (from === '') {
    for (
      let at = 0;
      at <= all.length && places.length < limit;
      at += at < all.length && all.codePointAt(at)! > 0xffff ? 2 : 1
    )
      places.push(at);
  } else {
    for (
      let at = all.indexOf(from);
      at >= 0 && places.length < limit;
      at = all.indexOf(from, at + from.length)
    )
      places.push(at);
  }
  if (places.length === 0) return text;
  budget.step(places.length);
  budget.text(all.length + places.length * plain(to).length);
  let at = 0;
  for (const place of places) {
    builder.add(sliced(text, at, place));
    builder.add(to);
    at = place + from.length;
  }
  builder.add(sliced(text, at));
  return builder.build();
}

/** `between.join(items)` */
export function joinTexts(between: Text, items: readonly Value[], budget: Budget): Text {
  const texts = items.map((item, i) => {
    if (!isText(item)) throw typeError(`sequence item ${i}: expected str instance, ${typeName(item)} found`);
    budget.text(plain(item).length + plain(between).length);
    return item;
  });
  budget.step(texts.length);
  return joined(texts, between);
}

/** The index of a code point in UTF-16 units, from one in code points that may be negative; bounded as in a slice. */
export function unitIndex(text: string, index: number, length: number): number {
  const at = Math.min(length, Math.max(0, index < 0 ? index + length : index));
  if (length === text.length) return at;
  let units = 0;
  for (let i = 0; i < at; i++) units += text.codePointAt(units)! > 0xffff ? 2 : 1;
  return units;
}
