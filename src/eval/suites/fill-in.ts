/** Fill in the middle: a line is cut out of a function, and the model, which sees both sides, writes it again up to its end. */
import { Rng } from '../../core/rng.js';
import type { Engine } from '../../runtime/types.js';
import { complete, mapAtOnce } from '../generate.js';
import { mean } from '../pass-at-k.js';
import type { Sandbox } from '../sandbox/sandbox.js';
import type { Task } from '../task.js';
import type { EvalOptions, Score } from '../types.js';
import { taskPasses } from './functions.js';

const cuts = 60;
const maxTokens = 64;

export interface Cut {
  readonly task: Task;
  readonly prefix: string;
  readonly middle: string;
  readonly suffix: string;
}

/** The same cuts for every model: one line of the body, without its indentation, in each of some tasks. */
export function cutsOf(tasks: readonly Task[], seed: number): Cut[] {
  const rng = new Rng(seed);
  const rest = [...tasks];
  const chosen: Cut[] = [];
  while (chosen.length < cuts && rest.length > 0) {
    const [task] = rest.splice(rng.below(rest.length), 1) as [Task];
    const lines = task.solution.split('\n').slice(0, -2);
    const at = rng.below(lines.length);
    const middle = lines[at]!.trimStart();
    const before =
      task.prompt +
      lines
        .slice(0, at)
        .map((line) => `${line}\n`)
        .join('');
    const prefix = before + lines[at]!.slice(0, lines[at]!.length - middle.length);
    chosen.push({
      task,
      prefix,
      middle,
      suffix: (task.prompt + task.solution).slice(prefix.length + middle.length),
    });
  }
  return chosen;
}

/** Null where the model was not trained for it. */
export async function fillIn(
  engine: Engine,
  all: readonly Cut[],
  sandbox: Sandbox,
  { signal, onProgress }: EvalOptions,
): Promise<Score[] | null> {
  const { fim } = engine.tokenizer;
  if (fim === null) return null;
  const encode = (text: string): number[] => engine.tokenizer.encode(text, { bos: false });
  const bos = engine.tokenizer.addBos && engine.tokenizer.bosId !== null ? [engine.tokenizer.bosId] : [];
  const verdicts = await mapAtOnce(
    all,
    async ({ task, prefix, middle, suffix }) => {
      const prompt = [...bos, fim.prefix, ...encode(prefix), fim.suffix, ...encode(suffix), fim.middle];
      const { text } = await complete(engine, prompt, { maxTokens, temperature: 0, stop: '\n', signal });
      const parsed = await sandbox.run({ source: prefix + text + suffix, parseOnly: true });
      const body = prefix.slice(task.prompt.length) + text + suffix;
      return {
        exact: text.trim() === middle.trim(),
        parses: parsed.kind === 'done',
        passes: await taskPasses(task, body, sandbox),
      };
    },
    onProgress,
  );
  return (['exact', 'parses', 'passes'] as const).map((metric) => ({
    metric,
    value: mean(verdicts.map((verdict) => Number(verdict[metric]))),
    n: verdicts.length,
  }));
}
