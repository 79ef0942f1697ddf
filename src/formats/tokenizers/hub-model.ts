/** Text to tokens as a folder's tokenizer.json says it, where GGUF has no words for that: key `waferflow.tokenizer`. */
import { parseJson } from '../../core/json.js';
import type { GgufFile } from '../gguf.js';
import { Bpe, bytesOfByteLevelText } from './bpe.js';
import { normalizerOf, type Settings, splitterOf } from './pipeline.js';
import { metaSpace } from './sentencepiece.js';
import type { TextModel } from './text-model.js';
import { Unigram } from './unigram.js';
import type { Vocabulary } from './vocabulary.js';
import { ggufWordMarks, WordPiece } from './wordpiece.js';

export const hubKey = 'waferflow.tokenizer';

/** The parts of a tokenizer.json that its vocabulary does not say. */
export interface HubTokenizer {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly model?: Settings;
  /** Tokens stand for bytes, a letter each. */
  readonly isByteLevel?: boolean;
}

const utf8 = new TextEncoder();

/** Throws FormatError on components that are not known. */
export function makeHubModel(gguf: GgufFile, vocabulary: Vocabulary): TextModel {
  const what = gguf.source.name;
  const settings = (parseJson(gguf.require(hubKey, 'string'), `${what}: ${hubKey}`) ?? {}) as HubTokenizer;
  const { model = {}, isByteLevel = false } = settings;
  const normalize = normalizerOf(settings.normalizer, what);
  const split = splitterOf(settings.pre_tokenizer, what);
  const encodeWord = wordEncoder(gguf, vocabulary, model, isByteLevel);
  return {
    addBos: false,
    addEos: false,
    spacePrefix: /"prepend_scheme":"first"/.test(JSON.stringify(settings.pre_tokenizer ?? null)) && 'first',
    dropsSpace: gguf.optional('tokenizer.ggml.add_space_prefix', 'boolean', false),
    encode: (text, ids) => {
      for (const word of split(normalize(text))) encodeWord(word, ids);
    },
    bytesOfNormal: isByteLevel
      ? bytesOfByteLevelText
      : (text) => utf8.encode(text.replaceAll(metaSpace, ' ')),
  };
}

function wordEncoder(
  gguf: GgufFile,
  vocabulary: Vocabulary,
  model: Settings,
  isByteLevel: boolean,
): (word: string, ids: number[]) => void {
  if (model.type === 'Unigram') {
    const pieces = new Unigram({ ...vocabulary, byteFallback: model.byte_fallback === true });
    return (word, ids) => pieces.encode(word, ids);
  }
  if (model.type === 'WordPiece') {
    const most = model.max_input_chars_per_word;
    const maxWordLength = typeof most === 'number' ? most : 100;
    const pieces = new WordPiece({ ...vocabulary, ...ggufWordMarks, maxWordLength });
    return (word, ids) => pieces.encodeWord(word, ids);
  }
  const bpe = new Bpe({
    texts: vocabulary.texts,
    idOf: vocabulary.idOf,
    merges: gguf.require('tokenizer.ggml.merges', 'strings'),
    steps: [],
    ignoreMerges: model.ignore_merges === true,
    plainText: !isByteLevel,
    newlinesWhole: false,
    unknownId: vocabulary.unknownId,
  });
  return (word, ids) => bpe.encode(word, ids);
}
