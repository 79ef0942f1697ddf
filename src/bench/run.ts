/** The run of `waferflow bench`: all entrants of a model take turns, so that what else the machine does hits all alike. */
import { messageOf } from '../core/errors.js';
import { Rng } from '../core/rng.js';
import { countedTokens, fitted, tokensOf, warmUpOf } from './cases.js';
import type { BenchCase, Entrant, Sample } from './entrants.js';
import { pairedRatios, percentilesOf, spreadOf } from './stats.js';
import type { Absent, BenchResult, Contender, Energy, MeasuredRatio, MeasuredRow } from './types.js';

/** Joules that the processor has taken so far; null where the system does not tell. */
export interface EnergyMeter {
  readonly source: string;
  readJoules(): Promise<number | null>;
}

export interface ModelRun {
  readonly model: string;
  readonly vocabSize: number;
  readonly entrants: readonly Entrant[];
  /** An error of one of these ends the bench; any other entrant is left out from then on, with its reason. */
  readonly required: ReadonlySet<Contender>;
  readonly cases: readonly BenchCase[];
  /** At most; a case that has used up its time ends with fewer, but with one at least. */
  readonly rounds: number;
  /** For all cases together. */
  readonly budgetMs: number;
  /** This machine's reading speed with all cores. */
  readonly gigabytesPerSecond: number;
  readonly energy: EnergyMeter;
  readonly signal: AbortSignal;
  /** After every run. */
  onRun(spentMs: number): void;
}

/** Runs of one entrant in one case. */
interface Collected {
  readonly entrant: Entrant;
  readonly samples: Sample[];
  joules: number | null;
}

/** Ids below this may be control tokens. */
const FIRST_PLAIN_ID = 300;
/** A whole request says the most and takes the longest. */
const shareOf = ({ phase }: BenchCase): number => (phase === 'request' ? 2 : 1);

/** Prompts that were never seen before, so that no prefix cache can answer from memory. */
function freshPrompts(rng: Rng, { batch, promptTokens }: BenchCase, vocabSize: number): number[][] {
  const lowest = Math.min(FIRST_PLAIN_ID, vocabSize >> 1);
  return Array.from({ length: batch }, () =>
    Array.from({ length: promptTokens }, () => lowest + rng.below(vocabSize - lowest)),
  );
}

/** Measures one model: each case gets its share of the time that is left. */
export async function measureModel(
  run: ModelRun,
): Promise<Pick<BenchResult, 'measured' | 'ratios' | 'absent'>> {
  const bench = new ModelBench(run);
  const seen = new Set<string>();
  for (const [at, wanted] of run.cases.entries()) {
    const shares = run.cases.slice(at).reduce((sum, one) => sum + shareOf(one), 0);
    const budgetMs = ((run.budgetMs - bench.spentMs) * shareOf(wanted)) / shares;
    const until = performance.now() + budgetMs;
    const warmUp = await bench.warmUp(wanted);
    const of = fitted(wanted, warmUp, until - performance.now());
    // Two cases may become one when they are shortened.
    const name = JSON.stringify(of);
    if (seen.has(name)) continue;
    seen.add(name);
    await bench.measure(wanted, of, until);
  }
  return bench;
}

class ModelBench {
  readonly measured: MeasuredRow[] = [];
  readonly ratios: MeasuredRatio[] = [];
  readonly absent: Absent[] = [];
  private readonly run: ModelRun;
  private readonly rng = new Rng(1);
  private readonly begun = performance.now();
  private entrants: readonly Entrant[];

  constructor(run: ModelRun) {
    this.run = run;
    this.entrants = run.entrants;
  }

  get spentMs(): number {
    return performance.now() - this.begun;
  }

  /** One short run of each that does not count; the milliseconds that a token takes of all entrants together. */
  async warmUp(wanted: BenchCase): Promise<number> {
    const of = warmUpOf(wanted);
    const prompts = freshPrompts(this.rng, of, this.run.vocabSize);
    let perToken = 0;
    for (const entrant of this.entrants) {
      const begun = performance.now();
      await this.attempt(entrant, prompts, of);
      perToken += (performance.now() - begun) / tokensOf(of);
    }
    return perToken;
  }

