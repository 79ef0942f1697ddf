/** The planner: what must be monotone is, everything balances, bad input is named. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countParameters, flopsPerToken } from '#models/card.js';
import { CARD_NAMES } from '#models/card-names.js';
import { GPUS, type GpuKey, type GpuMachine } from '#src/machine/gpus.js';
import { findWafer, WAFERS, type WaferKey, type WaferMachine } from '#src/machine/wafers.js';
import { loadCard } from '#src/platform/node/cards.js';
import { plan } from '#src/timing/estimate.js';
import type { Machine, PlanRequest, PlanResult } from '#src/timing/estimate-types.js';

const EIGHT = loadCard('llama-3.1-8b');
const BASE: PlanRequest = { promptTokens: 1024, outputTokens: 256, concurrency: 4 };
const h100 = GPUS.find((gpu) => gpu.name === 'h100')!;
const wse2 = findWafer('wse-2');

function gpuWith(changes: Partial<Record<GpuKey, number>>): GpuMachine {
  const facts = { ...h100.facts };
  for (const [key, value] of Object.entries(changes)) {
    facts[key as GpuKey] = { ...facts[key as GpuKey], value: value };
  }
  return { ...h100, facts };
}

function waferWith(key: WaferKey, value: number): WaferMachine {
  return { ...wse2, facts: { ...wse2.facts, [key]: { ...wse2.facts[key], value } } };
}

describe('plan', () => {
  const machines: readonly Machine[] = [...WAFERS.filter((w) => w.name !== 'desk'), ...GPUS];

  it.each([...CARD_NAMES])('%s on every machine: a finite answer or a typed error', (name) => {
    const card = loadCard(name);
    for (const machine of machines) {
      try {
        const result = plan(card, machine, { promptTokens: 512, outputTokens: 256, concurrency: 2 });
        for (const value of [
          result.ttftMs,
          result.tpotMs,
          result.tokensPerSecond,
          result.kilowatts,
          result.dollarsPerMTokens,
        ]) {
          expect(value, `${name} on ${machine.name}`).toBeGreaterThan(0);
          expect(Number.isFinite(value)).toBe(true);
        }
        expect(result.maxUsers).toBeGreaterThanOrEqual(1);
        const parts = result.decode.ops.reduce((sum, op) => sum + op.seconds, 0);
        expect(parts).toBeCloseTo(result.decode.seconds, 9);
      } catch (error) {
        expect((error as Error).name, `${name} on ${machine.name}`).toBe('ModelError');
      }
    }
  });

  it.each(Object.keys(BASE))('a request without %s is refused, on wafers and GPUs', (name) => {
    const request = { ...BASE, [name]: undefined } as unknown as PlanRequest;
    for (const machine of [wse2, h100])
      expect(() => plan(EIGHT, machine, request)).toThrow(`${name} of the request: got none`);
  });

  it('more of a GPU is never slower', () => {
    const keys: GpuKey[] = ['memoryBytesPerSecond', 'flops16', 'linkBytesPerSecond', 'memoryBytes'];
    const request = fc.record({
      promptTokens: fc.integer({ min: 16, max: 8192 }),
      outputTokens: fc.integer({ min: 2, max: 2048 }),
      concurrency: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(
        request,
        fc.constantFrom(...keys),
        fc.double({ min: 1, max: 4, noNaN: true }),
        (r, key, factor) => {
          const options = { ...r, tensorParallel: 2, count: 2 };
          const less = plan(EIGHT, h100, options);
          const more = plan(EIGHT, gpuWith({ [key]: h100.facts[key].value * factor }), options);
          expect(more.tpotMs).toBeLessThanOrEqual(less.tpotMs * 1.0001);
          expect(more.ttftMs).toBeLessThanOrEqual(less.ttftMs * 1.0001);
          expect(more.maxUsers).toBeGreaterThanOrEqual(less.maxUsers);
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  });

  it('more of a wafer is never slower on the same grid', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<WaferKey>('clockHz', 'ioBytesPerSecond'),
        fc.double({ min: 1, max: 3, noNaN: true }),
        fc.integer({ min: 1, max: 8 }),
        (key, factor, concurrency) => {
          const options = { ...BASE, concurrency, side: 360, count: 2 };
          const less = plan(EIGHT, wse2, options);
          const more = plan(EIGHT, waferWith(key, wse2.facts[key].value * factor), options);
          expect(more.tpotMs).toBeLessThanOrEqual(less.tpotMs * 1.0001);
          expect(more.ttftMs).toBeLessThanOrEqual(less.ttftMs * 1.0001);
        },
      ),
      { numRuns: 30, seed: 5 },
    );
  });

  it('a longer context, a longer prompt and more users are never faster for one user', () => {
    const machinesAndOptions: readonly [Machine, Partial<PlanRequest>][] = [
      [h100, { tensorParallel: 2, count: 2 }],
      [wse2, { side: 375, count: 2 }],
    ];
    for (const [machine, options] of machinesAndOptions) {
      fc.assert(
        fc.property(
          fc.integer({ min: 64, max: 4000 }),
          fc.integer({ min: 0, max: 2000 }),
          fc.integer({ min: 1, max: 8 }),
          fc.integer({ min: 0, max: 8 }),
          (promptTokens, longer, concurrency, others) => {
            const before = plan(EIGHT, machine, { ...BASE, ...options, promptTokens, concurrency });
            const after = plan(EIGHT, machine, {
              ...BASE,
              ...options,
              promptTokens: promptTokens + longer,
              concurrency,
            });
            const crowd = plan(EIGHT, machine, {
              ...BASE,
              ...options,
              promptTokens,
              concurrency: concurrency + others,
            });
            expect(after.tpotMs).toBeGreaterThanOrEqual(before.tpotMs * 0.9999);
            expect(crowd.tpotMs).toBeGreaterThanOrEqual(before.tpotMs * 0.9999);
            expect(after.maxUsers).toBeLessThanOrEqual(before.maxUsers);
          },
        ),
        { numRuns: 40, seed: 7 },
      );
    }
  });

  it.each([
    [1, 8],
    [4, 8],
    [64, 8],
    [64, 'auto'],
    [2000, 16],
  ] as const)('%i users of %s GPUs get the best cut into groups and copies', (concurrency, wanted) => {
    const request = { ...BASE, concurrency };
    const chosen = plan(EIGHT, h100, wanted === 'auto' ? request : { ...request, count: wanted });
    const { count } = chosen;
    const requestMs = ({ ttftMs, tpotMs }: PlanResult): number =>
      ttftMs + tpotMs * (request.outputTokens - 1);
    const cuts = [1, 2, 4, 8, 16].filter((tp) => count % tp === 0);
    const all = cuts.map((tensorParallel) => plan(EIGHT, h100, { ...request, count, tensorParallel }));
    const most = Math.min(concurrency, Math.max(...all.map(({ maxUsers }) => maxUsers)));
    const holding = all.filter(({ maxUsers }) => maxUsers >= most);
    expect(chosen.maxUsers).toBeGreaterThanOrEqual(most);
    expect(requestMs(chosen)).toBe(Math.min(...holding.map(requestMs)));
  });

  it('one user takes all GPUs as one group, and many users copies of the model', () => {
    const groups = (concurrency: number): string =>
      plan(EIGHT, h100, { ...BASE, concurrency, count: 8 }).assumptions.find(
        ({ name }) => name === 'tensor parallelism',
      )!.value;
    expect(groups(1)).toBe('8');
    expect(Number(groups(512))).toBeLessThan(8);
  });

  it('FLOPs balance: one user’s decode step does two per active weight and those of attention', () => {
    const result = plan(EIGHT, h100, { ...BASE, concurrency: 1, count: 1, tensorParallel: 1 });
    const flops = result.decode.ops.reduce((sum, op) => sum + op.flops, 0);
    expect(flops / flopsPerToken(EIGHT, 'decode', 1024 + 128)).toBeCloseTo(1, 3);
    const bytes = result.decode.ops.reduce((sum, op) => sum + op.bytes, 0);
    expect(bytes).toBeGreaterThan(2 * countParameters(EIGHT).active * 0.99);
  });

  it('says what it took for granted, and its weakest input', () => {
    const result = plan(EIGHT, wse2, BASE);
    expect(result.assumptions.map((a) => a.name)).toEqual(
      expect.arrayContaining(['workload', 'weights', 'KV cache', 'clock', 'price', 'users admitted at once']),
    );
    expect(result.tag).toBe('guessed');
    expect(plan(EIGHT, h100, { ...BASE, dollarsPerHour: 2 }).tag).toBe('fitted');
  });

  it('speculative decoding helps when drafts are right and never when they are wrong', () => {
    const with4 = (acceptance: number) =>
      plan(EIGHT, h100, {
        ...BASE,
        concurrency: 1,
        count: 1,
        draft: { length: 4, acceptance, costShare: 0.1 },
      }).tpotMs;
    const without = plan(EIGHT, h100, { ...BASE, concurrency: 1, count: 1 }).tpotMs;
    expect(with4(0.9)).toBeLessThan(without);
    expect(with4(0)).toBeGreaterThan(without);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'too small a machine',
      () => plan(loadCard('llama-3.1-70b'), h100, { ...BASE, count: 1 }),
      /too much.*Use about 2 GPUs/,
    ],
    [
      'too few wafers',
      () => plan(loadCard('llama-3.1-70b'), wse2, { ...BASE, count: 1 }),
      /too much.*wafers/,
    ],
    [
      'TP that does not divide the heads',
      () => plan(EIGHT, h100, { ...BASE, tensorParallel: 3 }),
      /3 GPUs for 32 attention heads/,
    ],
    [
      'count that TP does not divide',
      () => plan(EIGHT, h100, { ...BASE, tensorParallel: 4, count: 6 }),
      /multiple of 4/,
    ],
    ['a clock for a GPU', () => plan(EIGHT, h100, { ...BASE, clockHz: 1e9 }), /a clock/],
    ['TP for a wafer', () => plan(EIGHT, wse2, { ...BASE, tensorParallel: 2 }), /inside it/],
    [
      'a context beyond the model',
      () => plan(EIGHT, h100, { ...BASE, promptTokens: 200_000 }),
      /at most the model's 131072/,
    ],
    ['no users', () => plan(EIGHT, h100, { ...BASE, concurrency: 0 }), /concurrency.*got 0/],
    ['NaN', () => plan(EIGHT, h100, { ...BASE, promptTokens: Number.NaN }), /prompt tokens.*NaN/],
    ['3-bit weights', () => plan(EIGHT, h100, { ...BASE, weightBits: 3 }), /16, 8, 4/],
    [
      'a grid larger than the wafer',
      () => plan(EIGHT, wse2, { ...BASE, side: 800, count: 1 }),
      /at most|got/,
    ],
  ])('names %s', (_, run, message) => {
    expect(run).toThrow(message);
  });
});
