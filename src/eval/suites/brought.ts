/** Tasks that users bring, one JSON object per line: code in the style of HumanEval or MBPP, questions in that of GSM8K. */
import { z } from 'zod';
import { messageOf, OptionError } from '../../core/errors.js';
import type { Sandbox } from '../sandbox/sandbox.js';
import { endOfFunction, type Problem } from './functions.js';

/** HumanEval, HumanEval-X and MultiPL-E: a prompt to go on with, and tests. */
const completionTask = z.object({
  prompt: z.string().min(1),
  test: z.string().optional(),
  tests: z.string().optional(),
  stop_tokens: z.array(z.string()).optional(),
});
/** MBPP: a wish in words, and assertions. */
const wishTask = z.object({ text: z.string().min(1), test_list: z.array(z.string()).min(1) });
/** GSM8K: the answer ends with `#### ` and the number. */
const question = z.object({ question: z.string().min(1), answer: z.string().regex(/\d/) });

export type Question = z.infer<typeof question>;
export type Brought =
  | { readonly kind: 'code'; readonly problems: (sandbox: Sandbox) => Problem[] }
  | { readonly kind: 'questions'; readonly questions: readonly Question[] };

/**
 * The tasks of a file.
 * @throws OptionError where a line is none of the three forms, or Python
 */
export function readBrought(name: string, text: string): Brought {
  const lines = text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [{ line, at: i + 1 }]));
  if (lines.length === 0) throw notATask(name, 'no lines');
  const rows = lines.map(({ line, at }) => {
    try {
      return { row: JSON.parse(line) as unknown, at };
    } catch (error) {
      throw notATask(`${name}, line ${at}`, messageOf(error));
    }
  });
  if (question.safeParse(rows[0]!.row).success) {
    return { kind: 'questions', questions: rows.map(({ row, at }) => parse(question, row, name, at)) };
  }
  const makers = rows.map(({ row, at }) => codeProblem(row, name, at));
  return { kind: 'code', problems: (sandbox) => makers.map((make) => make(sandbox)) };
}

function codeProblem(row: unknown, name: string, at: number): (sandbox: Sandbox) => Problem {
  if (wishTask.safeParse(row).success) {
    const { text, test_list } = parse(wishTask, row, name, at);
    refusePython(test_list.join('\n'), name, at);
    // The function's name is in the tests alone.
    const prompt = `// ${text}\n// ${test_list[0]!}\nfunction `;
    return (sandbox) => problem(prompt, test_list.join('\n'), [endOfFunction], sandbox);
  }
  const { prompt, test, tests, stop_tokens } = parse(completionTask, row, name, at);
  const checks = tests ?? test;
  if (checks === undefined) throw notATask(`${name}, line ${at}`, 'no test or tests');
  refusePython(prompt, name, at);
  return (sandbox) => problem(prompt, checks, [...(stop_tokens ?? []), endOfFunction], sandbox);
}

function problem(prompt: string, tests: string, stop: readonly string[], sandbox: Sandbox): Problem {
  return {
    prompt,
    stop,
    passes: async (rest) => {
      const verdict = await sandbox.run({ source: prompt + rest, tests: withoutAssertImport(tests) });
      return verdict.kind === 'done';
    },
  };
}

/** `assert` is there already, and cannot be declared again. */
const withoutAssertImport = (tests: string): string =>
  tests.replace(/^\s*(?:const|let|var|import)\s+(?:\* as )?assert\b.*(?:require\(|from ).*$/gm, '');

function refusePython(code: string, name: string, at: number): void {
  if (!/^(?:def |from \w+ import |assert [^(=]*[(=])/m.test(code)) return;
  throw new OptionError({
    what: `suite ${name}, line ${at}`,
    given: 'Python',
    expected: 'TypeScript or JavaScript: the sandbox runs nothing else',
    todo: 'Bring the same tasks in TypeScript, such as those of MultiPL-E, or run lm-eval against `waferflow serve`.',
  });
}

function parse<T>(schema: z.ZodType<T>, row: unknown, name: string, at: number): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw notATask(
    `${name}, line ${at}`,
    `${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'not understood'}`,
  );
}

function notATask(what: string, given: string): OptionError {
  return new OptionError({
    what: `suite ${what}`,
    given,
    expected: 'a JSON object per line: {prompt, tests}, {text, test_list} or {question, answer}',
    todo: 'Give a name of `waferflow eval --help`, or a JSON lines file of one of these forms.',
  });
}
