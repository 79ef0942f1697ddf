/** Finds special tokens in text: those whose text stands for one token and never for its letters. */
import { tokenKind, type Vocabulary } from './vocabulary.js';

/** Text between special tokens, or the id of one. */
export type Fragment = string | number;

/** Longest first, as llama.cpp goes about it, so that a token wins over another one inside it. */
function longestFirst(vocabulary: Vocabulary, kinds: readonly number[]): readonly number[] {
  const { texts } = vocabulary;
  const ids: number[] = [];
  for (const [id, kind] of vocabulary.kinds.entries())
    if (kinds.includes(kind) && texts[id] !== '') ids.push(id);
  return ids.sort((a, b) => texts[b]!.length - texts[a]!.length || a - b);
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
  private readonly texts: readonly string[];
  private readonly always: Beginnings;
  private readonly all: Beginnings;
  /** Where a token stands in the order in which text is cut. */
  private readonly order: ReadonlyMap<number, number>;

  constructor(vocabulary: Vocabulary) {
    const all = longestFirst(vocabulary, [tokenKind.userDefined, tokenKind.control, tokenKind.unknown]);
    this.texts = vocabulary.texts;
    this.always = beginningsOf(vocabulary, longestFirst(vocabulary, [tokenKind.userDefined]));
    this.all = beginningsOf(vocabulary, all);
    this.order = new Map(all.map((id, i) => [id, i]));
  }

  split(text: string, special: boolean): readonly Fragment[] {
    let fragments: Fragment[] = text === '' ? [] : [text];
    for (const id of this.inside(text, special ? this.all : this.always))
      fragments = fragments.flatMap((part) => cut(part, this.texts[id]!, id));
    return fragments;
  }

  /** The tokens that occur in a text, longest first. There are hundreds, with few beginnings: only those are searched. */
  private inside(text: string, beginnings: Beginnings): readonly number[] {
    const found = new Set<number>();
    for (const [beginning, ids] of beginnings) {
      for (let at = text.indexOf(beginning); at >= 0; at = text.indexOf(beginning, at + 1))
        for (const id of ids) if (text.startsWith(this.texts[id]!, at)) found.add(id);
    }
    return [...found].sort((a, b) => this.order.get(a)! - this.order.get(b)!);
  }
}

function cut(fragment: Fragment, token: string, id: number): readonly Fragment[] {
  if (typeof fragment === 'number') return [fragment];
  const parts: Fragment[] = [];
  for (const [i, part] of fragment.split(token).entries()) {
    if (i > 0) parts.push(id);
    if (part !== '') parts.push(part);
  }
  return parts;
}
