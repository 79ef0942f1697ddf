/** What a completion cost, for the `usage` of every API. Measured and simulated stand apart and are named so. */
import type { MeasuredMs } from '../../core/units.js';
import type { Simulated } from '../../timing/local-run.js';
import type { CompletionEvent, CompletionUsage } from './completion.js';

export type EndEvent = Extract<CompletionEvent, { readonly type: 'end' }>;

/** Our own part of a `usage` object. */
export interface UsageExtension {
  /** On this machine. */
  readonly measured: {
    readonly queueMs: MeasuredMs;
    readonly ttftMs: MeasuredMs;
    readonly prefillMs: MeasuredMs;
    readonly decodeMs: MeasuredMs;
    readonly prefillTokensPerSecond: number;
    readonly decodeTokensPerSecond: number;
  };
  /** What other machines would take for the same tokens: simulated, nothing of it was measured. */
  readonly simulated: readonly Simulated[];
}

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
    acceptedPredictionTokens: sum('acceptedPredictionTokens'),
    rejectedPredictionTokens: sum('rejectedPredictionTokens'),
  };
}
