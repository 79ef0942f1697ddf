/**
 * WordPiece, tokenizer model `bert`: each word is taken apart into the longest tokens from the left; a word that does not
 * come apart whole is unknown.
 */
import { CharClass, isWhiteSpace, unicodeProperty } from './char-class.js';
import { metaSpace } from './sentencepiece.js';
import { nowhere, root, Trie, unitsOf } from './trie.js';

export interface WordPieceSettings {
  readonly idOf: ReadonlyMap<string, number>;
  readonly unknownId: number | null;
  /** What tokens that begin a word begin with, and what those inside a word do. */
  readonly startMark: string;
  readonly insideMark: string;
  /** Longer words are unknown. */
  readonly maxWordLength: number;
}

export class WordPiece {
  private readonly settings: WordPieceSettings;
  private readonly starts: Trie;
  private readonly insides: Trie;

  constructor(settings: WordPieceSettings) {
    this.settings = settings;
    const { idOf, insideMark } = settings;
    this.starts = new Trie(4 * idOf.size);
    this.insides = insideMark === '' ? this.starts : new Trie(2 * idOf.size);
    for (const [text, id] of idOf) {
      if (insideMark !== '' && text.startsWith(insideMark) && text.length > insideMark.length)
        this.insides.add(unitsOf(text.slice(insideMark.length)), id);
      this.starts.add(unitsOf(text), id);
    }
  }

  /** Appends the ids of one word. */
  encodeWord(word: string, ids: number[]): void {
    const { startMark, unknownId, maxWordLength } = this.settings;
    const text = startMark + word;
    const before = ids.length;
    let trie = this.starts;
    for (let at = 0; at < text.length; trie = this.insides) {
      let end = nowhere;
      let best = nowhere;
      for (let i = at, node = root; i < text.length; ) {
        node = trie.step(node, text.charCodeAt(i++));
        if (node < 0) break;
        const id = trie.valueOf(node);
        if (id >= 0) {
          best = id;
          end = i;
        }
      }
      if (best < 0 || word.length > maxWordLength) {
        ids.length = before;
        break;
      }
      ids.push(best);
      at = end;
    }
    if (ids.length === before && unknownId !== null) ids.push(unknownId);
  }
}

const isControl = new CharClass(
  (
    (tests) => (code: number) =>
      tests.some((test) => test(code))
  )(['Cc', 'Cf', 'Co', 'Cs'].map((name) => unicodeProperty(name)!)),
);
const space = new CharClass(isWhiteSpace);
const accent = new CharClass(unicodeProperty('M')!);
const punctuation = new CharClass(unicodeProperty('P')!);
const symbol = new CharClass(unicodeProperty('S')!);
/** Each of these is a word. The blocks are those of BERT's own code, one of which begins late. */
const chinese = new CharClass(
  (code) =>
    (code >= 0x4e00 && code <= 0x9fff) ||
    (code >= 0x3400 && code <= 0x4dbf) ||
    (code >= 0x20000 && code <= 0x2a6df) ||
    (code >= 0x2a700 && code <= 0x2b81f) ||
    (code >= 0x2b920 && code <= 0x2ceaf) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0x2f800 && code <= 0x2fa1f),
);

/** Words of a text as a GGUF file's BERT sees them: without accents and control characters, punctuation apart. */
export function bertWords(text: string, lowercase: boolean, stripAccents: boolean): string[] {
  const words: string[] = [];
  let word = '';
  const end = () => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (const original of text) {
    // As llama.cpp does it, of a decomposed character only the first part is kept.
    const char = stripAccents ? firstOf(original.normalize('NFD')) : original;
    const code = char.codePointAt(0)!;
    if (space.has(code)) end();
    else if (code === 0 || code === 0xfffd || isControl.has(code) || (stripAccents && accent.has(code)))
      continue;
    else {
      const shown = lowercase ? firstOf(char.toLowerCase()) : char;
      if (punctuation.has(code) || (code < 0x7f && symbol.has(code)) || chinese.has(code)) {
        end();
        words.push(shown);
      } else word += shown;
    }
  }
  end();
  return words;
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0)!);
}

/** A word as `bert` files of GGUF write it: their tokens that begin a word begin with U+2581. */
export const ggufWordMarks = { startMark: metaSpace, insideMark: '', maxWordLength: Infinity } as const;
