/** The tasks are right, wrong answers fail, and scores are computed from what an engine says. */
import { afterAll, describe, expect, it } from 'vitest';
import { FUNCTIONS } from '#src/eval/functions/all.js';
import { passAtK } from '#src/eval/pass-at-k.js';
import { Sandbox } from '#src/eval/sandbox/sandbox.js';
import { readBrought } from '#src/eval/suites/brought.js';
import { divergence } from '#src/eval/suites/divergence.js';
import { cutsOf } from '#src/eval/suites/fill-in.js';
import { taskPasses } from '#src/eval/suites/functions.js';
import { lastNumber } from '#src/eval/suites/questions.js';

const sandbox = new Sandbox();
afterAll(() => sandbox.close());
const options = { signal: new AbortController().signal, onProgress: () => undefined };

describe('our own functions', () => {
  it('are a hundred, each with a name of its own and three checks or more', () => {
    expect(new Set(FUNCTIONS.map(({ name }) => name)).size).toBe(100);
    for (const { name, checks } of FUNCTIONS) expect(checks.length, name).toBeGreaterThanOrEqual(3);
  });

  it('pass with their solutions', { timeout: 60_000 }, async () => {
    const failed: string[] = [];
    for (const task of FUNCTIONS)
      if (!(await taskPasses(task, task.solution, sandbox))) failed.push(task.name);
    expect(failed).toEqual([]);
  });

  it('fail with answers that know nothing of the task', { timeout: 120_000 }, async () => {
    const lazy = [
      '',
      '  return undefined;\n',
      '  return 0;\n',
      "  return '';\n",
      '  return true;\n',
      '  return [];\n',
      '  return {};\n',
      '  throw new Error();\n',
    ];
    const passed: string[] = [];
    for (const task of FUNCTIONS) {
      for (const body of lazy)
        if (await taskPasses(task, `${body}}\n`, sandbox)) passed.push(`${task.name}: ${body}`);
    }
    expect(passed).toEqual([]);
  });
});

describe('fill-in cuts', () => {
  const cuts = cutsOf(FUNCTIONS, 1);

  it('are 60, put together again the function, and are the same for the same seed', () => {
    expect(cuts).toHaveLength(60);
    for (const { task, prefix, middle, suffix } of cuts) {
      expect(prefix + middle + suffix).toBe(task.prompt + task.solution);
      expect(middle).toMatch(/^\S/);
    }
    expect(cutsOf(FUNCTIONS, 1)).toEqual(cuts);
    expect(cutsOf(FUNCTIONS, 2)).not.toEqual(cuts);
  });
});

describe('pass@k', () => {
  it('is the chance that k of n drawn answers hold a right one', () => {
    expect(passAtK(5, 0, 1)).toBe(0);
    expect(passAtK(5, 2, 1)).toBeCloseTo(0.4, 12);
    expect(passAtK(5, 2, 5)).toBe(1);
    // 1 - C(8, 5) / C(10, 5)
    expect(passAtK(10, 2, 5)).toBeCloseTo(1 - 56 / 252, 12);
  });
});

describe('KL divergence', () => {
  const predictor = (name: string, rows: number[][]) => ({
    name,
    logits: async (ids: readonly number[]) => Float32Array.from(rows[ids.length - 1]!),
  });

  it('is 0 to itself and that of the textbook to another', async () => {
    const base = predictor('base', [
      [0, 0],
      [Math.log(3), 0],
    ]);
    expect(await divergence(base, base, [0, 0], options)).toEqual([
      { metric: 'klNats', value: 0, n: 2 },
      { metric: 'sameTop', value: 1, n: 2 },
    ]);
    const other = predictor('other', [
      [0, 0],
      [0, Math.log(3)],
    ]);
    const [kl, top] = await divergence(base, other, [0, 0], options);
    // Half of 3/4 ln 3 + 1/4 ln 1/3: the first position agrees.
    expect(kl!.value).toBeCloseTo((0.5 * Math.log(3)) / 2, 6);
    expect(top!.value).toBe(0.5);
  });

  it('needs one vocabulary', async () => {
    const two = predictor('a', [[0, 0]]);
    await expect(divergence(two, predictor('b', [[0, 0, 0]]), [0], options)).rejects.toThrow('--base');
  });
});

describe('tasks that users bring', () => {
  const passes = async (line: object, completion: string): Promise<boolean> => {
    const brought = readBrought('tasks.jsonl', JSON.stringify(line));
    if (brought.kind !== 'code') throw new Error('questions');
    return await brought.problems(sandbox)[0]!.passes(completion);
  };

  it('in the form of MultiPL-E', async () => {
    const line = {
      name: 'HumanEval_23_strlen',
      language: 'ts',
      prompt: '//Return length of given string\nfunction strlen(string: string): number {\n',
      tests:
        "declare var require: any;\nconst assert = require('node:assert');\n\nfunction test() {\n  let candidate = strlen;\n  assert.deepEqual(candidate(''),0);\n  assert.deepEqual(candidate('abc'),3);\n}\n\ntest();",
      stop_tokens: ['\nfunction ', '\n/*', '\n//'],
    };
    expect(await passes(line, '  return string.length;\n}\n')).toBe(true);
    expect(await passes(line, '  return 3;\n}\n')).toBe(false);
    expect(await passes(line, '  return (;\n}\n')).toBe(false);
  });

  it('in the form of MBPP', async () => {
    const line = { text: 'Adds two numbers.', test_list: ['assert.strictEqual(add(1, 2), 3);'] };
    expect(await passes(line, 'add(a, b) {\n  return a + b;\n}\n')).toBe(true);
    expect(await passes(line, 'add(a, b) {\n  return a - b;\n}\n')).toBe(false);
  });

  it('as questions', () => {
    const brought = readBrought('q.jsonl', '{"question": "1 + 1?", "answer": "1 + 1 = 2\\n#### 2"}\n');
    expect(brought).toEqual({
      kind: 'questions',
      questions: [{ question: '1 + 1?', answer: '1 + 1 = 2\n#### 2' }],
    });
    expect(['so it is #### 1,234.50 dollars', 'first 3, then -4', 'none'].map(lastNumber)).toEqual([
      1234.5,
      -4,
      null,
    ]);
  });

  it.each([
    ['{"prompt": "def f(x):\\n", "test": "assert f(1) == 1"}', /line 1: got Python/],
    ['{"prompt": "function f() {"}', /no test/],
    ['{"a": 1}', /prompt, tests/],
    ['nonsense', /JSON object per line/],
    ['\n', /no lines/],
  ])('are refused in words: %s', (text, words) => {
    expect(() => readBrought('x.jsonl', text)).toThrow(words);
  });
});
