/** What `waferflow eval` finds out: one result, which the console, `--json` and the reports read. */
import type { BenchModel } from '../bench/types.js';
import type { Simulated } from '../timing/local-run.js';

/** One figure of one model. Shares are from 0 to 1. */
export interface SuiteRow {
  readonly model: string;
  readonly suite: string;
  readonly metric: string;
  readonly value: number;
  /** What it rests on: tasks, cuts, texts or positions. */
  readonly n: number;
}

/** A metric without its model and suite. */
export type Score = Pick<SuiteRow, 'metric' | 'value' | 'n'>;

export interface EvalModel extends BenchModel {
  /** Bits of a weight that the simulated machines were given: 16, 8 or 4, whichever is nearest to the file's. */
  readonly weightBits: number;
  /** On this machine, one user; the median of some runs. */
  readonly measured: { readonly tokensPerSecond: number };
  readonly simulated: readonly Simulated[];
}

export interface EvalResult {
  readonly date: string;
  readonly command: string;
  readonly seed: number;
  readonly samples: number;
  readonly temperature: number;
  readonly models: readonly EvalModel[];
  readonly suites: readonly SuiteRow[];
  readonly notes: readonly string[];
}

/** How texts are drawn and how far suites go. */
export interface EvalOptions {
  readonly seed: number;
  /** Of each task. */
  readonly samples: number;
  readonly temperature: number;
  /** Tasks, cuts and positions of every suite, at most. */
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}
