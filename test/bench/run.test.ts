/** The measuring loop on real engines of a tiny model: order, pairing, prompts, figures that follow from others. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openBaseline } from '#src/baseline/engine.js';
import { fitted, tokensOf } from '#src/bench/cases.js';
import { type BenchCase, baselineEntrant, type Entrant, runtimeEntrant } from '#src/bench/entrants.js';
import { type ModelRun, measureModel } from '#src/bench/run.js';
import { simulatedRows } from '#src/bench/simulated.js';
import { bytesSource } from '#src/formats/source.js';
import { load } from '#src/index.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const cases: BenchCase[] = [
  { phase: 'decode', promptTokens: 5, generatedTokens: 4, batch: 1 },
  { phase: 'decode', promptTokens: 6, generatedTokens: 3, batch: 3 },
  { phase: 'prefill', promptTokens: 20, generatedTokens: 1, batch: 1 },
  { phase: 'request', promptTokens: 10, generatedTokens: 4, batch: 1 },
];

/** A run that has the time for everything. */
function plain(measuring: readonly Entrant[]): ModelRun {
  return {
    model: 'tiny',
    vocabSize: 320,
    entrants: measuring,
    required: new Set(['waferflow']),
    cases: cases.slice(0, 1),
    rounds: 1,
    budgetMs: 1e9,
    gigabytesPerSecond: 10,
    energy: { source: 'none here', readJoules: () => Promise.resolve(null) },
    signal: new AbortController().signal,
    onRun: () => undefined,
  };
}

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

interface Run {
  readonly who: string;
  readonly prompts: readonly (readonly number[])[];
}

/** Notes who ran with which prompts, and lets it run. */
function watched(entrant: Entrant, runs: Run[]): Entrant {
  return {
    ...entrant,
    run: (prompts, of, signal) => {
      runs.push({ who: entrant.contender, prompts });
      return entrant.run(prompts, of, signal);
    },
  };
}

