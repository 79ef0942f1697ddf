/** A machine that is fitted to a sweep: what it was made from comes out again, and the file is a machine file. */
import { describe, expect, it } from 'vitest';
import { calibrate, candidateOn, requestOn } from '#src/fleet/calibrate.js';
import { replay, type SweepPoint } from '#src/fleet/replay.js';
import { parseSweep, pointsOf } from '#src/load/sweep.js';
import { parseGpu } from '#src/machine/gpus.js';
import { loadCard } from '#src/platform/node/cards.js';
import { constantsOf } from '#src/timing/gpu/estimate.js';

const card = loadCard('qwen3-0.6b');
const TRUTH = {
  kind: 'gpu',
  name: 'truth',
  nativeBits: [16],
  perNode: 1,
  memoryBytes: 3e10,
  memoryBytesPerSecond: 4e10,
  flops16: 1e12,
  bandwidthShare: 1,
  computeShare16: 1,
  gemmStart16Us: 1e-6,
  serving: {
    stepUs: 900,
    sequenceUs: 2500,
    requestMs: 12,
    requestPerUserMs: 2,
    kernelUs: 0,
    chunkTokens: 64,
    maxRunning: 8,
  },
};
const truth = parseGpu(JSON.stringify(TRUTH), 'truth.json');

function measuredOn(promptTokens: number, outputTokens: number, users: readonly number[]): SweepPoint[] {
  const blank = { tokensPerSecond: 1, ttftMs: 1, tpotMs: 1 };
  const points = users.map((count) => ({
    users: count,
    requests: 6 * count + 6,
    promptTokens,
    outputTokens,
    figures: blank,
  }));
  return replay(card, requestOn(truth, card), candidateOn(truth), points).map(({ simulated, ...point }) => ({
    ...point,
    figures: simulated,
  }));
}

describe('calibrate', () => {
  const result = calibrate({
    name: 'fitted',
    title: 'fitted',
    card,
    points: measuredOn(128, 32, [1, 4, 16]),
    memoryBytes: 3e10,
    chunkTokens: 64,
    maxRunning: 8,
    source: 'a test',
  });

  it('gives what was measured again: throughput within 10 %, times within 20 %', () => {
    for (const { errors } of result.points) {
      expect(Math.abs(errors.tokensPerSecond)).toBeLessThan(0.1);
      expect(Math.abs(errors.ttftMs)).toBeLessThan(0.2);
      expect(Math.abs(errors.tpotMs)).toBeLessThan(0.2);
    }
  });

  it('and holds for lengths and users that it was not fitted to', () => {
    const others = measuredOn(300, 60, [2, 8]);
    const replayed = replay(card, requestOn(result.machine, card), candidateOn(result.machine), others);
    for (const { errors } of replayed) expect(Math.abs(errors.tokensPerSecond)).toBeLessThan(0.2);
  });

  it('writes a machine file whose serving numbers are used', () => {
    const machine = parseGpu(result.file, 'fitted.json');
    expect(machine).toEqual(result.machine);
    expect(machine.facts.flops16).toMatchObject({ tag: 'fitted', source: 'a test' });
    const { stepUs, chunkTokens } = constantsOf(machine, {});
    expect(stepUs.vllm).toBe(machine.serving?.stepUs?.value);
    expect(chunkTokens).toBe(64);
    const wrong = JSON.stringify({ ...TRUTH, serving: { stepMs: 1 } });
    expect(() => parseGpu(wrong, 'x.json')).toThrow(/unknown key "stepMs"/);
    expect(() => parseGpu(JSON.stringify({ ...TRUTH, serving: 3 }), 'x.json')).toThrow(/serving.*an object/);
  });
});

describe('a sweep’s file', () => {
  const times = { count: 12, mean: 5, p50: 4, p90: 6, p99: 9, max: 9 };
  const load = {
    requests: 12,
    failed: 0,
    concurrency: 4,
    inputTokens: 1300,
    cachedTokens: 100,
    outputTokens: 384,
    outputTokensPerSecond: 50,
    ttftMs: times,
    tpotMs: times,
  };
  const sweep = { kind: 'sweep', date: '2026-12-01', model: 'm', url: 'http://x', points: [load] };

  it('says what users asked for and saw; tokens from a cache were not computed', () => {
    expect(pointsOf(parseSweep(JSON.stringify(sweep), 's.json'))).toEqual([
      {
        users: 4,
        requests: 12,
        promptTokens: 100,
        outputTokens: 32,
        figures: { tokensPerSecond: 50, ttftMs: 4, tpotMs: 4 },
      },
    ]);
  });

  it.each([
    '{}',
    '[]',
    'null',
    JSON.stringify({ ...sweep, points: [] }),
    JSON.stringify({ ...sweep, points: [{ ...load, requests: 0 }] }),
    JSON.stringify({ ...sweep, points: [{ ...load, ttftMs: {} }] }),
  ])('refuses %s', (text) => {
    expect(() => parseSweep(text, 's.json')).toThrow(/bench serve --sweep/);
  });
});
