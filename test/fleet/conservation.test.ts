/** Whatever the fleet: every request ends exactly once, memory returns to zero, and the seed decides everything. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { Curve } from '#src/fleet/replica/curve.js';
import type { StepTimes } from '#src/fleet/replica/step-times.js';
import { AgentSource, CODING_TASK } from '#src/fleet/requests/agents.js';
import { STEADY } from '#src/fleet/requests/arrivals.js';
import { ClosedLoopSource, OpenSource, type RequestSource, TraceSource } from '#src/fleet/requests/source.js';
import { ROUTINGS } from '#src/fleet/router.js';
import { type Fleet, simulateFleet } from '#src/fleet/simulate.js';
import { machine } from './bare.js';

const MOST = 4096;
const grows = new Curve(MOST, (tokens) => tokens * 1e-6);

function times(maxBatch: number, chunkTokens: number, isPipeline: boolean): StepTimes {
  return {
    tokenSeconds: Float64Array.from({ length: maxBatch + chunkTokens + 1 }, (_, t) => t * 1e-5),
    sharesWeights: !isPipeline,
    sequenceSeconds: Float64Array.from(
      { length: maxBatch + 1 },
      (_, n) => (isPipeline ? 0 : 1e-3) + n * 1e-4,
    ),
    decodeSeconds: 1e-4,
    contextWeight: Float64Array.from({ length: maxBatch + 1 }, (_, n) => n),
    contextSeconds: grows,
    promptSeconds: 1e-4,
    attendedSeconds: isPipeline ? null : grows,
    chunkTokenSeconds: isPipeline ? new Curve(MOST, (tokens) => tokens * 1e-8) : null,
    chunkSeconds: isPipeline ? grows : null,
    drainChunks: isPipeline ? 3 : 0,
    promptYieldsToken: !isPipeline,
  };
}

const scenario = fc.record({
  seed: fc.nat(1e6),
  kind: fc.constantFrom('open', 'closed', 'trace', 'agents'),
  isPipeline: fc.boolean(),
  copies: fc.integer({ min: 1, max: 4 }),
  decodeCopies: fc.integer({ min: 0, max: 3 }),
  maxBatch: fc.integer({ min: 1, max: 8 }),
  chunkTokens: fc.constantFrom(16, 100, 600),
  kvTokens: fc.integer({ min: 700, max: 6000 }),
  routing: fc.constantFrom(...ROUTINGS),
  prefixCache: fc.boolean(),
  reservesAnswer: fc.boolean(),
  maxQueue: fc.constantFrom(0, 3, Infinity),
  rate: fc.constantFrom(1, 20, 200),
  batchShare: fc.constantFrom(0, 0.4),
  failures: fc.array(
    fc.record({
      replica: fc.nat(3),
      atSeconds: fc.double({ min: 0, max: 5, noNaN: true }),
      forSeconds: fc.double({ min: 0.01, max: 2, noNaN: true }),
    }),
    { maxLength: 4 },
  ),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

const REQUESTS = 120;

function sourceOf({ kind, seed, rate, batchShare }: Scenario): RequestSource {
  const rng = new Rng(seed);
  const lengths = {
    kind: 'drawn',
    prompt: { kind: 'lognormal', mean: 200, spread: 1 },
    output: { kind: 'exponential', mean: 40 },
  } as const;
  switch (kind) {
    case 'open':
      return new OpenSource(
        REQUESTS,
        { ...STEADY, requestsPerSecond: rate, burstiness: 0.5, dailySwing: 0.5, daySeconds: 2 },
        lengths,
        batchShare,
        rng,
      );
    case 'closed':
      return new ClosedLoopSource(7, REQUESTS, lengths, rng);
    case 'agents':
      return new AgentSource(
        {
          ...CODING_TASK,
          tasks: 6,
          agents: 3,
          maxContext: 3000,
          firstPromptTokens: { kind: 'fixed', tokens: 300 },
        },
        rng,
      );
    default: {
      const count = 30;
      const trace = {
        name: 'drawn',
        seconds: Float64Array.from({ length: count }, (_, i) => i / rate),
        promptTokens: Int32Array.from({ length: count }, (_, i) => 600 + 97 * (i % 9)),
        outputTokens: Int32Array.from({ length: count }, (_, i) => 1 + (i % 50)),
        hashes: Int32Array.from({ length: count * 3 }, (_, i) => (i % 3) + 3 * (Math.floor(i / 3) % 4)),
        hashStarts: Int32Array.from({ length: count }, (_, i) => i * 3),
        hashCount: 12,
      };
      return new TraceSource(trace, REQUESTS, 1, batchShare, rng);
    }
  }
}

/** Counts every end that the source hears of. */
class Witness implements RequestSource {
  readonly hashes: Int32Array;
  taken = 0;
  ends = 0;
  private readonly inner: RequestSource;

