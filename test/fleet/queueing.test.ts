/** Where queueing theory is exact, the simulator has to agree: mean waits of a million requests within 2 %. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { STEADY } from '#src/fleet/requests/arrivals.js';
import type { LengthDistribution } from '#src/fleet/requests/lengths.js';
import { OpenSource } from '#src/fleet/requests/source.js';
import type { Routing } from '#src/fleet/router.js';
import { simulateFleet } from '#src/fleet/simulate.js';
import { evenMachine, policy } from './bare.js';

const REQUESTS = 1_000_000;
const STEP = 1e-4;
/** Answers of 10,000 tokens on average: a mean service time of one second, in steps that hardly show. */
const MEAN_TOKENS = 1 / STEP;

/** Mean wait of M/M/c with a mean service time of 1 (Erlang C). */
function erlangWait(servers: number, load: number): number {
  const offered = load * servers;
  let sum = 0;
  let term = 1;
  for (let k = 0; k < servers; k++) {
    sum += term;
    term *= offered / (k + 1);
  }
  const waits = term / (1 - load) / (sum + term / (1 - load));
  return waits / (servers * (1 - load));
}

interface Case {
  readonly name: string;
  readonly replicas: number;
  readonly maxBatch: number;
  readonly load: number;
  readonly output: LengthDistribution;
  readonly routing: Routing;
  readonly expected: number;
}

const exponential: LengthDistribution = { kind: 'exponential', mean: MEAN_TOKENS };
const fixed: LengthDistribution = { kind: 'fixed', tokens: MEAN_TOKENS };

describe('mean waiting times are those of queueing theory within 2 %', () => {
  it.each<Case>([
    {
      name: 'M/M/1 (Pollaczek-Khinchine, cv 1)',
      replicas: 1,
      maxBatch: 1,
      load: 0.7,
      output: exponential,
      routing: 'round-robin',
      expected: 0.7 / 0.3,
    },
    {
      name: 'M/D/1 (Pollaczek-Khinchine, cv 0)',
      replicas: 1,
      maxBatch: 1,
      load: 0.7,
      output: fixed,
      routing: 'least-loaded',
      expected: 0.7 / 0.3 / 2,
    },
    {
      name: 'M/M/4 as four machines with a shared queue',
      replicas: 4,
      maxBatch: 1,
      load: 0.8,
      output: exponential,
      routing: 'shared-queue',
      expected: erlangWait(4, 0.8),
    },
    {
      name: 'M/M/8 as the slots of one machine',
      replicas: 1,
      maxBatch: 8,
      load: 0.8,
      output: exponential,
      routing: 'least-loaded',
      expected: erlangWait(8, 0.8),
    },
  ])('$name', ({ replicas, maxBatch, load, output, routing, expected }) => {
    const arrivals = { ...STEADY, requestsPerSecond: load * replicas * maxBatch };
    const lengths = { kind: 'drawn', prompt: { kind: 'fixed', tokens: 1 }, output } as const;
    const result = simulateFleet(
      {
        replicas: Array.from({ length: replicas }, () => ({
          model: evenMachine(maxBatch, STEP),
          role: 'both' as const,
        })),
        policy: policy({ maxBatch }),
        routing,
        slo: { percentile: 99 },
      },
      new OpenSource(REQUESTS, arrivals, lengths, 0, new Rng(7)),
    );
    expect(result.finished).toBe(REQUESTS);
    const wait = result.tiers[0]!.queueDelayMs.mean / 1e3;
    expect(Math.abs(wait / expected - 1), `${wait} s against ${expected} s`).toBeLessThan(0.02);
    if (maxBatch === 1) expect(result.utilisation).toBeCloseTo(load, 1);
  });
});
