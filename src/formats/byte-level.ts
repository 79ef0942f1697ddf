/**
 * Byte-level BPE, tokenizer model `gpt2`. Pre-tokenisers are data, run by @huggingface/tokenizers, which gives their
 * regular expressions the Unicode semantics they were written for. Its merging is not used: 1 MB of spaces took it 21 s
 * and 0.8 GB, {@link mergePairs} 3 s and 0.15 GB on the same machine.
 */
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { GgufFile } from './gguf.js';
import { mergePairs } from './merge-pairs.js';
import { type Vocabulary, vocabularyError } from './vocabulary.js';

interface PreTokenizerEntry {
  /** Names in `tokenizer.ggml.pre`. */
  readonly names: readonly string[];
  /** Applied one after the other to the pieces that the one before left. */
  readonly patterns: readonly string[];
  /** A word that is a token is taken as it is, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether BOS is added when the file does not say. */
  readonly addBos: boolean;
}

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const anyCaseContractions = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const gpt2 = `${contractions}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`;
/** The pattern of Llama 3 and Qwen 2, which differ in how many digits go together. */
const modern = (digits: string) =>
  `(?:${anyCaseContractions})|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** Sources: the tokenizer.json files of the models named; the names are those of llama.cpp's converter. */
const preTokenizers: readonly PreTokenizerEntry[] = [
  {
    names: ['llama-bpe', 'llama3', 'llama-v3'],
    patterns: [modern('\\p{N}{1,3}')],
    ignoreMerges: true,
    addBos: true,
  },
  { names: ['qwen2'], patterns: [modern('\\p{N}')], ignoreMerges: false, addBos: false },
  { names: ['gpt-2'], patterns: [gpt2], ignoreMerges: false, addBos: false },
  { names: ['smollm', 'starcoder'], patterns: ['\\p{N}', gpt2], ignoreMerges: false, addBos: false },
  {
    names: ['default'],
    patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]'],
    ignoreMerges: false,
    addBos: false,
  },
];

const utf8 = new TextEncoder();

/** GPT-2's printable stand-in for each byte: printable Latin-1 stands for itself, the rest for U+0100 and up. */
export const byteToChar: readonly string[] = (() => {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let other = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : other++));
})();

const charToByte = new Map(byteToChar.map((char, byte) => [char, byte]));

/** The bytes that a token text stands for; a character that stands for no byte gives its own UTF-8. */
export function bytesOfByteLevelText(text: string): Uint8Array {
  return Uint8Array.from(
    [...text].flatMap((char) => {
      const byte = charToByte.get(char);
      return byte === undefined ? [...utf8.encode(char)] : [byte];
    }),
  );
}

/** The part of Hugging Face's tokenizer that is used: text to words. */
interface WordSplitter {
  pre_tokenize(text: string): string[];
}

function wordSplitter(patterns: readonly string[]): WordSplitter {
  const splits = patterns.map((pattern) => ({
    type: 'Split',
    pattern: { Regex: pattern },
    behavior: 'Isolated',
    invert: false,
  }));
  const tokenizer: { readonly pre_tokenizer: WordSplitter } = new HuggingFaceTokenizer(
    {
      version: '1.0',
      added_tokens: [],
      normalizer: null,
      post_processor: null,
      decoder: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: splits,
      },
      model: { type: 'BPE', vocab: {}, merges: [] },
    },
    {},
  );
  return tokenizer.pre_tokenizer;
}

/** Words seen before skip the merging; longer ones repeat too seldom to be worth the memory. */
const maxCachedWords = 20_000;
const maxCachedLength = 64;

export class ByteLevelBpe {
  readonly addBos: boolean;
  private readonly idOf: ReadonlyMap<string, number>;
  /** Rank of a merge by its text in the file, `left right`; token texts hold no space. */
  private readonly rankOf: ReadonlyMap<string, number>;
  private readonly ignoreMerges: boolean;
  private readonly words: WordSplitter;
  private readonly cache = new Map<string, readonly number[]>();

  /** Throws FormatError on a pre-tokeniser that is not in the table. */
  constructor(gguf: GgufFile, vocabulary: Vocabulary) {
    const name = gguf.optional('tokenizer.ggml.pre', 'string', 'default');
    const entry = preTokenizers.find(({ names }) => names.includes(name));
    if (entry === undefined) {
      const known = preTokenizers.flatMap(({ names }) => names).join(', ');
      throw vocabularyError(gguf, 'pre', `"${name}"`, `one of ${known}`);
    }
    this.addBos = entry.addBos;
    this.ignoreMerges = entry.ignoreMerges;
    this.idOf = vocabulary.idOf;
    const rankOf = new Map<string, number>();
    for (const [rank, merge] of gguf.require('tokenizer.ggml.merges', 'strings').entries()) {
      // Of a merge that is listed twice, the first counts.
      if (!rankOf.has(merge)) rankOf.set(merge, rank);
    }
    this.rankOf = rankOf;
    this.words = wordSplitter(entry.patterns);
  }

  /** Appends the ids of `text`. */
  encode(text: string, ids: number[]): void {
    for (const word of this.words.pre_tokenize(text)) for (const id of this.encodeWord(word)) ids.push(id);
  }

  private encodeWord(word: string): readonly number[] {
    const cached = this.cache.get(word);
    if (cached !== undefined) return cached;
    const printable = Array.from(utf8.encode(word), (byte) => byteToChar[byte]!).join('');
    const whole = this.ignoreMerges ? this.idOf.get(printable) : undefined;
    const ids = whole === undefined ? this.mergeWord(printable) : [whole];
    if (word.length <= maxCachedLength) {
      if (this.cache.size >= maxCachedWords) this.cache.clear();
      this.cache.set(word, ids);
    }
    return ids;
  }

  /** `word` has a printable character for each byte, as texts of tokens have. */
  private mergeWord(word: string): readonly number[] {
    const pieces = mergePairs(word, (start, middle, end) => {
      const rank = this.rankOf.get(`${word.slice(start, middle)} ${word.slice(middle, end)}`);
      return rank === undefined ? undefined : -rank;
    });
    // As in llama.cpp, a merged text that is no token falls apart into its bytes, and bytes without a token are lost.
    return pieces
      .flatMap((piece) => this.idOf.get(piece) ?? Array.from(piece, (char) => this.idOf.get(char)))
      .filter((id) => id !== undefined);
  }
}
