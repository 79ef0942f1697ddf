/** What llama.cpp says at the end of an answer: why it ended, what it took, and how its tokens were drawn. */
import type { GenerateOptions, Tokenizer } from '../../runtime/types.js';
import type { EndEvent } from '../road/usage.js';

/** What an answer took, in the names of llama.cpp; rates over steps, of which the first token needs none of its own. */
export function timingsOf({ usage, timings }: EndEvent) {
  const { promptTokens, cachedTokens, completionTokens } = usage;
  const { prefillMs, decodeMs, prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  const fresh = promptTokens - cachedTokens;
  return {
    cache_n: cachedTokens,
    prompt_n: fresh,
    prompt_ms: prefillMs,
    prompt_per_token_ms: prefillMs / Math.max(1, fresh),
    prompt_per_second: prefillTokensPerSecond,
    predicted_n: completionTokens,
    predicted_ms: decodeMs,
    predicted_per_token_ms: completionTokens < 2 ? 0 : decodeMs / (completionTokens - 1),
    predicted_per_second: decodeTokensPerSecond,
  };
}

/** @param context of the model, in tokens */
export function ending(end: EndEvent, context: number) {
  const { finishReason, stopString, usage } = end;
  const { promptTokens, cachedTokens, completionTokens } = usage;
  return {
    stop_type: finishReason === 'length' ? 'limit' : stopString === null ? 'eos' : 'word',
    stopping_word: stopString ?? '',
    truncated: finishReason === 'length' && promptTokens + completionTokens >= context,
    tokens_predicted: completionTokens,
    tokens_evaluated: promptTokens,
    tokens_cached: cachedTokens,
    timings: timingsOf(end),
  };
}

/** How tokens were drawn. */
export function settingsOf(options: GenerateOptions, tokenizer: Tokenizer) {
  const { maxTokens, temperature, topK, topP, minP, seed, logitBias = {}, ignoreEos } = options;
  const forbidden = ignoreEos === true ? [...tokenizer.eosIds] : [];
  return {
    n_predict: maxTokens,
    temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    seed: seed ?? -1,
    ignore_eos: ignoreEos === true,
    // JSON has no infinity: null forbids a token.
    logit_bias: [
      ...Object.entries(logitBias).map(([token, bias]) => ({
        token: Number(token),
        bias: Number.isFinite(bias) ? bias : null,
      })),
      ...forbidden.map((token) => ({ token, bias: null })),
    ],
  };
}

/** The text of ids, control tokens by their names. */
export function withNames(tokenizer: Tokenizer, ids: readonly number[]): string {
  const isNamed = (id: number): boolean => tokenizer.bytesOf(id).length === 0;
  let text = '';
  for (let at = 0; at < ids.length; ) {
    if (isNamed(ids[at]!)) {
      text += tokenizer.textOf(ids[at++]!);
      continue;
    }
    let end = at;
    while (end < ids.length && !isNamed(ids[end]!)) end++;
    text += tokenizer.decode(ids.slice(at, end), { continues: at > 0 });
    at = end;
  }
  return text;
}
