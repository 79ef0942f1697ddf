/** Cuts text into the words that a tokenizer's model sees, by one pattern after the other. */
import type { CharClass } from './char-class.js';
import type { Pattern } from './pattern.js';

/** What becomes of the matches of a pattern: words of their own, nothing, a part of a neighbour, or one word a row of them. */
export type SplitBehavior = 'isolated' | 'removed' | 'previous' | 'next' | 'contiguous';

export type SplitStep =
  | {
      readonly kind: 'pattern';
      readonly pattern: Pattern;
      readonly behavior: SplitBehavior;
      /** The text between matches is what counts as a match. */
      readonly invert?: boolean;
    }
  /** Digits in groups of three from the right; a cut comes behind every group, and no other. */
  | { readonly kind: 'digits'; readonly digits: CharClass };

/** Ranges of code points, in pairs. */
class Ranges {
  values = new Int32Array(64);
  length = 0;

  push(start: number, end: number): void {
    if (start === end) return;
    if (this.length + 2 > this.values.length) {
      const grown = new Int32Array(2 * this.values.length);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = start;
    this.values[this.length++] = end;
  }
}

/** The code points of a well-formed text. */
function codesOf(text: string): Int32Array {
  const codes = new Int32Array(text.length);
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if ((code & 0xfc00) === 0xd800 && at + 1 < text.length)
      code = 0x10000 + ((code & 0x3ff) << 10) + (text.charCodeAt(++at) & 0x3ff);
    codes[count++] = code;
  }
  return codes.subarray(0, count);
}

/** The words of `text`, in order. Throws FormatError where a pattern does not end. */
export function splitWords(text: string, steps: readonly SplitStep[]): string[] {
  if (text === '') return [];
  const codes = codesOf(text);
  let ranges = new Ranges();
  ranges.push(0, codes.length);
  for (const step of steps) {
    const next = new Ranges();
    for (let i = 0; i < ranges.length; i += 2) {
      const start = ranges.values[i]!;
      const end = ranges.values[i + 1]!;
      if (step.kind === 'digits') cutDigits(codes, start, end, step.digits, next);
      else cutByPattern(codes, start, end, step, next);
    }
    ranges = next;
  }
  return wordsOf(text, codes, ranges);
}

/** `text` with `content` in place of every match. Throws FormatError where the pattern does not end. */
export function replaceMatches(text: string, pattern: Pattern, content: string): string {
  const codes = codesOf(text);
  let result = '';
  let from = 0;
  const copy = (to: number): void => {
    while (from < to) result += String.fromCodePoint(codes[from++]!);
  };
  if (codes.length > 0) pattern.begin(codes, 0, codes.length);
  for (let at = 0; at < codes.length && pattern.find(at); ) {
    const { matchStart, matchEnd } = pattern;
    at = Math.max(matchEnd, matchStart + 1);
    if (matchEnd === matchStart) continue;
    copy(matchStart);
    result += content;
    from = matchEnd;
  }
  copy(codes.length);
  return result;
}

function wordsOf(text: string, codes: Int32Array, { values, length }: Ranges): string[] {
  const words = new Array<string>(length / 2);
  if (codes.length === text.length) {
    for (let i = 0; i < length; i += 2) words[i / 2] = text.slice(values[i], values[i + 1]);
    return words;
  }
  // Where a code point takes two units, positions in the text run ahead of those in the codes.
  let code = 0;
  let unit = 0;
  const unitAt = (target: number) => {
    for (; code < target; code++) unit += codes[code]! > 0xffff ? 2 : 1;
    return unit;
  };
  for (let i = 0; i < length; i += 2) words[i / 2] = text.slice(unitAt(values[i]!), unitAt(values[i + 1]!));
  return words;
}

function cutDigits(codes: Int32Array, start: number, end: number, digits: CharClass, out: Ranges): void {
  let from = start;
  for (let at = start; at < end; ) {
    if (!digits.has(codes[at]!)) {
      at++;
      continue;
    }
    const first = at;
    while (at < end && digits.has(codes[at]!)) at++;
    for (let cut = first + ((at - first) % 3 || 3); cut <= at; cut += 3) {
      out.push(from, cut);
      from = cut;
    }
  }
  out.push(from, end);
}

function cutByPattern(
  codes: Int32Array,
  start: number,
  end: number,
  { pattern, behavior, invert = false }: Extract<SplitStep, { kind: 'pattern' }>,
  out: Ranges,
): void {
  const parts = new Joiner(behavior, out);
  pattern.begin(codes, start, end);
  let from = start;
  for (let at = start; at < end && pattern.find(at); ) {
    const { matchStart, matchEnd } = pattern;
    // An empty match cuts nothing; the search goes on behind it.
    at = Math.max(matchEnd, matchStart + 1);
    if (matchEnd === matchStart) continue;
    parts.put(from, matchStart, invert);
    parts.put(matchStart, matchEnd, !invert);
    from = matchEnd;
  }
  parts.put(from, end, invert);
  parts.finish(end);
}

/** Takes the parts of a text in order and puts together what the behaviour joins. */
class Joiner {
  private readonly behavior: SplitBehavior;
  private readonly out: Ranges;
  private start = -1;
  private lastMatched: boolean;

  constructor(behavior: SplitBehavior, out: Ranges) {
    this.behavior = behavior;
    this.out = out;
    this.lastMatched = false;
  }

  put(from: number, to: number, matched: boolean): void {
    if (from === to) return;
    if (this.behavior === 'isolated') this.out.push(from, to);
    else if (this.behavior === 'removed') {
      if (!matched) this.out.push(from, to);
    } else {
      if (!this.joins(matched)) {
        this.finish(from);
        this.start = from;
      }
      this.lastMatched = matched;
    }
  }

  private joins(matched: boolean): boolean {
    if (this.start < 0) return false;
    if (this.behavior === 'contiguous') return matched === this.lastMatched;
    return this.behavior === 'previous' ? matched && !this.lastMatched : this.lastMatched && !matched;
  }

  finish(end: number): void {
    if (this.start >= 0) this.out.push(this.start, end);
  }
}
