/** Finds special tokens in text: those whose text stands for one token and never for its letters. */
import { Origins, plain, type Text } from '../jinja/text.js';
import { tokenKind, type Vocabulary } from './vocabulary.js';

/** Text between special tokens, or the id of one. */
export type Fragment = string | number;

const utf8 = new TextEncoder();

/** Longest in bytes first, as llama.cpp goes about it, so that a token wins over another one inside it. */
function longestFirst(vocabulary: Vocabulary, kinds: readonly number[]): readonly number[] {
  const { texts, kinds: kindOf } = vocabulary;
  const found: { readonly id: number; readonly length: number }[] = [];
  // There are hundreds of thousands of tokens, and few of these.
  for (let id = 0; id < kindOf.length; id++)
    if (kinds.includes(kindOf[id]!) && texts[id] !== '')
      found.push({ id, length: utf8.encode(texts[id]).length });
  return found.sort((a, b) => b.length - a.length || a.id - b.id).map(({ id }) => id);
}

/** Tokens that begin with the same two UTF-16 units, or with the only one that they have. */
type Beginnings = ReadonlyMap<string, readonly number[]>;

function beginningsOf({ texts }: Vocabulary, ids: readonly number[]): Beginnings {
  const beginnings = new Map<string, number[]>();
  for (const id of ids) {
    const beginning = texts[id]!.slice(0, 2);
    const same = beginnings.get(beginning);
    if (same) same.push(id);
    else beginnings.set(beginning, [id]);
  }
  return beginnings;
}

/** Marks of turns that some files list with the user-defined tokens. */
const looksLikeMark = /^<[|｜].*[|｜]>$/su;

/** Cuts text at special tokens. User-defined tokens always count, control and unknown ones when `special` is set. */
export class SpecialTokens {
  private readonly vocabulary: Vocabulary;
  private readonly always: Beginnings;
  private readonly all: Beginnings;
  /** Where a token stands in the order in which text is cut. */
  private readonly order: ReadonlyMap<number, number>;
  /** Tokens that count in what a user says as well. */
  private readonly harmless: ReadonlySet<number>;

  constructor(vocabulary: Vocabulary) {
    const all = longestFirst(vocabulary, [tokenKind.userDefined, tokenKind.control, tokenKind.unknown]);
    this.vocabulary = vocabulary;
    const { texts, endIds } = vocabulary;
    const userDefined = longestFirst(vocabulary, [tokenKind.userDefined]);
    this.always = beginningsOf(vocabulary, userDefined);
    this.harmless = new Set(userDefined.filter((id) => !endIds.has(id) && !looksLikeMark.test(texts[id]!)));
    this.all = beginningsOf(vocabulary, all);
    this.order = new Map(all.map((id, i) => [id, i]));
  }

  /** What a user said in a text never becomes a control token or a part of one. */
  split(text: Text, special: boolean): readonly Fragment[] {
    const all = plain(text);
    const origins = typeof text === 'string' ? null : new Origins(text);
    let fragments: (Span | number)[] = all === '' ? [] : [{ start: 0, end: all.length }];
    for (const id of this.inside(all, special ? this.all : this.always)) {
      const isFree = origins === null || this.harmless.has(id);
      const counts = (start: number, end: number): boolean => isFree || !origins.hasUser(start, end);
      fragments = fragments.flatMap((part) =>
        typeof part === 'number' ? part : this.cut(all, part, id, counts),
      );
    }
    return fragments.map((part) => (typeof part === 'number' ? part : all.slice(part.start, part.end)));
  }

  /** The tokens that occur in a text, longest first. There are hundreds, with few beginnings: only those are searched. */
  private inside(text: string, beginnings: Beginnings): readonly number[] {
    const found = new Set<number>();
    const { texts } = this.vocabulary;
    for (const [beginning, ids] of beginnings) {
      for (let at = text.indexOf(beginning); at >= 0; at = text.indexOf(beginning, at + 1))
        for (const id of ids) if (text.startsWith(texts[id]!, at)) found.add(id);
    }
    return [...found].sort((a, b) => this.order.get(a)! - this.order.get(b)!);
  }

  private cut(
    text: string,
    span: Span,
    id: number,
    counts: (start: number, end: number) => boolean,
  ): readonly (Span | number)[] {
    const { texts, stripsLeft, stripsRight } = this.vocabulary;
    const { length } = texts[id]!;
    const parts: (Span | number)[] = [];
    const add = (start: number, end: number): void => {
      if (start < end) parts.push({ start, end });
    };
    let { start } = span;
    let at = text.indexOf(texts[id]!, start);
    while (at >= 0 && at + length <= span.end) {
      if (!counts(at, at + length)) {
        at = text.indexOf(texts[id]!, at + 1);
        continue;
      }
      let end = at;
      while (stripsLeft.has(id) && end > start && isSpace(text[end - 1]!)) end--;
      add(start, end);
      parts.push(id);
      start = at + length;
      at = text.indexOf(texts[id]!, start);
      while (stripsRight.has(id) && start < span.end && start !== at && isSpace(text[start]!)) start++;
    }
    add(start, span.end);
    return parts;
  }
}

/** A part of a text. */
interface Span {
  readonly start: number;
  readonly end: number;
}

function isSpace(char: string): boolean {
  return ' \t\n\v\f\r'.includes(char);
}
