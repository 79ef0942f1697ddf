/** Log-probabilities as clients read them: with the token's text and bytes. */

import type { OutputLogprob } from '../../protocol/protocol.js';
import type { Tokenizer, TokenLogprobs } from '../../runtime/types.js';

const decoder = new TextDecoder();

export function outputLogprobs(tokenizer: Tokenizer, logprobs: readonly TokenLogprobs[]): OutputLogprob[] {
  const named = ({ id, logprob }: { readonly id: number; readonly logprob: number }) => {
    const bytes = tokenizer.bytesOf(id);
    return { token: decoder.decode(bytes), bytes: [...bytes], logprob };
  };
  return logprobs.map((one) => ({ ...named(one), top_logprobs: one.top.map(named) }));
}
