/** The run of `waferflow bench`: all entrants of a model take turns, so that what else the machine does hits all alike. */
import { messageOf } from '../core/errors.js';
import { Rng } from '../core/rng.js';
import { countedTokens, fitted, tokensOf, WARM_UP } from './cases.js';
import type { BenchCase, Entrant, Sample } from './entrants.js';
import { pairedRatios, percentilesOf, spreadOf } from './stats.js';
import type { Absent, BenchResult, Contender, MeasuredRatio, MeasuredRow } from './types.js';

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
  /** One per round. */
  readonly tokensPerSecond: number[];
  readonly ttftMs: number[];
  readonly itlMs: number[];
  runs: number;
  joules: number | null;
}

/** Ids below this may be control tokens. */
const FIRST_PLAIN_ID = 300;
/** In a round the quicker ones repeat a run until they have had this share of the time of the slowest, up to so often. */
const REPEAT_SHARE = 0.3;
const MOST_REPEATS = 8;
/** A whole request says the most and takes the longest. */
const shareOf = ({ phase }: BenchCase): number => (phase === 'request' ? 2 : 1);

/** Measures one model: each case gets its share of the time that is left. */
export async function measureModel(
  run: ModelRun,
): Promise<Pick<BenchResult, 'measured' | 'ratios' | 'absent'>> {
  const bench = new ModelBench(run);
  await bench.warmUp();
  const seen = new Set<string>();
  for (const [at, wanted] of run.cases.entries()) {
    const shares = run.cases.slice(at).reduce((sum, one) => sum + shareOf(one), 0);
    const budgetMs = ((run.budgetMs - bench.spentMs) * shareOf(wanted)) / shares;
    const of = fitted(wanted, (one) => bench.roundMs(one), budgetMs);
    // Two cases may become one when they are shortened.
    const name = JSON.stringify(of);
    if (seen.has(name)) continue;
    seen.add(name);
    await bench.measure(wanted, of, performance.now() + budgetMs);
  }
  return bench;
}

/** What an entrant runs of a case: one that serves a batch request by request has the same speed with one of them. */
const partOf = ({ isSerial }: Entrant, of: BenchCase): BenchCase => (isSerial ? { ...of, batch: 1 } : of);

class ModelBench {
  readonly measured: MeasuredRow[] = [];
  readonly ratios: MeasuredRatio[] = [];
  readonly absent: Absent[] = [];
  private readonly run: ModelRun;
  private readonly rng = new Rng(1);
  private readonly begun = performance.now();
  private readonly msPerToken = new Map<Entrant, number>();
  private entrants: readonly Entrant[];

  constructor(run: ModelRun) {
    this.run = run;
    this.entrants = run.entrants;
  }

  get spentMs(): number {
    return performance.now() - this.begun;
  }

  /** Two short runs of each that do not count: the first makes what is made once, the second tells the speed. */
  async warmUp(): Promise<void> {
    for (const entrant of this.entrants) {
      for (let run = 0; run < 2; run++) {
        if ((await this.attempt(entrant, this.prompts(WARM_UP), WARM_UP)) === null) break;
      }
    }
  }

  /** What a round of all entrants will take, by the quickest run of each so far: others may have been held up. */
  roundMs(of: BenchCase): number {
    return this.entrants.reduce((sum, one) => sum + this.runMs(one, of) * this.repeats(one, of), 0);
  }

  private runMs(entrant: Entrant, of: BenchCase): number {
    return this.msPerToken.get(entrant)! * tokensOf(partOf(entrant, of));
  }

  /** A run of a few milliseconds would say less about a machine that does other work as well. */
  private repeats(entrant: Entrant, of: BenchCase): number {
    const slowest = Math.max(...this.entrants.map((one) => this.runMs(one, of)));
    const times = Math.floor((REPEAT_SHARE * slowest) / this.runMs(entrant, of));
    return Math.min(MOST_REPEATS, Math.max(1, times));
  }