describe('a bench of one model', () => {
  it('alternates, pairs and counts', async () => {
    const runs: Run[] = [];
    const measuring = (await entrants()).map((entrant) => watched(entrant, runs));
    let spent = 0;
    const joules = (): number => {
      spent += 3;
      return spent;
    };
    let told = 0;
    const { measured, ratios, absent } = await measureModel({
      ...plain(measuring),
      cases,
      rounds: 2,
      energy: { source: 'counted', readJoules: () => Promise.resolve(joules()) },
      onRun: () => told++,
    });
    expect(absent).toEqual([]);
    expect(told).toBe(runs.length);
    expect(runs.splice(0, 4).map(({ who }) => who)).toEqual([
      'waferflow',
      'waferflow',
      'baseline',
      'baseline',
    ]);
    // Two rounds of four cases, in turn; who is done early repeats its run with other prompts.
    const turns = runs.filter(({ who }, i) => who !== runs[i - 1]?.who).map(({ who }) => who);
    expect(turns.join(' ')).toBe(`waferflow${' baseline waferflow'.repeat(4)}`);
    const own = runs.filter(({ who }) => who === 'waferflow').map(({ prompts }) => prompts);
    const others = runs.filter(({ who }) => who === 'baseline').map(({ prompts }) => prompts);
    expect(new Set(own.map((prompts) => JSON.stringify(prompts))).size).toBe(own.length);
    // Both get the same prompts; of a batch that would be served one by one, one is run.
    const first = new Set(own.map((prompts) => JSON.stringify(prompts[0])));
    for (const prompts of others) {
      expect(prompts).toHaveLength(1);
      expect(first).toContain(JSON.stringify(prompts[0]));
    }

    expect(measured).toHaveLength(8);
    for (const row of measured) {
      expect(row.tokensPerSecond.samples).toHaveLength(2);
      expect(row.tokensPerSecond.min).toBeGreaterThan(0);
      expect(row.wanted).toEqual({ promptTokens: row.promptTokens, generatedTokens: row.generatedTokens });
      const { promptTokens, generatedTokens } = row;
      const isOwn = row.contender === 'waferflow';
      const batch = isOwn ? row.batch : 1;
      if (batch === row.batch) expect(row.ttftMs!.min).toBeGreaterThan(0);
      else expect(row.ttftMs).toBeNull();
      // Cases differ by the lengths of their prompts.
      const ran = (isOwn ? own : others).filter((prompts) => prompts[0]!.length === promptTokens);
      expect(ran.length).toBeGreaterThanOrEqual(2);
      const counted = {
        prefill: promptTokens,
        decode: generatedTokens - 1,
        request: promptTokens + generatedTokens,
      };
      expect(row.countedTokens).toBe(ran.length * batch * counted[row.phase]);
      const tokens = ran.length * batch * (promptTokens + generatedTokens);
      expect(row.energy).toEqual({ joulesPerToken: 6 / tokens, source: 'counted' });
    }
    const [mine, other] = measured;
    expect(mine!.itlMs!.count).toBe(mine!.countedTokens);
    expect(other!.itlMs!.count).toBe(other!.countedTokens);
    expect(other!.launchesPerToken).toBeGreaterThan(30);
    expect(other!.gigabytesPerSecond).toBeCloseTo(
      (other!.bytesPerToken! * other!.tokensPerSecond.median) / 1e9,
      12,
    );
    expect(other!.bandwidthShare).toBeCloseTo(other!.gigabytesPerSecond! / 10, 12);
    expect(measured[4]!.itlMs).toBeNull();
    const [request] = measured.slice(6);
    expect(request!.tokensPerSecond.max).toBeLessThan((1000 * 14) / request!.ttftMs!.min);

    expect(ratios).toHaveLength(4);
    const samples = mine!.tokensPerSecond.samples.map((rate, i) => rate / other!.tokensPerSecond.samples[i]!);
    expect(ratios[0]!.ratio.samples).toEqual(samples);
  });

  it('stops between two runs, and says nothing of energy that is not told', async () => {
    const controller = new AbortController();
    const run = { ...plain(await entrants()), signal: controller.signal };
    const { measured } = await measureModel(run);
    expect(measured[0]!.energy).toEqual({ joulesPerToken: null, source: 'none here' });
    const stopped = measureModel({ ...run, onRun: () => controller.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('shortens every case to one short round when there is no time, and says so', async () => {
    const long: BenchCase[] = [
      { phase: 'decode', promptTokens: 40, generatedTokens: 16, batch: 1 },
      { phase: 'decode', promptTokens: 16, generatedTokens: 16, batch: 1 },
      { phase: 'request', promptTokens: 40, generatedTokens: 20, batch: 1 },
    ];
    const run = { ...plain(await entrants()), cases: long, rounds: 5, budgetMs: 0 };
    const { measured, ratios } = await measureModel(run);
    // The second case became the first.
    expect(measured.map((row) => `${row.phase} ${row.promptTokens} ${row.generatedTokens}`)).toEqual([
      'decode 16 8',
      'decode 16 8',
      'request 16 8',
      'request 16 8',
    ]);
    expect(measured.map(({ wanted }) => wanted.promptTokens)).toEqual([40, 40, 40, 40]);
    for (const { countedTokens, phase } of measured) {
      expect(countedTokens % (phase === 'decode' ? 7 : 24)).toBe(0);
    }
    expect(ratios.map(({ ratio }) => ratio.samples.length)).toEqual([1, 1]);
  });

  it.each([0, 2, 3])('goes on without a peer that fails in run %i, and says why', async (good) => {
    const [own, other] = await entrants();
    let runs = 0;
    const peer: Entrant = {
      ...other!,
      contender: 'wllama',
      run: (prompts, of, signal) =>
        runs++ < good ? other!.run(prompts, of, signal) : Promise.reject(new TypeError('no storage backend')),
    };
    const run = { ...plain([own!, peer, other!]), cases: cases.slice(0, 2), rounds: 2 };
    const { measured, ratios, absent } = await measureModel(run);
    expect(absent).toEqual([{ contender: 'wllama', reason: 'tiny: no storage backend' }]);
    // Half a case is no case: what it did before it failed is not shown beside whole ones.
    expect(measured.map(({ contender }) => contender)).toEqual([
      'waferflow',
      'baseline',
      'waferflow',
      'baseline',
    ]);
    for (const row of measured) expect(row.tokensPerSecond.samples).toHaveLength(2);
    expect(ratios.map(({ against }) => against)).toEqual(['baseline', 'baseline']);
    const needed = measureModel({ ...run, required: new Set(['wllama']) });
    await expect(needed).rejects.toThrow('no storage backend');
  });
});

describe('the lengths of a case', () => {
  const of = (phase: BenchCase['phase'], promptTokens: number, generatedTokens: number): BenchCase => ({
    phase,
    promptTokens,
    generatedTokens,
    batch: 2,
  });
  /** Room for three rounds of so many tokens of both users together. */
  const lengths = (wanted: BenchCase, tokens: number): number[] => {
    const roundMs = (one: BenchCase): number => 10 * tokensOf(one);
    const { promptTokens, generatedTokens } = fitted(wanted, roundMs, 3 * 10 * tokens);
    return [promptTokens, generatedTokens];
  };

  it('are halved until three rounds fit', () => {
    expect(lengths(of('request', 512, 64), 2 * 576)).toEqual([512, 64]);
    expect(lengths(of('request', 512, 64), 2 * 576 - 1)).toEqual([256, 32]);
    expect(lengths(of('request', 512, 64), 2 * 75)).toEqual([64, 8]);
    expect(lengths(of('prefill', 64, 1), 40)).toEqual([16, 1]);
  });

  it('give up the prompt first where the answer is measured', () => {
    expect(lengths(of('decode', 256, 32), 2 * 64)).toEqual([32, 32]);
    expect(lengths(of('decode', 256, 32), 2 * 33)).toEqual([16, 16]);
  });

  it('end at a length that can be measured', () => {
    expect(lengths(of('request', 512, 64), 0)).toEqual([16, 8]);
    expect(lengths(of('decode', 5, 3), 0)).toEqual([5, 3]);
  });
});

describe('simulated rows', () => {
  it('stand beside every case with an answer, on wafers and GPUs', () => {
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
      'wse-3 1',
      'h100 1',
      'h200 1',
      'b200 1',
    ]);
    for (const row of rows) {
      expect(row.tokensPerSecondPerUser).toBeCloseTo(1000 / row.tpotMs, 6);
      expect(row.ttftMs).toBeGreaterThan(0);
    }
  });
});
