/** A model's tokenizer, from the metadata of its GGUF file. */
import { OptionError } from '../core/errors.js';
import { type ChatTemplates, chatTemplates } from './chat/choice.js';
import { type ChatRenderer, compileChatTemplate, plainTranscript } from './chat/template.js';
import type { GgufFile } from './gguf.js';
import { type Text, UserText } from './jinja/text.js';
import type {
  ChatMessage,
  ChatTemplateOptions,
  DecodeOptions,
  EncodeOptions,
  TokenDecoder,
  Tokenizer,
} from './tokenizer-types.js';
import { byteOfTokenText } from './tokenizers/byte-tokens.js';
import { FragmentCache } from './tokenizers/fragment-cache.js';
import { hubKey, makeHubModel } from './tokenizers/hub-model.js';
import { SpecialTokens } from './tokenizers/special-tokens.js';
import { makeTextModel, type TextModel } from './tokenizers/text-model.js';
import { readVocabulary, tokenKind, type Vocabulary } from './tokenizers/vocabulary.js';

const utf8 = new TextEncoder();
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

export interface TokenizerOptions {
  /** In place of the file's: Jinja, or the name of another one in the file. */
  readonly chatTemplate?: string | undefined;
  /** Variables of the template that hold where a conversation names none. */
  readonly chatVariables?: Readonly<Record<string, unknown>> | undefined;
}

/** Makes the tokenizer. Throws FormatError on an unknown kind, metadata that contradicts itself, or Jinja that is none. */
export function createTokenizer(
  gguf: GgufFile,
  { chatTemplate, chatVariables }: TokenizerOptions = {},
): Tokenizer {
  const vocabulary = readVocabulary(gguf);
  const codec = (gguf.metadata.has(hubKey) ? makeHubModel : makeTextModel)(gguf, vocabulary);
  const templates = chatTemplates(gguf, chatTemplate ?? null);
  return new GgufTokenizer(gguf, { vocabulary, codec, templates, chatVariables });
}

function wellFormed(text: Text): Text {
  return typeof text === 'string' ? text.toWellFormed() : new UserText(text.text.toWellFormed(), text.runs);
}

interface TokenizerParts extends Pick<TokenizerOptions, 'chatVariables'> {
  readonly vocabulary: Vocabulary;
  readonly codec: TextModel;
  readonly templates: ChatTemplates;
}

class GgufTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | null;
  readonly eosIds: ReadonlySet<number>;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly warnings: readonly string[];
  readonly fim: Tokenizer['fim'];
  readonly chatTemplate: string | null;
  readonly toolTemplate: string | null;
  readonly rankTemplate: string | null;
  private readonly vocabulary: Vocabulary;
  /** What {@link addEos} adds. */
  private readonly endId: number | null;
  private readonly codec: TextModel;
  private readonly specialTokens: SpecialTokens;
  private readonly bytes: Uint8Array[] = [];
  private readonly fragments = new FragmentCache();
  private readonly chatVariables: Readonly<Record<string, unknown>>;
  private readonly renderers = new Map<string | null, ChatRenderer>();

  constructor(gguf: GgufFile, { vocabulary, codec, templates, chatVariables = {} }: TokenizerParts) {
    this.chatVariables = chatVariables;
    this.vocabulary = vocabulary;
    this.codec = codec;
    this.specialTokens = new SpecialTokens(vocabulary);
    this.vocabSize = vocabulary.texts.length;
    this.bosId = vocabulary.bosId;
    this.eosIds = vocabulary.endIds;
    const model = gguf.require('tokenizer.ggml.model', 'string');
    // These two are marked at their ends whatever the file says.
    const isBert = model === 'bert';
    this.addBos =
      this.bosId !== null &&
      (isBert ||
        model === 'gemma4' ||
        gguf.optional('tokenizer.ggml.add_bos_token', 'boolean', codec.addBos));
    this.endId = isBert ? (vocabulary.separatorId ?? vocabulary.eosId) : vocabulary.eosId;
    this.addEos =
      this.endId !== null &&
      (isBert || gguf.optional('tokenizer.ggml.add_eos_token', 'boolean', codec.addEos));
    this.warnings = vocabulary.warnings;
    this.fim = vocabulary.fim;
    this.chatTemplate = templates.chat;
    this.toolTemplate = templates.tools;
    this.rankTemplate = gguf.optional('tokenizer.chat_template.rerank', 'string', null);
  }

  encode(text: Text, { bos, special = false }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    let afterSpecial = true;
    let isFirst = true;
    for (const fragment of this.specialTokens.split(wellFormed(text), special)) {
      if (typeof fragment === 'number') ids.push(fragment);
      else {
        const { spacePrefix } = this.codec;
        const isPrefixed =
          spacePrefix === 'first' ? isFirst && !/^[ \u2581]/.test(fragment) : spacePrefix && afterSpecial;
        const text = isPrefixed ? ` ${fragment}` : fragment;
        for (const id of this.fragments.get(text, this.encodeFragment)) ids.push(id);
      }
      afterSpecial = typeof fragment === 'number';
      isFirst = false;
    }
    if ((bos ?? this.addBos) && this.bosId !== null && ids[0] !== this.bosId) ids.unshift(this.bosId);
    if (bos !== false && this.addEos) ids.push(this.endId!);
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
        return Uint8Array.of(byteOfTokenText(text));
      case tokenKind.userDefined:
        return utf8.encode(text);
      default:
        return this.codec.bytesOfNormal(text);
    }
  }

  textOf(id: number): string {
    const bytes = this.bytesOf(id);
    return bytes.length > 0 ? lossy.decode(bytes) : this.vocabulary.texts[id]!;
  }

  decode(ids: readonly number[], { continues = false }: DecodeOptions = {}): string {
    let size = 0;
    for (const id of ids) size += this.bytesOf(id).length;
    const bytes = new Uint8Array(size);
    let at = 0;
    let first: number | undefined;
    for (const id of ids) {
      const part = this.bytesOf(id);
      if (part.length > 0) first ??= id;
      // Most tokens are a few bytes, where a loop is faster than a copy.
      for (let i = 0; i < part.length; i++) bytes[at++] = part[i]!;
    }
    const dropped = first !== undefined && !continues && this.dropsSpaceOf(first) ? 1 : 0;
    return lossy.decode(bytes.subarray(dropped));
  }

  /** Whether a text that begins with this token has a space in front that is none of its own. */
  private dropsSpaceOf(id: number): boolean {
    return (
      this.codec.dropsSpace &&
      this.bytesOf(id)[0] === 0x20 &&
      this.vocabulary.kinds[id] !== tokenKind.userDefined
    );
  }

  decoder({ continues = false }: DecodeOptions = {}): TokenDecoder {
    // It holds back the bytes of a character that is not complete yet.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let atStart = !continues;
    return {
      push: (id) => {
        const bytes = this.bytesOf(id);
        const dropped = atStart && bytes.length > 0 && this.dropsSpaceOf(id) ? 1 : 0;
        if (bytes.length > 0) atStart = false;
        return decoder.decode(bytes.subarray(dropped), { stream: true });
      },
      end: () => decoder.decode(),
    };
  }

  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): Text {
    const template = options?.tools?.length ? this.toolTemplate : this.chatTemplate;
    let renderer = this.renderers.get(template);
    if (renderer === undefined) {
      renderer = this.makeRenderer(template);
      this.renderers.set(template, renderer);
    }
    return renderer(messages, options);
  }

  private makeRenderer(template: string | null): ChatRenderer {
    const { texts, bosId, eosId } = this.vocabulary;
    const textOf = (id: number | null) => (id === null ? '' : texts[id]!);
    if (template === null) return plainTranscript(this.addBos ? textOf(bosId) : '');
    const tokens = { bos: textOf(bosId), eos: textOf(eosId) };
    return compileChatTemplate(template, tokens, this.chatVariables);
  }
}
