/** What a completion cost, for the `usage` of every API. Measured and simulated stand apart and are named so. */
import type { UsageExtension } from '../../protocol/protocol.js';
import type { CompletionEvent, CompletionUsage } from './completion.js';

export type EndEvent = Extract<CompletionEvent, { readonly type: 'end' }>;

export function usageExtension({ timings, simulated }: EndEvent): UsageExtension {
  const { queueMs, ttftMs, prefillMs, decodeMs } = timings;
  const { prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  return {
    measured: {
      queueMs: rounded(queueMs),
      ttftMs: rounded(ttftMs),
      prefillMs: rounded(prefillMs),
      decodeMs: rounded(decodeMs),
      prefillTokensPerSecond: rounded(prefillTokensPerSecond),
      decodeTokensPerSecond: rounded(decodeTokensPerSecond),
    },
    simulated,
  };
}

/** Three digits after the point: a microsecond. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** The sum over choices; the prompt, which they share, counts once. */
export function sumUsage(ends: readonly EndEvent[]): CompletionUsage {
  const sum = (part: keyof CompletionUsage): number =>
    ends.reduce((total, { usage }) => total + usage[part], 0);
  return {
    promptTokens: ends[0]?.usage.promptTokens ?? 0,
    cachedTokens: ends[0]?.usage.cachedTokens ?? 0,
    completionTokens: sum('completionTokens'),
    reasoningTokens: sum('reasoningTokens'),
    acceptedPredictionTokens: sum('acceptedPredictionTokens'),
    rejectedPredictionTokens: sum('rejectedPredictionTokens'),
  };
}
