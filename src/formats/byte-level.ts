/** Byte-level BPE, tokenizer model `gpt2`: pre-tokenisers as data, merging by @huggingface/tokenizers. */
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { GgufFile } from './gguf.js';
import { type Vocabulary, vocabularyError } from './vocabulary.js';

interface PreTokenizer {
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
const preTokenizers: readonly PreTokenizer[] = [
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

export class ByteLevelBpe {
  readonly addBos: boolean;
  private readonly tokenizer: HuggingFaceTokenizer;

  /** Throws FormatError on a pre-tokeniser that is not in the table, or merges that are no pairs. */
  constructor(gguf: GgufFile, vocabulary: Vocabulary) {
    const name = gguf.optional('tokenizer.ggml.pre', 'string', 'default');
    const pre = preTokenizers.find(({ names }) => names.includes(name));
    if (pre === undefined) {
      const known = preTokenizers.flatMap(({ names }) => names).join(', ');
      throw vocabularyError(gguf, 'pre', `"${name}"`, `one of ${known}`);
    }
    this.addBos = pre.addBos;
    const merges = gguf.require('tokenizer.ggml.merges', 'strings').map((merge, i): [string, string] => {
      const space = merge.indexOf(' ', 1);
      if (space < 0)
        throw vocabularyError(
          gguf,
          'merges',
          `${JSON.stringify(merge)} as merge ${i}`,
          'two texts and a space',
        );
      return [merge.slice(0, space), merge.slice(space + 1)];
    });
    const splits = pre.patterns.map((pattern) => ({
      type: 'Split',
      pattern: { Regex: pattern },
      behavior: 'Isolated',
      invert: false,
    }));
    this.tokenizer = new HuggingFaceTokenizer(
      {
        version: '1.0',
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [...splits, { type: 'ByteLevel', use_regex: false }],
        },
        post_processor: null,
        decoder: null,
        model: {
          type: 'BPE',
          vocab: Object.fromEntries(vocabulary.idOf),
          merges,
          ignore_merges: pre.ignoreMerges,
        },
      },
      {},
    );
  }

  /** Appends the ids of `text`. */
  encode(text: string, ids: number[]): void {
    for (const id of this.tokenizer.encode(text, { add_special_tokens: false }).ids) ids.push(id);
  }
}