  /** Rounds until there are enough, or the next would end too late. */
  async measure(wanted: BenchCase, of: BenchCase, until: number): Promise<void> {
    const collected = this.entrants.map(
      (entrant): Collected => ({ entrant, tokensPerSecond: [], ttftMs: [], itlMs: [], runs: 0, joules: 0 }),
    );
    let roundMs = 0;
    for (let round = 0; round < this.run.rounds; round++) {
      const begun = performance.now();
      if (round > 0 && begun + roundMs > until) break;
      const prompts = Array.from({ length: MOST_REPEATS }, () => this.prompts(of));
      for (const one of round % 2 === 0 ? collected : collected.toReversed()) {
        if (this.entrants.includes(one.entrant)) await this.takeSample(one, prompts, of);
      }
      roundMs = performance.now() - begun;
    }
    const whole = collected.filter(({ entrant }) => this.entrants.includes(entrant));
    for (const one of whole) this.measured.push(rowOf(this.run, wanted, of, one));
    this.ratios.push(...ratiosOf(this.run, of, whole));
  }

  /** Prompts that were never seen before, so that no prefix cache can answer from memory. */
  private prompts({ batch, promptTokens }: BenchCase): number[][] {
    const { vocabSize } = this.run;
    const lowest = Math.min(FIRST_PLAIN_ID, vocabSize >> 1);
    return Array.from({ length: batch }, () =>
      Array.from({ length: promptTokens }, () => lowest + this.rng.below(vocabSize - lowest)),
    );
  }

  private async takeSample(
    into: Collected,
    prompts: readonly (readonly number[][])[],
    of: BenchCase,
  ): Promise<void> {
    const { energy } = this.run;
    const { entrant } = into;
    const part = partOf(entrant, of);
    const repeats = this.repeats(entrant, of);
    const before = await energy.readJoules();
    let secondsPerToken = 0;
    for (const own of prompts.slice(0, repeats)) {
      const sample = await this.attempt(entrant, own.slice(0, part.batch), part);
      if (sample === null) return;
      secondsPerToken += 1 / sample.tokensPerSecond / repeats;
      if (sample.ttftMs !== null) into.ttftMs.push(sample.ttftMs);
      into.itlMs.push(...sample.itlMs);
    }
    const after = await energy.readJoules();
    into.tokensPerSecond.push(1 / secondsPerToken);
    into.runs += repeats;
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
    const begun = performance.now();
    try {
      const sample = await entrant.run(prompts, of, signal);
      const msPerToken = (performance.now() - begun) / tokensOf(of);
      this.msPerToken.set(entrant, Math.min(msPerToken, this.msPerToken.get(entrant) ?? Infinity));
      return sample;
    } catch (error) {
      signal.throwIfAborted();
      const { contender } = entrant;
      if (required.has(contender)) throw error;
      this.entrants = this.entrants.filter((one) => one !== entrant);
      this.absent.push({ contender, reason: `${model}: ${messageOf(error)}` });
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
  { entrant, ...collected }: Collected,
): MeasuredRow {
  const { ttftMs, itlMs, runs } = collected;
  const tokensPerSecond = spreadOf(collected.tokensPerSecond);
  const part = partOf(entrant, of);
  // The others of a batch that is served one by one would wait longer than the one that was measured.
  const tellsWait = ttftMs.length > 0 && part.batch === of.batch;
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
    countedTokens: runs * countedTokens(part),
    ttftMs: tellsWait ? spreadOf(ttftMs) : null,
    itlMs: of.phase !== 'prefill' && itlMs.length > 0 ? percentilesOf(itlMs) : null,
    bytesPerToken: traffic?.bytes ?? null,
    gigabytesPerSecond,
    bandwidthShare: gigabytesPerSecond === null ? null : gigabytesPerSecond / run.gigabytesPerSecond,
    launchesPerToken: traffic?.launches ?? null,
    energy: {
      joulesPerToken: collected.joules === null ? null : collected.joules / (runs * tokensOf(part)),
      source: run.energy.source,
    },
  };
}

function ratiosOf(run: ModelRun, of: BenchCase, collected: readonly Collected[]): MeasuredRatio[] {
  const own = collected.find(({ entrant }) => entrant.contender === 'waferflow');
  if (own === undefined) return [];
  return collected.flatMap((other) => {
    const against = other.entrant.contender;
    if (against === 'waferflow') return [];
    const ratio = spreadOf(pairedRatios(own.tokensPerSecond, other.tokensPerSecond));
    return [{ against, model: run.model, ...of, ratio }];
  });
}

/** The lowest decode ratio of one user against a contender; null where it was not measured. */
export function lowestRatio(ratios: readonly MeasuredRatio[], against: Contender): number | null {
  const found = ratios.filter((one) => one.against === against && one.phase === 'decode' && one.batch === 1);
  return found.length === 0 ? null : Math.min(...found.map(({ ratio }) => ratio.median));
}
