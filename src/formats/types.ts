/** What text looks like to a model: tokens and chat messages. */

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
}

/** Text to ids and back, from a model file's metadata. */
export interface Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | null;
  /** Tokens that end a generation. */
  readonly eosIds: ReadonlySet<number>;
  readonly addBos: boolean;
  /** Prefix, suffix and middle tokens of fill-in-the-middle, where the model has them. */
  readonly fim: { readonly prefix: number; readonly suffix: number; readonly middle: number } | null;
  readonly chatTemplate: string | null;
  /**
   * `special: false` (default) treats text that looks like a special token as plain text; `bos: true` (default:
   * what the model wants) puts BOS in front unless the text already starts with it.
   */
  encode(text: string, options?: { readonly bos?: boolean; readonly special?: boolean }): number[];
  /** The bytes of one token; control tokens have none. */
  bytesOf(id: number): Uint8Array;
  decode(ids: readonly number[]): string;
  /** A decoder that takes tokens one by one and never emits half a character. */
  decoder(): TokenDecoder;
  /** Messages through the model's chat template, ready for `encode(text, {special: true, bos: false})`. */
  applyChatTemplate(messages: readonly ChatMessage[]): string;
}

export interface TokenDecoder {
  /** The text that became complete with this token; may be empty. */
  push(id: number): string;
  /** What is left at the end; incomplete bytes become U+FFFD. */
  end(): string;
}
