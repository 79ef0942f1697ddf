/** Finds special tokens in text: those whose text stands for one token and never for its letters. */
import { tokenKind, type Vocabulary } from './vocabulary.js';

/** Text between special tokens, or the id of one. */
export type Fragment = string | number;

const utf8 = new TextEncoder();

/** Longest in bytes first, as llama.cpp goes about it, so that a token wins over another one inside it. */
function longestFirst(vocabulary: Vocabulary, kinds: readonly number[]): readonly number[] {
  const { texts } = vocabulary;
  const found: { readonly id: number; readonly length: number }[] = [];
  for (const [id, kind] of vocabulary.kinds.entries())
    if (kinds.includes(kind) && texts[id] !== '') found.push({ id, length: utf8.encode(texts[id]).length });
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

/** Cuts text at special tokens. User-defined tokens always count, control and unknown ones when `special` is set. */
export class SpecialTokens {
  private readonly vocabulary: Vocabulary;
  private readonly always: Beginnings;
  private readonly all: Beginnings;
  /** Where a token stands in the order in which text is cut. */
  private readonly order: ReadonlyMap<number, number>;

  constructor(vocabulary: Vocabulary) {
    const all = longestFirst(vocabulary, [tokenKind.userDefined, tokenKind.control, tokenKind.unknown]);
    this.vocabulary = vocabulary;
    this.always = beginningsOf(vocabulary, longestFirst(vocabulary, [tokenKind.userDefined]));
    this.all = beginningsOf(vocabulary, all);
    this.order = new Map(all.map((id, i) => [id, i]));
  }

  split(text: string, special: boolean): readonly Fragment[] {
    let fragments: Fragment[] = text === '' ? [] : [text];
    for (const id of this.inside(text, special ? this.all : this.always))
      fragments = fragments.flatMap((part) => this.cut(part, id));
    return fragments;
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

  private cut(fragment: Fragment, id: number): readonly Fragment[] {
    if (typeof fragment === 'number') return [fragment];
    const { texts, stripsLeft, stripsRight } = this.vocabulary;
    const parts: Fragment[] = [];
    const between = fragment.split(texts[id]!);
    for (const [i, text] of between.entries()) {
      if (i > 0) parts.push(id);
      let part = text;
      if (i > 0 && stripsRight.has(id)) part = part.replace(/^[ \t\n\v\f\r]+/, '');
      if (i < between.length - 1 && stripsLeft.has(id)) part = trimEnd(part);
      if (part !== '') parts.push(part);
    }
    return parts;
  }
}

/** Without the ASCII white space at its end; a regular expression would be quadratic in inner spaces. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\n\v\f\r'.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
