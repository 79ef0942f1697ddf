/** Makes tokens of long texts on a thread of their own, one text after the other, and of all who ask in turn. */
import { OptionError } from '../../core/errors.js';
import type { GgufMetadata } from '../../formats/gguf-metadata.js';
import { type Runs, type Text, UserText } from '../../formats/jinja/text.js';
import type { EncodeOptions } from '../../formats/tokenizer-types.js';
import type { TextHelper } from '../../runtime/engine/texts.js';
import { Helper } from './helper.js';

/** A text as plain data. */
interface PackedText {
  readonly text: string;
  /** Undefined for a text that nobody said. */
  readonly runs?: Runs | null;
}

export interface TextAsked extends PackedText {
  readonly options: EncodeOptions;
}

/** The longest text that a body can hold takes some seconds; a thread that starts, half a one. */
const mostMs = 30_000;
const memoryMb = 1024;

export function textOf({ text, runs }: PackedText): Text {
  return runs === undefined ? text : new UserText(text, runs);
}

/** @param metadata of the model's file */
export function startTexts(metadata: GgufMetadata): TextHelper {
  const helper = new Helper<TextAsked, Int32Array>({
    name: 'waferflow-texts',
    entry: new URL('./text-entry.js', import.meta.url),
    data: new Map([...metadata].filter(([key]) => key.startsWith('tokenizer.'))),
    mostMs,
    memoryMb,
    tooMuch: (given, expected) =>
      new OptionError({ what: 'text', given, expected, todo: 'Give a shorter text.' }),
  });
  return {
    encode: async (text, options, asked) => {
      const packed = typeof text === 'string' ? { text } : { text: text.text, runs: text.runs };
      return Array.from(await helper.ask({ ...packed, options }, asked));
    },
    close: () => helper.end(),
  };
}
