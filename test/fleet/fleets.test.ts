/** What fleets are built for: each feature has the effect that it is there for. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import type { SchedulerPolicy } from '#src/fleet/replica/scheduling.js';
import type { ReplicaModel, StepTimes } from '#src/fleet/replica/step-times.js';
import { AgentSource, CODING_TASK } from '#src/fleet/requests/agents.js';
import { type ArrivalSpec, arrivalTimes, STEADY } from '#src/fleet/requests/arrivals.js';
import { OpenSource, TraceSource } from '#src/fleet/requests/source.js';
import type { Routing } from '#src/fleet/router.js';
import { type Failure, simulateFleet } from '#src/fleet/simulate.js';
import type { FleetResult } from '#src/fleet/types.js';
import { machine, policy } from './bare.js';

/** A token in `tokenMs`, a prompt at 20,000 tokens a second, both stretching each other. */
function server(tokenMs: number, rest: Partial<ReplicaModel> = {}): ReplicaModel {
  const times: StepTimes = {
    tokenSeconds: Float64Array.from({ length: 10_000 }, (_, tokens) => tokens * 5e-5),
    sharesWeights: true,
    sequenceSeconds: Float64Array.from({ length: 65 }, (_, n) => (n > 0 ? tokenMs * 1e-3 : 0)),
    decodeSeconds: 0,
    contextWeight: new Float64Array(65),
    contextSeconds: null,
    promptSeconds: 0,
    attendedSeconds: null,
    chunkTokenSeconds: null,
    chunkSeconds: null,
    drainChunks: 0,
    promptYieldsToken: true,
  };
  return machine(times, rest);
}

const LENGTHS = {
  kind: 'drawn',
  prompt: { kind: 'lognormal', mean: 1500, spread: 0.8 },
  output: { kind: 'exponential', mean: 100 },
} as const;

interface Options {
  readonly replicas?: number;
  readonly decodeReplicas?: number;
  readonly rate?: number;
  readonly routing?: Routing;
  readonly failures?: readonly Failure[];
  readonly batchShare?: number;
  readonly rest?: Partial<SchedulerPolicy>;
  readonly arrivals?: Partial<ArrivalSpec>;
  readonly model?: ReplicaModel;
}

function run(options: Options): FleetResult {
  const {
    replicas = 2,
    decodeReplicas = 0,
    rate = 8,
    routing = 'least-loaded',
    model = server(10),
  } = options;
  return simulateFleet(
    {
      replicas: [
        ...Array.from({ length: replicas }, () => ({
          model,
          role: decodeReplicas ? ('prefill' as const) : ('both' as const),
        })),
        ...Array.from({ length: decodeReplicas }, () => ({ model, role: 'decode' as const })),
      ],
      policy: policy({ maxBatch: 64, chunkTokens: 2048, ...options.rest }),
      routing,
      slo: { percentile: 99, ttftMs: 500, tpotMs: 30 },
      failures: options.failures ?? [],
    },
    new OpenSource(
      3000,
      { ...STEADY, requestsPerSecond: rate, ...options.arrivals },
      LENGTHS,
      options.batchShare ?? 0,
      new Rng(11),
    ),
  );
}

const interactive = (result: FleetResult) => result.tiers.find((tier) => tier.tier === 'interactive')!;

