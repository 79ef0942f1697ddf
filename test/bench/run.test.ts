/** The measuring loop on real engines of a tiny model: order, pairing, prompts, figures that follow from others. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openBaseline } from '#src/baseline/engine.js';
import { type BenchCase, baselineEntrant, type Entrant, runtimeEntrant } from '#src/bench/entrants.js';
import { measureModel, runCount } from '#src/bench/run.js';
import { simulatedRows } from '#src/bench/simulated.js';
import { bytesSource } from '#src/formats/source.js';
import { load } from '#src/index.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const cases: BenchCase[] = [
  { phase: 'decode', promptTokens: 5, generatedTokens: 4, batch: 1 },
  { phase: 'decode', promptTokens: 5, generatedTokens: 3, batch: 3 },
  { phase: 'prefill', promptTokens: 20, generatedTokens: 1, batch: 1 },
];

async function entrants(): Promise<Entrant[]> {
  const path = temporaryFile(tinyModel());
  const both = [
    runtimeEntrant(await load(path, { workers: 1, context: 64, maxRunning: 4, kvTokens: 256 })),
    baselineEntrant(await openBaseline(bytesSource(readFileSync(path)), { backend: 'webasm', context: 64 })),
  ];
  onTestFinished(async () => {
    for (const entrant of both) await entrant.close();
  });
  return both;
}

/** Notes who ran with which prompts, and lets it run. */
function watched(entrant: Entrant, runs: { who: string; prompts: string }[]): Entrant {
  return {
    ...entrant,
    run: (prompts, of, signal) => {
      runs.push({ who: entrant.contender, prompts: JSON.stringify(prompts) });
      return entrant.run(prompts, of, signal);
    },
  };
}

describe('a bench of one model', () => {
  it('alternates, pairs and counts', async () => {
    const runs: { who: string; prompts: string }[] = [];
    const measuring = (await entrants()).map((entrant) => watched(entrant, runs));
    let spent = 0;
    const joules = (): number => {
      spent += 3;
      return spent;
    };
    let told = 0;
    const { measured, ratios } = await measureModel({
      model: 'tiny',
      vocabSize: 320,
      entrants: measuring,
      cases,
      rounds: 2,
      gigabytesPerSecond: 10,
      energy: { source: 'counted', readJoules: () => Promise.resolve(joules()) },
      signal: new AbortController().signal,
      onRun: () => told++,
    });
    expect(told).toBe(runCount({ entrants: measuring, cases, rounds: 2 }));
    expect(runs.slice(0, 6).map(({ who }) => who)).toEqual([
      'waferflow',
      'baseline',
      'baseline',
      'waferflow',
      'waferflow',
      'baseline',
    ]);
    // Both entrants of a round get the same prompts, and no round those of another.
    for (let i = 0; i < runs.length; i += 2) expect(runs[i]!.prompts).toBe(runs[i + 1]!.prompts);
    expect(new Set(runs.map(({ prompts }) => prompts)).size).toBe(runs.length / 2);

    expect(measured).toHaveLength(6);
    for (const row of measured) {
      expect(row.tokensPerSecond.samples).toHaveLength(2);
      expect(row.tokensPerSecond.min).toBeGreaterThan(0);
      expect(row.ttftMs!.min).toBeGreaterThan(0);
      const tokens = 2 * row.batch * (row.promptTokens + row.generatedTokens);
      expect(row.energy).toEqual({ joulesPerToken: 6 / tokens, source: 'counted' });
    }
    const [own, other] = measured;
    expect(own!.itlMs!.count).toBe(2 * 3);
    expect(other!.itlMs!.count).toBe(2 * 3);
    expect(other!.launchesPerToken).toBeGreaterThan(30);
    expect(other!.gigabytesPerSecond).toBeCloseTo(
      (other!.bytesPerToken! * other!.tokensPerSecond.median) / 1e9,
      12,
    );
    expect(other!.bandwidthShare).toBeCloseTo(other!.gigabytesPerSecond! / 10, 12);
    expect(measured[4]!.itlMs).toBeNull();

    expect(ratios).toHaveLength(3);
    const samples = own!.tokensPerSecond.samples.map((rate, i) => rate / other!.tokensPerSecond.samples[i]!);
    expect(ratios[0]!.ratio.samples).toEqual(samples);
  });

  it('stops between two runs, and says nothing of energy that is not told', async () => {
    const controller = new AbortController();
    const measuring = await entrants();
    const run = {
      model: 'tiny',
      vocabSize: 320,
      entrants: measuring,
      cases: cases.slice(0, 1),
      rounds: 1,
      gigabytesPerSecond: 10,
      energy: { source: 'none here', readJoules: () => Promise.resolve(null) },
      signal: controller.signal,
      onRun: () => undefined,
    };
    const { measured } = await measureModel(run);
    expect(measured[0]!.energy).toEqual({ joulesPerToken: null, source: 'none here' });
    const stopped = measureModel({ ...run, onRun: () => controller.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('simulated rows', () => {
  it('stand beside every decode case, on wafers and GPUs', () => {
    const config = {
      hiddenSize: 576,
      intermediateSize: 1536,
      numHiddenLayers: 30,
      numAttentionHeads: 9,
      numKeyValueHeads: 3,
      headDim: 64,
      vocabSize: 49152,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-5,
      ropeTheta: 10000,
      ropeScaling: null,
      tieWordEmbeddings: true,
    };
    const rows = simulatedRows('135M', config, cases, () => undefined);
    expect(rows.map(({ machine, concurrency }) => `${machine} ${concurrency}`)).toEqual([
      'wse-3 1',
      'h100 1',
      'h200 1',
      'b200 1',
      'wse-3 3',
      'h100 3',
      'h200 3',
      'b200 3',
    ]);
    for (const row of rows) {
      expect(row.tokensPerSecondPerUser).toBeCloseTo(1000 / row.tpotMs, 6);
      expect(row.ttftMs).toBeGreaterThan(0);
    }
  });
});
