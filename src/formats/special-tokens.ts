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

/** Cuts text at special tokens. User-defined tokens always count, control and unknown ones when `special` is set. */
export class SpecialTokens {
  private readonly texts: readonly string[];
  private readonly always: readonly number[];
  private readonly all: readonly number[];

  constructor(vocabulary: Vocabulary) {
    this.texts = vocabulary.texts;
    this.always = longestFirst(vocabulary, [tokenKind.userDefined]);
    this.all = longestFirst(vocabulary, [tokenKind.userDefined, tokenKind.control, tokenKind.unknown]);
  }

  split(text: string, special: boolean): readonly Fragment[] {
    let fragments: Fragment[] = text === '' ? [] : [text];
    for (const id of special ? this.all : this.always) {
      const token = this.texts[id]!;
      if (text.includes(token)) fragments = fragments.flatMap((part) => cut(part, token, id));
    }
    return fragments;
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
