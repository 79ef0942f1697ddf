/** Where long texts become tokens: it takes a second for some hundred thousand letters, which nobody else should wait for. */
import type { EncodeOptions, Text } from '../../formats/tokenizer-types.js';

/**
 * Texts in one turn of the event loop together, in UTF-16 units, that are encoded at once: some ten milliseconds. What is
 * beyond is encoded elsewhere.
 */
export const mostQuickLength = 8192;

/** Whose text it is, and until when it is wanted. */
export interface EncodeTurn {
  readonly owner?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A place where texts are encoded that holds up nobody. */
export interface TextHelper {
  /** Rejects with OptionError on a text that takes too long, and with the signal's reason. */
  encode(text: Text, options: EncodeOptions, turn: EncodeTurn): Promise<readonly number[]>;
  close(): void;
}
