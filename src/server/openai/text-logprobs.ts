/** The older form of log-probabilities: lists side by side, and the likeliest tokens as a map from text to number. */
import type { Tokenizer, TokenLogprobs } from '../../runtime/types.js';
import { LEAST_LOGPROB } from './shared.js';

export interface ListLogprobs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Readonly<Record<string, number>> | null)[];
  readonly text_offset: number[];
}

/** Of a text that starts with `first`, a token that nothing stands in front of, where it is given. */
export class TextLogprobs {
  private readonly tokenizer: Tokenizer;
  /** Characters of whole tokens so far, and the bytes of a character that is not whole. */
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private at = 0;

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** @param first a token of the prompt with nothing before it, so no log-probability */
  list(logprobs: readonly TokenLogprobs[], first: number | null = null): ListLogprobs {
    const rows = logprobs.map((entry) => this.names([entry, ...entry.top]));
    const head = first === null ? [] : [first];
    const ids = [...head, ...logprobs.map(({ id }) => id)];
    return {
      tokens: [...head.map((id) => this.names([{ id }])[0]!), ...rows.map(([name]) => name!)],
      token_logprobs: [...head.map(() => null), ...logprobs.map(({ logprob }) => bounded(logprob))],
      top_logprobs: [
        ...head.map(() => null),
        ...logprobs.map(({ top }, row) =>
          Object.fromEntries(top.map(({ logprob }, i) => [rows[row]![i + 1]!, bounded(logprob)])),
        ),
      ],
      text_offset: ids.map((id) => {
        const start = this.at;
        this.at += this.decoder.decode(this.tokenizer.bytesOf(id), { stream: true }).length;
        return start;
      }),
    };
  }

  /** A name for each token that no other one of them has: its text, else its bytes, else its id. */
  private names(tokens: readonly { readonly id: number }[]): string[] {
    const names = new Map<string, number>();
    return tokens.map(({ id }) => {
      const name = this.namesOf(id).find((one) => (names.get(one) ?? id) === id)!;
      names.set(name, id);
      return name;
    });
  }

  private namesOf(id: number): string[] {
    const bytes = this.tokenizer.bytesOf(id);
    const byId = `token_id:${id}`;
    if (bytes.length === 0) return [byId];
    try {
      return [strict.decode(bytes), byId];
    } catch {
      // The form in which OpenAI writes a part of a character.
      return [`bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`, byId];
    }
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function bounded(logprob: number): number {
  return Math.max(logprob, LEAST_LOGPROB);
}
