/** The run of `waferflow bench`: all entrants of a model take turns, so that what else the machine does hits all alike. */
import { Rng } from '../core/rng.js';
import type { BenchCase, Entrant, Sample } from './entrants.js';
import { pairedRatios, percentilesOf, spreadOf } from './stats.js';
import type { BenchResult, Contender, Energy, MeasuredRatio, MeasuredRow } from './types.js';

/** Joules that the processor has taken so far; null where the system does not tell. */
export interface EnergyMeter {
  readonly source: string;
  readJoules(): Promise<number | null>;
}

export interface ModelRun {
  readonly model: string;
  readonly vocabSize: number;
  readonly entrants: readonly Entrant[];
  readonly cases: readonly BenchCase[];
  readonly rounds: number;
  /** This machine's reading speed with all cores. */
  readonly gigabytesPerSecond: number;
  readonly energy: EnergyMeter;
  readonly signal: AbortSignal;
  /** After every run. */
  onRun(): void;
}

interface Collected {
  readonly samples: Sample[];
  joules: number | null;
}

/** Ids below this may be control tokens. */
const FIRST_PLAIN_ID = 300;

/** Prompts that were never seen before, so that no prefix cache can answer from memory. */
function freshPrompts(rng: Rng, { batch, promptTokens }: BenchCase, vocabSize: number): number[][] {
  const lowest = Math.min(FIRST_PLAIN_ID, vocabSize >> 1);
  return Array.from({ length: batch }, () =>
    Array.from({ length: promptTokens }, () => lowest + rng.below(vocabSize - lowest)),
  );
}

/** Runs needed for a model, warm-up included. */
export function runCount({
  entrants,
  cases,
  rounds,
}: Pick<ModelRun, 'entrants' | 'cases' | 'rounds'>): number {
  return entrants.length * cases.length * (rounds + 1);
}

/** Measures one model. Every case begins with one run of each entrant that does not count. */
export async function measureModel(run: ModelRun): Promise<Pick<BenchResult, 'measured' | 'ratios'>> {
  const measured: MeasuredRow[] = [];
  const ratios: MeasuredRatio[] = [];
  const rng = new Rng(1);
  for (const of of run.cases) {
    const collected = run.entrants.map((): Collected => ({ samples: [], joules: 0 }));
    for (let round = 0; round <= run.rounds; round++) {
      const prompts = freshPrompts(rng, of, run.vocabSize);
      const order = [...run.entrants.keys()];
      if (round % 2 === 1) order.reverse();
      for (const at of order) {
        run.signal.throwIfAborted();
        const before = await run.energy.readJoules();
        const sample = await run.entrants[at]!.run(prompts, of, run.signal);
        const after = await run.energy.readJoules();
        run.onRun();
        if (round === 0) continue;
        const into = collected[at]!;
        into.samples.push(sample);
        // The counter wraps round now and then: such a difference tells nothing.
        const isKnown = before !== null && after !== null && after >= before && into.joules !== null;
        into.joules = isKnown ? into.joules! + after - before : null;
      }
    }
    run.entrants.forEach((entrant, at) => {
      measured.push(rowOf(run, entrant, of, collected[at]!));
    });
    ratios.push(...ratiosOf(run, of, collected));
  }
  return { measured, ratios };
}

function rowOf(run: ModelRun, entrant: Entrant, of: BenchCase, { samples, joules }: Collected): MeasuredRow {
  const tokensPerSecond = spreadOf(samples.map((sample) => sample.tokensPerSecond));
  const waits = samples.flatMap(({ ttftMs }) => (ttftMs === null ? [] : [ttftMs]));
  const itl = samples.flatMap(({ itlMs }) => itlMs);
  const isDecode = of.phase === 'decode';
  const traffic = isDecode ? entrant.traffic(of.promptTokens + (of.generatedTokens >> 1)) : null;
  const gigabytesPerSecond =
    traffic === null || of.batch > 1 ? null : (traffic.bytes * tokensPerSecond.median) / 1e9;
  return {
    contender: entrant.contender,
    backend: entrant.backend,
    model: run.model,
    ...of,
    tokensPerSecond,
    ttftMs: waits.length === 0 ? null : spreadOf(waits),
    itlMs: isDecode && itl.length > 0 ? percentilesOf(itl) : null,
    bytesPerToken: traffic?.bytes ?? null,
    gigabytesPerSecond,
    bandwidthShare: gigabytesPerSecond === null ? null : gigabytesPerSecond / run.gigabytesPerSecond,
    launchesPerToken: traffic?.launches ?? null,
    energy: energyOf(run, of, samples.length, joules),
  };
}

/** Of prompt and generated tokens together, since the counter cannot tell them apart. */
function energyOf(run: ModelRun, of: BenchCase, rounds: number, joules: number | null): Energy {
  const tokens = rounds * of.batch * (of.promptTokens + of.generatedTokens);
  return { joulesPerToken: joules === null ? null : joules / tokens, source: run.energy.source };
}

function ratiosOf(run: ModelRun, of: BenchCase, collected: readonly Collected[]): MeasuredRatio[] {
  const own = run.entrants.findIndex(({ contender }) => contender === 'waferflow');
  if (own < 0) return [];
  const rates = (at: number): number[] => collected[at]!.samples.map((sample) => sample.tokensPerSecond);
  return run.entrants.flatMap(({ contender }, at) =>
    contender === 'waferflow'
      ? []
      : [
          {
            against: contender,
            model: run.model,
            ...of,
            ratio: spreadOf(pairedRatios(rates(own), rates(at))),
          },
        ],
  );
}

/** The lowest decode ratio of one user against a contender; null where it was not measured. */
export function lowestRatio(ratios: readonly MeasuredRatio[], against: Contender): number | null {
  const found = ratios.filter((one) => one.against === against && one.phase === 'decode' && one.batch === 1);
  return found.length === 0 ? null : Math.min(...found.map(({ ratio }) => ratio.median));
}
