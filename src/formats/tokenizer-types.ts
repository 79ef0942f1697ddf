/** What text looks like to a model: tokens and chat messages. */
import type { Text } from './jinja/text.js';

export type { Text } from './jinja/text.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Of an assistant: what it thought before. */
  readonly reasoning_content?: string;
  /** Of an assistant, in the form that templates read. */
  readonly tool_calls?: readonly ChatToolCall[];
  /** Of role `tool`: the call that this answers, and its function. */
  readonly tool_call_id?: string;
  readonly name?: string;
}

export interface ChatToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    /** A JSON text, or the value of one. */
    readonly arguments: unknown;
  };
}

/** A function in the form that templates read. */
export interface ChatTool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description: string;
    /** A JSON schema. */
    readonly parameters: Readonly<Record<string, unknown>>;
  };
}

export interface ChatTemplateOptions {
  /** Functions for a template that knows the variable `tools`; others leave them out. */
  readonly tools?: readonly ChatTool[];
  /** Leaves the start of the assistant's turn out when false; default true. */
  readonly addGenerationPrompt?: boolean;
  /** Leaves the last message open, so that the answer goes on with it. */
  readonly continues?: boolean;
  /** Further variables, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The clock of `strftime_now`. */
  readonly now?: Date;
}

export interface EncodeOptions {
  /**
   * Puts BOS in front unless the text already starts with it; default: what the model wants. Unless this is false, EOS
   * follows for models that want it.
   */
  readonly bos?: boolean;
  /** Takes control tokens in the text, such as `<|im_end|>`, for tokens; by default they are plain text. */
  readonly special?: boolean;
}

export interface DecodeOptions {
  /**
   * The tokens go on a text, so a space they start with belongs to it. By default they are a text of their own, and
   * the space that SentencePiece puts in front of every text is taken off again.
   */
  readonly continues?: boolean;
}

/** Text to ids and back, from a model file's metadata. */
export interface Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | null;
  /** Tokens that end a generation: end of text and end of turn. */
  readonly eosIds: ReadonlySet<number>;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** What in the file was passed over, a sentence each. */
  readonly warnings: readonly string[];
  /** Prefix, suffix and middle tokens of fill-in-the-middle, where the model has them. */
  readonly fim: { readonly prefix: number; readonly suffix: number; readonly middle: number } | null;
  readonly chatTemplate: string | null;
  /** The template of conversations with functions; most models have one for both. */
  readonly toolTemplate: string | null;
  /** How a model that ranks wants `{query}` and `{document}` put together, where it says so. */
  readonly rankTemplate: string | null;
  /**
   * Ids of a text. Half a surrogate pair counts as U+FFFD. In a rendered conversation, control tokens stand only where
   * the template wrote them, whatever its users said.
   */
  encode(text: Text, options?: EncodeOptions): number[];
  /** The bytes of one token; control tokens have none. Throws OptionError on an id outside the vocabulary. */
  bytesOf(id: number): Uint8Array;
  /** A token for people: its text, of control tokens their name. Throws OptionError on an id outside the vocabulary. */
  textOf(id: number): string;
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** A decoder that takes tokens one by one and never emits half a character. */
  decoder(options?: DecodeOptions): TokenDecoder;
  /**
   * Messages through the model's chat template, or as a plain transcript where it has none (see
   * chat/template.ts), ready for `encode(text, {special: true, bos: false})`. Throws OptionError on messages that the
   * template refuses and FormatError on a broken template.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): Text;
}

export interface TokenDecoder {
  /** The text that became complete with this token; may be empty. */
  push(id: number): string;
  /** What is left at the end; incomplete bytes become U+FFFD. */
  end(): string;
}
