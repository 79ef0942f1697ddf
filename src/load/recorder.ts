/** Counts requests as they end, in memory that does not grow with them; definitions in types.ts. */
import { messageOf } from '../core/errors.js';
import { LogHistogram } from '../fleet/measure/histogram.js';
import type { Goals, LoadResult, LoadUsage } from './types.js';

/** What the result repeats of the options. */
export type Asked = Pick<LoadResult, 'api' | 'seed' | 'requestedPerSecond' | 'concurrency'>;

export class Recorder {
  private readonly ttft = new LogHistogram();
  private readonly tpot = new LogHistogram();
  private readonly itl = new LogHistogram();
  private readonly e2el = new LogHistogram();
  private readonly late = new LogHistogram();
  private readonly errors = new Map<string, number>();
  /** Tokens of each second since the start. */
  private readonly perSecond: number[] = [];
  private readonly goals: Goals;
  private requests = 0;
  private failed = 0;
  private good = 0;
  private running = 0;
  private peak = 0;
  private inputTokens = 0;
  private cachedTokens = 0;
  private outputTokens = 0;
  private startMs = performance.now();

  constructor(goals: Goals) {
    this.goals = goals;
  }

  get finished(): number {
    return this.requests + this.failed;
  }

  start(): void {
    this.startMs = performance.now();
  }

  /** Runs one request and counts it, whatever comes of it. */
  async record(plannedMs: number | null, ask: (onText: () => void) => Promise<LoadUsage>): Promise<void> {
    this.peak = Math.max(this.peak, ++this.running);
    const sentMs = performance.now();
    if (plannedMs !== null) this.late.add(Math.max(0, sentMs - this.startMs - plannedMs) / 1e3);
    const texts: number[] = [];
    try {
      const usage = await ask(() => texts.push(performance.now()));
      this.count(sentMs, texts, performance.now(), usage);
    } catch (error) {
      this.failed++;
      const reason = messageOf(error).slice(0, 120);
      if (this.errors.size < 20 || this.errors.has(reason)) {
        this.errors.set(reason, (this.errors.get(reason) ?? 0) + 1);
      }
    } finally {
      this.running--;
    }
  }

  private count(sentMs: number, texts: readonly number[], endMs: number, usage: LoadUsage): void {
    this.requests++;
    this.inputTokens += usage.promptTokens;
    this.cachedTokens += usage.cachedTokens;
    this.outputTokens += usage.outputTokens;
    const firstMs = texts[0] ?? endMs;
    const ttftMs = firstMs - sentMs;
    const e2elMs = endMs - sentMs;
    const tpotMs = usage.outputTokens > 1 ? (endMs - firstMs) / (usage.outputTokens - 1) : null;
    this.ttft.add(ttftMs / 1e3);
    this.e2el.add(e2elMs / 1e3);
    if (tpotMs !== null) this.tpot.add(tpotMs / 1e3);
    const tokensPerText = usage.outputTokens / Math.max(1, texts.length);
    for (const [i, textMs] of texts.entries()) {
      if (i > 0) this.itl.add((textMs - texts[i - 1]!) / 1e3);
      const second = Math.floor((textMs - this.startMs) / 1e3);
      this.perSecond[second] = (this.perSecond[second] ?? 0) + tokensPerText;
    }
    const { goals } = this;
    const isGood =
      ttftMs <= (goals.ttftMs ?? Number.POSITIVE_INFINITY) &&
      (tpotMs ?? 0) <= (goals.tpotMs ?? Number.POSITIVE_INFINITY) &&
      e2elMs <= (goals.e2elMs ?? Number.POSITIVE_INFINITY);
    if (isGood) this.good++;
  }

  result({ api, seed, requestedPerSecond, concurrency }: Asked): LoadResult {
    const durationMs = performance.now() - this.startMs;
    const perSecond = (count: number): number => (durationMs > 0 ? (count * 1e3) / durationMs : 0);
    const hasGoals = Object.values(this.goals).some((goal) => goal !== undefined);
    return {
      api,
      seed,
      requests: this.requests,
      failed: this.failed,
      errors: Object.fromEntries(this.errors),
      durationMs,
      requestedPerSecond,
      concurrency,
      inputTokens: this.inputTokens,
      cachedTokens: this.cachedTokens,
      outputTokens: this.outputTokens,
      requestsPerSecond: perSecond(this.requests),
      outputTokensPerSecond: perSecond(this.outputTokens),
      totalTokensPerSecond: perSecond(this.inputTokens + this.outputTokens),
      peakOutputTokensPerSecond: Math.max(0, ...this.perSecond.filter((tokens) => tokens > 0)),
      peakConcurrency: this.peak,
      ttftMs: this.ttft.summary(),
      tpotMs: this.tpot.summary(),
      itlMs: this.itl.summary(),
      e2elMs: this.e2el.summary(),
      lateMs: this.late.summary(),
      goodput: hasGoals ? perSecond(this.good) : null,
    };
  }
}
