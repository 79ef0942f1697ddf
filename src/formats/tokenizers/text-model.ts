/** How text becomes tokens in each kind of tokenizer, `tokenizer.ggml.model`, from the metadata of a GGUF file. */
import type { GgufFile } from '../gguf.js';
import { Bpe, bytesOfByteLevelText } from './bpe.js';
import { Charsmap } from './charsmap.js';
import { Plamo2 } from './plamo2.js';
import { preTokenizerOf, splitStepsOf } from './pre-tokenizers.js';
import { bytesOfRwkvText, Rwkv } from './rwkv.js';
import { metaSpace, SentencePiece } from './sentencepiece.js';
import { Unigram } from './unigram.js';
import { type Vocabulary, vocabularyError } from './vocabulary.js';
import { bertWords, ggufWordMarks, WordPiece } from './wordpiece.js';

/** How one kind of tokenizer treats plain text and its tokens. */
export interface TextModel {
  /** What a text begins and ends with when the file does not say. */
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** A space goes in front of text at the start and after special tokens, or in front of all text; {@link encode} is given it. */
  readonly spacePrefix: boolean | 'first';
  /** The decoder takes the first space off. */
  readonly dropsSpace: boolean;
  /** Appends the ids of text in which there are no special tokens. */
  encode(text: string, ids: number[]): void;
  bytesOfNormal(text: string): Uint8Array;
}

const utf8 = new TextEncoder();

function bytesOfMetaText(text: string): Uint8Array {
  return utf8.encode(text.replaceAll(metaSpace, ' '));
}

type Maker = (gguf: GgufFile, vocabulary: Vocabulary) => TextModel;

const makers: Readonly<Record<string, Maker>> = {
  llama(gguf, vocabulary) {
    const pieces = new SentencePiece(vocabulary);
    const spacePrefix = gguf.optional('tokenizer.ggml.add_space_prefix', 'boolean', true);
    return {
      addBos: true,
      addEos: false,
      spacePrefix,
      dropsSpace: spacePrefix,
      encode: (text, ids) => pieces.encode(text.replaceAll(' ', metaSpace), ids),
      bytesOfNormal: bytesOfMetaText,
    };
  },
  gpt2: (gguf, vocabulary) =>
    byteLevel(gguf, vocabulary, gguf.optional('tokenizer.ggml.pre', 'string', 'default')),
  gemma4: (gguf, vocabulary) => byteLevel(gguf, vocabulary, 'gemma4'),
  bert(gguf, vocabulary) {
    const pieces = new WordPiece({ ...vocabulary, ...ggufWordMarks });
    const lowercase = gguf.optional('tokenizer.ggml.normalizer.lowercase', 'boolean', true);
    const stripAccents = gguf.optional('tokenizer.ggml.normalizer.strip_accents', 'boolean', lowercase);
    return {
      addBos: true,
      addEos: false,
      spacePrefix: false,
      dropsSpace: true,
      encode: (text, ids) => {
        for (const word of bertWords(text, lowercase, stripAccents)) pieces.encodeWord(word, ids);
      },
      bytesOfNormal: bytesOfMetaText,
    };
  },
  t5(gguf, vocabulary) {
    const pieces = new Unigram({ ...vocabulary, byteFallback: false });
    const key = 'tokenizer.ggml.precompiled_charsmap';
    const map = gguf.optional(key, 'numbers', undefined);
    const charsmap = map && new Charsmap(Uint8Array.from(map), `${gguf.source.name}: metadata "${key}"`);
    const prefix = gguf.optional('tokenizer.ggml.add_space_prefix', 'boolean', false);
    const merges = gguf.optional('tokenizer.ggml.remove_extra_whitespaces', 'boolean', false);
    return {
      addBos: false,
      addEos: true,
      spacePrefix: false,
      dropsSpace: prefix,
      encode: (text, ids) =>
        pieces.encode(markSpaces(charsmap?.normalize(text) ?? text, prefix, merges), ids),
      bytesOfNormal: bytesOfMetaText,
    };
  },
  rwkv(_, vocabulary) {
    const pieces = new Rwkv(vocabulary);
    return {
      ...nothingAdded,
      encode: (text, ids) => pieces.encode(text, ids),
      bytesOfNormal: bytesOfRwkvText,
    };
  },
  plamo2(_, vocabulary) {
    const pieces = new Plamo2(vocabulary);
    return {
      ...nothingAdded,
      encode: (text, ids) => pieces.encode(text, ids),
      bytesOfNormal: (text) => utf8.encode(text),
    };
  },
};

const nothingAdded = { addBos: false, addEos: false, spacePrefix: false, dropsSpace: false } as const;

/** Byte-pair encoding with the words of `pre`. */
function byteLevel(gguf: GgufFile, vocabulary: Vocabulary, pre: string): TextModel {
  const entry = preTokenizerOf(pre, `${gguf.source.name}: metadata "tokenizer.ggml.pre"`);
  const plainText = entry.plainText === true;
  const bpe = new Bpe({
    texts: vocabulary.texts,
    idOf: vocabulary.idOf,
    merges: gguf.require('tokenizer.ggml.merges', 'strings'),
    steps: splitStepsOf(entry),
    ignoreMerges: entry.ignoreMerges?.includes(pre) ?? false,
    plainText,
    newlinesWhole: plainText,
    unknownId: null,
  });
  const nfc = entry.nfc?.includes(pre) ?? false;
  return {
    ...nothingAdded,
    addBos: entry.addBos?.includes(pre) ?? false,
    encode: (text, ids) => {
      const normal = nfc ? text.normalize('NFC') : text;
      bpe.encode(plainText ? normal.replaceAll(' ', metaSpace) : normal, ids);
    },
    bytesOfNormal: plainText ? bytesOfMetaText : bytesOfByteLevelText,
  };
}

/** Spaces as {@link metaSpace}, one in front when asked for, and several as one when asked for. */
function markSpaces(text: string, prefix: boolean, merge: boolean): string {
  if (!merge)
    return (prefix && /[^ ]/.test(text) ? text.replace(/[^ ]/, ' $&') : text).replaceAll(' ', metaSpace);
  const words = text.split(' ').filter((word) => word !== '');
  return words.map((word) => metaSpace + word).join('');
}

/** Throws FormatError on an unknown kind or metadata that contradicts itself. */
export function makeTextModel(gguf: GgufFile, vocabulary: Vocabulary): TextModel {
  const model = gguf.require('tokenizer.ggml.model', 'string');
  const make = Object.hasOwn(makers, model) ? makers[model] : undefined;
  if (make !== undefined) return make(gguf, vocabulary);
  throw vocabularyError(gguf, 'model', `"${model}"`, `one of ${Object.keys(makers).join(', ')}`);
}
