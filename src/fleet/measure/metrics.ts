/** What is counted while requests end; definitions in docs/fleet.md. Memory does not depend on their number. */

import type { Sequences } from '../replica/sequences.js';
import type { Slo, SloMetric, SloOutcome, TierResult } from '../types.js';
import { LogHistogram } from './histogram.js';

class TierCounts {
  requests = 0;
  finished = 0;
  rejected = 0;
  readonly ttft = new LogHistogram();
  readonly tpot = new LogHistogram();
  readonly itl = new LogHistogram();
  readonly e2el = new LogHistogram();
  readonly queueDelay = new LogHistogram();
}

/** Times in seconds as the client sees them. */
export interface ClientTimes {
  readonly ttft: number;
  readonly decode: number;
  readonly e2el: number;
}

export class Metrics {
  readonly tiers: readonly [TierCounts, TierCounts] = [new TierCounts(), new TierCounts()];
  readonly gaps: readonly [LogHistogram, LogHistogram];
  promptTokens = 0;
  cachedPromptTokens = 0;
  generatedTokens = 0;
  preemptions = 0;
  retried = 0;
  /** Interactive requests that ended within every limit, and within each. */
  private readonly within: Record<SloMetric, number> = { ttft: 0, tpot: 0, itl: 0, e2el: 0 };
  private good = 0;
  private readonly slo: Slo;

  constructor(slo: Slo) {
    this.slo = slo;
    this.gaps = [this.tiers[0].itl, this.tiers[1].itl];
  }

  arrived(tier: 0 | 1): void {
    this.tiers[tier].requests++;
  }

  rejected(tier: 0 | 1): void {
    this.tiers[tier].rejected++;
  }

  finished(s: Sequences, slot: number): ClientTimes {
    const tier = s.tier[slot] as 0 | 1;
    const counts = this.tiers[tier];
    const arrival = s.arrival[slot]!;
    const first = s.firstToken[slot]!;
    const last = s.lastToken[slot]!;
    const output = s.output[slot]!;
    const ttft = first - arrival + s.overhead[slot]!;
    const decode = last - first;
    const e2el = ttft + decode;
    counts.finished++;
    counts.ttft.add(ttft);
    counts.e2el.add(e2el);
    counts.queueDelay.add(s.firstScheduled[slot]! - arrival);
    const tpot = output > 1 ? decode / (output - 1) : 0;
    if (output > 1) counts.tpot.add(tpot);
    this.promptTokens += s.prompt[slot]!;
    this.cachedPromptTokens += s.cached[slot]!;
    this.generatedTokens += output;
    if (tier === 0) this.judge(ttft * 1e3, tpot * 1e3, e2el * 1e3);
    return { ttft, decode, e2el };
  }

  private judge(ttftMs: number, tpotMs: number, e2elMs: number): void {
    const { slo, within } = this;
    const isFirst = ttftMs <= (slo.ttftMs ?? Infinity);
    const isToken = tpotMs <= (slo.tpotMs ?? Infinity);
    const isWhole = e2elMs <= (slo.e2elMs ?? Infinity);
    if (isFirst) within.ttft++;
    if (isToken) within.tpot++;
    if (isWhole) within.e2el++;
    if (isFirst && isToken && isWhole) this.good++;
  }

  /** Interactive requests that are known to have missed a limit. */
  get misses(): number {
    return this.tiers[0].finished - this.good + this.tiers[0].rejected;
  }

  get goodRequests(): number {
    return this.good;
  }

  /** Each limit of the SLO against what was reached. */
  outcomes(): SloOutcome[] {
    const { slo, tiers, within } = this;
    const counts = tiers[0];
    const wanted = slo.percentile / 100;
    const outcome = (metric: SloMetric, limitMs: number | undefined): SloOutcome[] => {
      if (limitMs === undefined) return [];
      const histogram = counts[metric];
      const rejectedShare = counts.requests === 0 ? 0 : counts.rejected / counts.requests;
      // Requests of one token have no TPOT and count as within it; a gap between tokens is a sample of its own.
      const attained =
        metric === 'itl'
          ? histogram.shareWithin(limitMs / 1e3) * (1 - rejectedShare)
          : counts.requests === 0
            ? 1
            : within[metric] / counts.requests;
      const meets = attained >= wanted;
      const share = rejectedShare >= 1 - wanted ? 1 : wanted / (1 - rejectedShare);
      const found = histogram.quantile(share) * 1e3;
      // The histogram is exact to half a percent; it must not contradict the count.
      const reachedMs = meets ? Math.min(found, limitMs) : Math.max(found, limitMs * (1 + 1e-9));
      return [{ metric, limitMs, reachedMs, attained, meets }];
    };
    return [
      ...outcome('ttft', slo.ttftMs),
      ...outcome('tpot', slo.tpotMs),
      ...outcome('itl', slo.itlMs),
      ...outcome('e2el', slo.e2elMs),
    ];
  }

  tierResults(): TierResult[] {
    return this.tiers.flatMap((counts, index) => {
      if (counts.requests === 0) return [];
      return [
        {
          tier: index === 0 ? ('interactive' as const) : ('batch' as const),
          requests: counts.requests,
          finished: counts.finished,
          rejected: counts.rejected,
          ttftMs: counts.ttft.summary(),
          tpotMs: counts.tpot.summary(),
          itlMs: counts.itl.summary(),
          e2elMs: counts.e2el.summary(),
          queueDelayMs: counts.queueDelay.summary(),
        },
      ];
    });
  }
}
