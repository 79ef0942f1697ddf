/** Functions from their doc comment and signature, judged by running them: pass@1 and pass@5. */
import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../../runtime/types.js';
import { complete, mapAtOnce, seedOf } from '../generate.js';
import { mean, passAtK } from '../pass-at-k.js';
import type { Sandbox } from '../sandbox/sandbox.js';
import type { Verdict } from '../sandbox/types.js';
import { type Check, type Task, throws } from '../task.js';
import type { EvalOptions, Score } from '../types.js';

const maxTokens = 160;
/** A function at the start of a line ends with a brace at the start of a line. */
export const endOfFunction = '\n}';
/** The likeliest tokens that hold this much are drawn from, as usual for pass@k. */
const topP = 0.95;

/** What is asked and how the program that comes of it is judged. */
export interface Problem {
  readonly prompt: string;
  readonly stop: readonly string[];
  /** `rest`: what the model wrote, with the brace at which it was stopped. */
  readonly passes: (rest: string) => Promise<boolean>;
}

/** Draws `samples` answers to every problem and gives pass@1, and pass@5 where that many were drawn. */
export async function passRates(
  engine: Engine,
  problems: readonly Problem[],
  { seed, samples, temperature, signal, onProgress }: EvalOptions,
): Promise<Score[]> {
  const draws = problems.flatMap((problem, at) =>
    Array.from({ length: samples }, (_, sample) => ({ problem, at, sample })),
  );
  const right = problems.map(() => 0);
  await mapAtOnce(
    draws,
    async ({ problem, at, sample }) => {
      const { text, stopString } = await complete(engine, problem.prompt, {
        maxTokens,
        temperature,
        topP,
        seed: seedOf(seed, at, sample),
        stop: problem.stop,
        signal,
      });
      const rest = stopString === endOfFunction ? `${text}${stopString}\n` : text;
      if (await problem.passes(rest)) right[at]! += 1;
    },
    onProgress,
  );
  return [1, 5]
    .filter((k) => k <= samples)
    .map((k) => ({
      metric: `pass@${k}`,
      value: mean(right.map((count) => passAtK(samples, count, k))),
      n: problems.length,
    }));
}

export function functionProblems(tasks: readonly Task[], sandbox: Sandbox): Problem[] {
  return tasks.map((task) => ({
    prompt: task.prompt,
    stop: [endOfFunction],
    passes: (rest) => taskPasses(task, rest, sandbox),
  }));
}

/** Whether a body, to its closing brace, does what the task says. */
export async function taskPasses({ prompt, checks }: Task, body: string, sandbox: Sandbox): Promise<boolean> {
  const verdict = await sandbox.run({ source: prompt + body, calls: checks.map(([call]) => call) });
  return agrees(verdict, checks);
}

/** Compared here, out of reach of the code that is judged. */
function agrees(verdict: Verdict, checks: readonly Check[]): boolean {
  if (verdict.kind !== 'done') return false;
  return checks.every(([, expected], i) => {
    const outcome = verdict.outcomes[i]!;
    return expected === throws
      ? 'threw' in outcome
      : 'value' in outcome && isDeepStrictEqual(outcome.value, expected);
  });
}