  /** Rounds until there are enough, or the next would end too late. */
  async measure(wanted: BenchCase, of: BenchCase, until: number): Promise<void> {
    const collected = this.entrants.map((entrant): Collected => ({ entrant, samples: [], joules: 0 }));
    let roundMs = 0;
    for (let round = 0; round < this.run.rounds; round++) {
      const begun = performance.now();
      if (round > 0 && begun + roundMs > until) break;
      const prompts = freshPrompts(this.rng, of, this.run.vocabSize);
      for (const one of round % 2 === 0 ? collected : collected.toReversed()) {
        if (this.entrants.includes(one.entrant)) await this.takeSample(one, prompts, of);
      }
      roundMs = performance.now() - begun;
    }
    const whole = collected.filter(({ entrant }) => this.entrants.includes(entrant));
    for (const one of whole) this.measured.push(rowOf(this.run, wanted, of, one));
    this.ratios.push(...ratiosOf(this.run, of, whole));
  }

  private async takeSample(into: Collected, prompts: readonly number[][], of: BenchCase): Promise<void> {
    const { energy } = this.run;
    const before = await energy.readJoules();
    const sample = await this.attempt(into.entrant, prompts, of);
    const after = await energy.readJoules();
    if (sample === null) return;
    into.samples.push(sample);
    // The counter wraps round now and then: such a difference tells nothing.
    const isKnown = before !== null && after !== null && after >= before && into.joules !== null;
    into.joules = isKnown ? into.joules! + after - before : null;
  }

  /** Null when the entrant failed: then it takes no part any more. */
  private async attempt(
    entrant: Entrant,
    prompts: readonly number[][],
    of: BenchCase,
  ): Promise<Sample | null> {
    const { signal, required, model } = this.run;
    signal.throwIfAborted();
    try {
      return await entrant.run(prompts, of, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { contender } = entrant;
      if (required.has(contender)) throw error;
      this.entrants = this.entrants.filter((one) => one !== entrant);
      this.absent.push({ contender, reason: `${model}, from ${of.phase} on: ${messageOf(error)}` });
      return null;
    } finally {
      this.run.onRun(this.spentMs);
    }
  }
}

function rowOf(
  run: ModelRun,
  { promptTokens, generatedTokens }: BenchCase,
  of: BenchCase,
  { entrant, samples, joules }: Collected,
): MeasuredRow {
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
    wanted: { promptTokens, generatedTokens },
    tokensPerSecond,
    countedTokens: samples.length * countedTokens(of),
    ttftMs: waits.length === 0 ? null : spreadOf(waits),
    itlMs: of.phase !== 'prefill' && itl.length > 0 ? percentilesOf(itl) : null,
    bytesPerToken: traffic?.bytes ?? null,
    gigabytesPerSecond,
    bandwidthShare: gigabytesPerSecond === null ? null : gigabytesPerSecond / run.gigabytesPerSecond,
    launchesPerToken: traffic?.launches ?? null,
    energy: energyOf(run, of, samples.length, joules),
  };
}

/** Of prompt and generated tokens together, since the counter cannot tell them apart. */
function energyOf(run: ModelRun, of: BenchCase, rounds: number, joules: number | null): Energy {
  const tokens = rounds * tokensOf(of);
  return { joulesPerToken: joules === null ? null : joules / tokens, source: run.energy.source };
}

function ratiosOf(run: ModelRun, of: BenchCase, collected: readonly Collected[]): MeasuredRatio[] {
  const rates = ({ samples }: Collected): number[] => samples.map((sample) => sample.tokensPerSecond);
  const own = collected.find(({ entrant }) => entrant.contender === 'waferflow');
  if (own === undefined) return [];
  return collected.flatMap((other) => {
    const against = other.entrant.contender;
    if (against === 'waferflow') return [];
    const ratio = spreadOf(pairedRatios(rates(own), rates(other)));
    return [{ against, model: run.model, ...of, ratio }];
  });
}

/** The lowest decode ratio of one user against a contender; null where it was not measured. */
export function lowestRatio(ratios: readonly MeasuredRatio[], against: Contender): number | null {
  const found = ratios.filter((one) => one.against === against && one.phase === 'decode' && one.batch === 1);
  return found.length === 0 ? null : Math.min(...found.map(({ ratio }) => ratio.median));
}
