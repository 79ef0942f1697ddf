/** A model's tokenizer, from the metadata of its GGUF file. */
import { OptionError } from '../core/errors.js';
import { ByteLevelBpe, bytesOfByteLevelText } from './byte-level.js';
import { type ChatRenderer, compileChatTemplate, plainTranscript } from './chat-template.js';
import { FragmentCache } from './fragment-cache.js';
import type { GgufFile } from './gguf.js';
import { metaSpace, SentencePiece } from './sentencepiece.js';
import { SpecialTokens } from './special-tokens.js';
import type {
  ChatMessage,
  ChatTemplateOptions,
  DecodeOptions,
  EncodeOptions,
  TokenDecoder,
  Tokenizer,
} from './tokenizer-types.js';
import { readVocabulary, tokenKind, type Vocabulary, vocabularyError } from './vocabulary.js';

const utf8 = new TextEncoder();

/** How one kind of tokenizer treats plain text and its tokens. */
interface TextCodec {
  readonly addBos: boolean;
  /** A space goes in front of text at the start and after special tokens, and the decoder takes the first one off. */
  readonly spacePrefix: boolean;
  encode(text: string, ids: number[]): void;
  bytesOfNormal(text: string): Uint8Array;
}

/** Makes the tokenizer. Throws FormatError on an unknown kind or metadata that contradicts itself. */
export function createTokenizer(gguf: GgufFile): Tokenizer {
  const vocabulary = readVocabulary(gguf);
  return new GgufTokenizer(gguf, vocabulary, createCodec(gguf, vocabulary));
}

function createCodec(gguf: GgufFile, vocabulary: Vocabulary): TextCodec {
  const model = gguf.require('tokenizer.ggml.model', 'string');
  const spacePrefix = gguf.optional('tokenizer.ggml.add_space_prefix', 'boolean', model === 'llama');
  if (model === 'llama') {
    const pieces = new SentencePiece(vocabulary);
    return {
      addBos: true,
      spacePrefix,
      encode: (text, ids) => pieces.encode(text.replaceAll(' ', metaSpace), ids),
      bytesOfNormal: (text) => utf8.encode(text.replaceAll(metaSpace, ' ')),
    };
  }
  if (model === 'gpt2') {
    const bpe = new ByteLevelBpe(gguf, vocabulary);
    return {
      addBos: bpe.addBos,
      spacePrefix: false,
      encode: (text, ids) => bpe.encode(text, ids),
      bytesOfNormal: bytesOfByteLevelText,
    };
  }
  throw vocabularyError(gguf, 'model', `"${model}"`, '"llama" (SentencePiece) or "gpt2" (byte-level BPE)');
}

class GgufTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | null;
  readonly eosIds: ReadonlySet<number>;
  readonly addBos: boolean;
  readonly fim: Tokenizer['fim'];
  readonly chatTemplate: string | null;
  private readonly vocabulary: Vocabulary;
  private readonly codec: TextCodec;
  private readonly specialTokens: SpecialTokens;
  private readonly bytes: Uint8Array[] = [];
  private readonly fragments = new FragmentCache();
  private renderer: ChatRenderer | null = null;

  constructor(gguf: GgufFile, vocabulary: Vocabulary, codec: TextCodec) {
    this.vocabulary = vocabulary;
    this.codec = codec;
    this.specialTokens = new SpecialTokens(vocabulary);
    this.vocabSize = vocabulary.texts.length;
    this.bosId = vocabulary.bosId;
    this.eosIds = vocabulary.endIds;
    this.addBos =
      this.bosId !== null && gguf.optional('tokenizer.ggml.add_bos_token', 'boolean', codec.addBos);
    this.fim = vocabulary.fim;
    this.chatTemplate = gguf.optional('tokenizer.chat_template', 'string', null);
  }

  encode(text: string, { bos = this.addBos, special = false }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    let afterSpecial = true;
    for (const fragment of this.specialTokens.split(text.toWellFormed(), special)) {
      if (typeof fragment === 'number') ids.push(fragment);
      else {
        const text = this.codec.spacePrefix && afterSpecial ? ` ${fragment}` : fragment;
        for (const id of this.fragments.get(text, this.encodeFragment)) ids.push(id);
      }
      afterSpecial = typeof fragment === 'number';
    }
    if (bos && this.bosId !== null && ids[0] !== this.bosId) ids.unshift(this.bosId);
    return ids;
  }

  private readonly encodeFragment = (text: string): readonly number[] => {
    const ids: number[] = [];
    this.codec.encode(text, ids);
    return ids;
  };

  bytesOf(id: number): Uint8Array {
    let bytes = this.bytes[id];
    if (bytes === undefined) {
      bytes = this.makeBytes(id);
      this.bytes[id] = bytes;
    }
    return bytes;
  }

  private makeBytes(id: number): Uint8Array {
    const text = this.vocabulary.texts[id];
    if (text === undefined) {
      throw new OptionError({
        what: 'token id',
        given: String(id),
        expected: `a whole number from 0 to ${this.vocabSize - 1}`,
        todo: 'Give ids of this vocabulary.',
      });
    }
    switch (this.vocabulary.kinds[id]) {
      case tokenKind.control:
      case tokenKind.unknown:
        return new Uint8Array(0);
      case tokenKind.byte:
        return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16));
      case tokenKind.userDefined:
        return utf8.encode(text);
      default:
        return this.codec.bytesOfNormal(text);
    }
  }

  decode(ids: readonly number[], options?: DecodeOptions): string {
    const decoder = this.decoder(options);
    return ids.map((id) => decoder.push(id)).join('') + decoder.end();
  }

  decoder({ continues = false }: DecodeOptions = {}): TokenDecoder {
    // It holds back the bytes of a character that is not complete yet.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let dropSpace = this.codec.spacePrefix && !continues;
    return {
      push: (id) => {
        let bytes = this.bytesOf(id);
        if (dropSpace && bytes.length > 0) {
          if (bytes[0] === 0x20 && this.vocabulary.kinds[id] !== tokenKind.userDefined)
            bytes = bytes.subarray(1);
          dropSpace = false;
        }
        return decoder.decode(bytes, { stream: true });
      },
      end: () => decoder.decode(),
    };
  }

  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string {
    this.renderer ??= this.makeRenderer();
    return this.renderer(messages, options);
  }

  private makeRenderer(): ChatRenderer {
    const { texts, bosId, eosId } = this.vocabulary;
    const textOf = (id: number | null) => (id === null ? '' : texts[id]!);
    if (this.chatTemplate === null) return plainTranscript(this.addBos ? textOf(bosId) : '');
    return compileChatTemplate(this.chatTemplate, { bos: textOf(bosId), eos: textOf(eosId) });
  }
}
