/** Leaping over steps in which nothing changes gives what single steps give. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { Curve } from '#src/fleet/replica/curve.js';
import type { StepTimes } from '#src/fleet/replica/step-times.js';
import { TraceSource } from '#src/fleet/requests/source.js';
import { simulateFleet } from '#src/fleet/simulate.js';
import { machine, policy } from './bare.js';
import { naive } from './naive.js';

const MAX_BATCH = 12;
const CHUNK = 300;

/** Like a GPU: weights shared by prompts and sequences, attention that grows with the context. */
const TIMES: StepTimes = {
  tokenSeconds: Float64Array.from({ length: MAX_BATCH + CHUNK + 1 }, (_, t) =>
    t === 0 ? 0 : Math.max(0.004, t * 5e-5),
  ),
  sharesWeights: true,
  sequenceSeconds: Float64Array.from({ length: MAX_BATCH + 1 }, (_, n) => 0.001 + n * 2e-4),
  decodeSeconds: 3e-4,
  contextWeight: Float64Array.from({ length: MAX_BATCH + 1 }, (_, n) => n),
  contextSeconds: new Curve(10_000, (context) => context * 1e-6),
  promptSeconds: 2e-4,
  attendedSeconds: new Curve(10_000, (tokens) => tokens * 1e-7),
  chunkTokenSeconds: null,
  chunkSeconds: null,
  drainChunks: 0,
  promptYieldsToken: true,
};

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('leaps are exact', () => {
  it.each([
    { seed: 1, rate: 2, kvTokens: 1e9, preempts: false },
    { seed: 2, rate: 6, kvTokens: 1e9, preempts: false },
    { seed: 3, rate: 12, kvTokens: 1e9, preempts: false },
    { seed: 4, rate: 6, kvTokens: 2500, preempts: true },
    { seed: 5, rate: 12, kvTokens: 1500, preempts: true },
  ])('seed $seed, $rate requests/s, $kvTokens tokens of memory', ({ seed, rate, kvTokens, preempts }) => {
    const rng = new Rng(seed);
    let time = 0;
    const requests = Array.from({ length: 400 }, () => {
      time += -Math.log(1 - rng.next()) / rate;
      return { arrival: time, prompt: 1 + rng.below(700), output: 1 + rng.below(200) };
    });
    const shape = policy({ maxBatch: MAX_BATCH, chunkTokens: CHUNK });
    const model = machine(TIMES, { kvTokens });
    const expected = naive(model, shape, requests);
    const trace = {
      name: 'random',
      seconds: Float64Array.from(requests, (r) => r.arrival),
      promptTokens: Int32Array.from(requests, (r) => r.prompt),
      outputTokens: Int32Array.from(requests, (r) => r.output),
      hashes: new Int32Array(0),
      hashStarts: new Int32Array(0),
      hashCount: 0,
    };
    const result = simulateFleet(
      {
        replicas: [{ model, role: 'both' }],
        policy: shape,
        routing: 'least-loaded',
        slo: { percentile: 99 },
      },
      new TraceSource(trace, requests.length, 1, 0, new Rng(0)),
    );
    const [tier] = result.tiers;
    expect(result.finished).toBe(requests.length);
    expect(result.preemptions).toBe(expected.preemptions);
    expect(expected.preemptions > 0).toBe(preempts);
    const tpot = requests.flatMap(({ output }, i) =>
      output > 1 ? [expected.decode[i]! / (output - 1)] : [],
    );
    const close = (actual: number, values: readonly number[]): void => {
      expect(actual / 1e3 / mean(values)).toBeCloseTo(1, 9);
    };
    close(tier!.ttftMs.mean, expected.ttft);
    close(tier!.tpotMs.mean, tpot);
    close(tier!.queueDelayMs.mean, expected.queueDelay);
    close(tier!.itlMs.mean, expected.gaps);
    expect(tier!.itlMs.count).toBe(expected.gaps.length);
    expect(tier!.ttftMs.max / 1e3).toBeCloseTo(Math.max(...expected.ttft), 9);
    expect(tier!.itlMs.max / 1e3).toBeCloseTo(Math.max(...expected.gaps), 9);
    const gaps = expected.gaps.toSorted((a, b) => a - b);
    const p99 = gaps[Math.ceil(0.99 * gaps.length) - 1]!;
    expect(Math.abs(tier!.itlMs.p99 / 1e3 / p99 - 1)).toBeLessThan(0.011);
  });
});