  constructor(inner: RequestSource) {
    this.inner = inner;
    this.hashes = inner.hashes;
  }

  nextTime(): number {
    return this.inner.nextTime();
  }

  take(into: Parameters<RequestSource['take']>[0]): void {
    this.taken++;
    this.inner.take(into);
  }

  ended(...how: Parameters<RequestSource['ended']>): void {
    this.ends++;
    this.inner.ended(...how);
  }
}

function fleetOf(s: Scenario): Fleet {
  const { maxBatch, chunkTokens, kvTokens, prefixCache, reservesAnswer, maxQueue } = s;
  const model = machine(times(maxBatch, chunkTokens, s.isPipeline), {
    kvTokens,
    maxContext: MOST,
    requestSeconds: 0.01,
    transferSeconds: 1e-3,
    transferPerTokenSeconds: 1e-6,
  });
  const role = s.decodeCopies > 0 ? 'prefill' : 'both';
  return {
    replicas: [
      ...Array.from({ length: s.copies }, () => ({ model, role }) as const),
      ...Array.from({ length: s.decodeCopies }, () => ({ model, role: 'decode' }) as const),
    ],
    policy: { maxBatch, chunkTokens, maxQueue, prefixCache, reservesAnswer },
    routing: s.routing,
    slo: { percentile: 95, ttftMs: 100, tpotMs: 5, itlMs: 10 },
    failures: s.failures,
    keepsTimeline: true,
  };
}

describe('a fleet of any kind', () => {
  it('ends every request exactly once, frees all memory, and repeats itself', () => {
    fc.assert(
      fc.property(scenario, (s) => {
        const witness = new Witness(sourceOf(s));
        // Memory that is not returned, or a request that ends twice, throws in here.
        const result = simulateFleet(fleetOf(s), witness);
        expect(witness.ends).toBe(witness.taken);
        expect(result.finished + result.rejected).toBe(witness.taken);
        expect(result.requests).toBe(witness.taken);
        for (const tier of result.tiers) {
          expect(tier.finished + tier.rejected).toBe(tier.requests);
          expect(tier.e2elMs.count).toBe(tier.finished);
          expect(tier.queueDelayMs.mean).toBeGreaterThanOrEqual(0);
          expect(tier.ttftMs.mean).toBeLessThanOrEqual(tier.e2elMs.mean);
        }
        expect(result.kvOccupancyPeak).toBeLessThanOrEqual(1);
        const held = result.timeline!.reduce(
          (sum, { seconds, kvOccupancy }, i, all) =>
            sum + kvOccupancy * (seconds - (all[i - 1]?.seconds ?? 0)),
          0,
        );
        expect(held).toBeCloseTo(result.kvOccupancy * result.seconds, 9);
        expect(result.utilisation).toBeLessThanOrEqual(1.000001);
        expect(result.cachedPromptTokens).toBeLessThanOrEqual(result.promptTokens);
        expect(JSON.stringify(result)).not.toMatch(/null,"(p50|mean)|NaN/);
        expect(simulateFleet(fleetOf(s), new Witness(sourceOf(s)))).toEqual(result);
      }),
      { numRuns: 400, seed: 2002458511 },
    );
  });

  it('counts one gap for each token after the first when nothing fails', () => {
    const base: Scenario = {
      seed: 5,
      kind: 'open',
      isPipeline: true,
      copies: 2,
      decodeCopies: 2,
      maxBatch: 6,
      chunkTokens: 100,
      kvTokens: 3000,
      routing: 'least-loaded',
      prefixCache: false,
      reservesAnswer: false,
      maxQueue: Infinity,
      rate: 20,
      batchShare: 0.4,
      failures: [],
    };
    for (const isPipeline of [true, false]) {
      for (const decodeCopies of [0, 2]) {
        const result = simulateFleet(fleetOf({ ...base, isPipeline, decodeCopies }), sourceOf(base));
        const gaps = result.tiers.reduce((sum, tier) => sum + tier.itlMs.count, 0);
        expect(gaps).toBe(result.generatedTokens - result.finished);
      }
    }
  });
});
