/** Runs the suites that were asked for on one loaded model, and takes its speed. */
import type { Engine } from '../runtime/types.js';
import { plan } from '../timing/estimate.js';
import { cardOfShape, findMachine, type Simulated } from '../timing/local-run.js';
import { FUNCTIONS } from './functions/all.js';
import { complete } from './generate.js';
import type { Sandbox } from './sandbox/sandbox.js';
import { bitsPerByte } from './suites/bits.js';
import type { Brought } from './suites/brought.js';
import { cutsOf, fillIn } from './suites/fill-in.js';
import { functionProblems, passRates } from './suites/functions.js';
import { answerQuestions } from './suites/questions.js';
import type { EvalOptions, Score } from './types.js';

/** A suite by its name: scores, or in words why there are none. */
export interface Suite {
  readonly name: string;
  readonly run: (engine: Engine, sandbox: Sandbox, options: EvalOptions) => Promise<Score[] | string>;
}

/** The suites that need no file. */
export const SUITES: readonly Suite[] = [
  {
    name: 'functions',
    run: (engine, sandbox, options) =>
      passRates(engine, functionProblems(FUNCTIONS.slice(0, options.limit), sandbox), options),
  },
  {
    name: 'fill-in',
    run: async (engine, sandbox, options) => {
      const cuts = cutsOf(FUNCTIONS, options.seed).slice(0, options.limit);
      return (await fillIn(engine, cuts, sandbox, options)) ?? 'it has no tokens for fill-in-the-middle';
    },
  },
  {
    name: 'bits',
    run: (engine, _, options) =>
      bitsPerByte(
        engine,
        FUNCTIONS.slice(0, options.limit).map(({ prompt, solution }) => prompt + solution),
        options,
      ),
  },
];

/** Bits per byte of texts that users bring. */
export function textSuite(texts: readonly string[]): Suite {
  return { name: 'text', run: (engine, _, options) => bitsPerByte(engine, texts, options) };
}

export function broughtSuite(name: string, brought: Brought): Suite {
  return {
    name,
    run: (engine, sandbox, options) =>
      brought.kind === 'code'
        ? passRates(engine, brought.problems(sandbox).slice(0, options.limit), options)
        : answerQuestions(engine, brought.questions.slice(0, options.limit), options),
  };
}

const speedTokens = 96;
const speedRuns = 3;

/** Tokens per second of one user here, the median of some runs of the same text. */
export async function decodeSpeed(engine: Engine, signal: AbortSignal): Promise<number> {
  const speeds: number[] = [];
  for (let run = 0; run < speedRuns; run++) {
    const { timings } = await complete(engine, FUNCTIONS[0]!.prompt, {
      maxTokens: speedTokens,
      ignoreEos: true,
      temperature: 0,
      signal,
    });
    speeds.push(timings.decodeTokensPerSecond);
  }
  return speeds.sort((a, b) => a - b)[speedRuns >> 1]!;
}

/** The same tokens on a wafer and a GPU, in weights of so many bits. */
export function simulatedSpeeds(
  { info }: Engine,
  weightBits: number,
  machines: readonly string[],
): Simulated[] {
  const card = cardOfShape(info.config);
  return machines.map((name) => {
    const { machine, ttftMs, tokensPerSecondPerUser } = plan(card, findMachine(name), {
      promptTokens: 32,
      outputTokens: speedTokens,
      concurrency: 1,
      weightBits,
    });
    return { machine, ttftMs, tokensPerSecond: tokensPerSecondPerUser };
  });
}

/** 16, 8 or 4: what machines compute with, nearest to the bits that a weight of the file has. */
export function weightBitsOf(fileBytes: number, parameters: number): number {
  const bits = (8 * fileBytes) / parameters;
  return bits > 12 ? 16 : bits > 6 ? 8 : 4;
}