describe('fleets', () => {
  it('take prompts and answers apart: prompts no longer stall answers', () => {
    const together = run({ replicas: 4, rate: 20 });
    const apart = run({ replicas: 2, decodeReplicas: 2, rate: 20 });
    expect(apart.finished).toBe(3000);
    expect(interactive(apart).itlMs.p99).toBeLessThan(15);
    expect(interactive(together).itlMs.p99).toBeGreaterThan(30);
  });

  it('survive a failure: every request still ends, later ones too', () => {
    const calm = run({});
    const hit = run({ failures: [{ replica: 0, atSeconds: 50, forSeconds: 30 }] });
    expect(hit.finished).toBe(3000);
    expect(hit.retried).toBeGreaterThan(0);
    expect(interactive(hit).ttftMs.p99).toBeGreaterThan(interactive(calm).ttftMs.p99);
    const dark = run({
      failures: [
        { replica: 0, atSeconds: 50, forSeconds: 30 },
        { replica: 1, atSeconds: 55, forSeconds: 10 },
      ],
    });
    expect(dark.finished).toBe(3000);
    expect(dark.peakWaiting).toBeGreaterThan(20);
  });

  it('serve the interactive tier first', () => {
    const mixed = run({ replicas: 1, rate: 12, batchShare: 0.5, rest: { maxBatch: 16 } });
    const [first, batch] = mixed.tiers;
    expect(first!.tier).toBe('interactive');
    expect(batch!.tier).toBe('batch');
    expect(first!.requests + batch!.requests).toBe(3000);
    expect(first!.queueDelayMs.p99).toBeLessThan(batch!.queueDelayMs.p99 / 10);
  });

  it('refuse what a bounded queue does not hold, and count it against the SLO', () => {
    const bounded = run({ replicas: 1, rate: 40, rest: { maxQueue: 4 } });
    expect(bounded.rejected).toBeGreaterThan(300);
    expect(bounded.peakWaiting).toBeLessThanOrEqual(4);
    expect(bounded.slo[0]!.attained).toBeLessThan(1 - bounded.rejected / bounded.requests + 1e-9);
    expect(bounded.slo[0]!.meets).toBe(false);
    expect(bounded.goodput).toBeLessThanOrEqual(bounded.requestsPerSecond);
  });

  it('refuse what can never fit', () => {
    const small = run({ model: server(10, { kvTokens: 1500 }) });
    expect(small.rejected).toBeGreaterThan(500);
    expect(small.finished + small.rejected).toBe(3000);
  });

  it('find cached prefixes by affinity that turn-taking misses', () => {
    const count = 400;
    const blocks = 8;
    const trace = {
      name: 'conversations',
      seconds: Float64Array.from({ length: count }, (_, i) => i * 0.2),
      promptTokens: new Int32Array(count).fill(blocks * 512 + 10),
      outputTokens: new Int32Array(count).fill(20),
      // 40 conversations, each of which comes back ten times.
      hashes: Int32Array.from(
        { length: count * blocks },
        (_, i) => (Math.floor(i / blocks) % 40) * blocks + (i % blocks),
      ),
      hashStarts: Int32Array.from({ length: count }, (_, i) => i * blocks),
      hashCount: 40 * blocks,
    };
    const hits = (routing: Routing): number => {
      const result = simulateFleet(
        {
          replicas: Array.from({ length: 3 }, () => ({ model: server(5), role: 'both' as const })),
          policy: policy({ maxBatch: 64, chunkTokens: 2048, prefixCache: true }),
          routing,
          slo: { percentile: 99 },
        },
        new TraceSource(trace, count, 1, 0, new Rng(1)),
      );
      return result.cachedPromptTokens / result.promptTokens;
    };
    expect(hits('prefix-affinity')).toBeGreaterThan(0.85);
    expect(hits('round-robin')).toBeLessThan(0.75);
  });

  it('wait longer when arrivals come in bursts or by day, less when they are even', () => {
    const wait = (arrivals: Partial<ArrivalSpec>): number =>
      interactive(run({ rate: 16, arrivals })).queueDelayMs.mean;
    const poisson = wait({});
    expect(wait({ burstiness: 0.2 })).toBeGreaterThan(1.2 * poisson);
    expect(wait({ burstiness: Infinity })).toBeLessThan(poisson);
    expect(wait({ dailySwing: 0.9, daySeconds: 100 })).toBeGreaterThan(1.05 * poisson);
  });
});

describe('arrivals', () => {
  it.each([
    [1, 1],
    [4, 0.5],
    [0.25, 2],
  ])('with burstiness %d have gaps with a coefficient of variation of %d', (burstiness, cv) => {
    const next = arrivalTimes({ ...STEADY, requestsPerSecond: 5, burstiness }, new Rng(2));
    const times = Array.from({ length: 100_000 }, next);
    const gaps = times.map((time, i) => time - (times[i - 1] ?? 0));
    const mean = gaps.reduce((a, b) => a + b) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(mean).toBeCloseTo(0.2, 2);
    expect(Math.sqrt(variance) / mean / cv).toBeCloseTo(1, 1);
  });

  it('follow the day: as many at the peak as the swing says', () => {
    const next = arrivalTimes(
      { requestsPerSecond: 10, burstiness: 1, dailySwing: 0.8, daySeconds: 1000 },
      new Rng(2),
    );
    const quarters = [0, 0, 0, 0];
    for (let time = next(); time < 20_000; time = next()) quarters[Math.floor((time % 1000) / 250)]!++;
    // Mean of 1 + 0.8 sin over the first quarter and over the third.
    expect(quarters[0]! / 50_000).toBeCloseTo(1 + (0.8 * 2) / Math.PI, 1);
    expect(quarters[2]! / 50_000).toBeCloseTo(1 - (0.8 * 2) / Math.PI, 1);
  });
});

describe('agents', () => {
  it('do not get 15 times faster on a machine that makes tokens 15 times faster', () => {
    const task = (tokenMs: number) => {
      const result = simulateFleet(
        {
          replicas: [{ model: server(tokenMs), role: 'both' }],
          policy: policy({ maxBatch: 64, chunkTokens: 2048, prefixCache: true }),
          routing: 'least-loaded',
          slo: { percentile: 99 },
        },
        new AgentSource({ ...CODING_TASK, tasks: 60, agents: 2, maxContext: 131_072 }, new Rng(4)),
      );
      expect(result.tasks!.tasks).toBe(60);
      return result.tasks!;
    };
    const slow = task(15);
    const fast = task(1);
    expect(slow.meanDecodeMs / fast.meanDecodeMs).toBeGreaterThan(8);
    const shorter = slow.taskMs.mean / fast.taskMs.mean;
    expect(shorter).toBeGreaterThan(3);
    expect(shorter).toBeLessThan(8);
    // The parts are the whole.
    const { meanFirstTokenMs, meanDecodeMs, meanToolMs, meanThinkMs, taskMs } = fast;
    expect((meanFirstTokenMs + meanDecodeMs + meanToolMs + meanThinkMs) / taskMs.mean).toBeCloseTo(1, 6);
  });
});
