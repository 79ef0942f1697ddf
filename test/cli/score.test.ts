/** `waferflow score --jsonl`: a document a line, an answer a line. */
import { expect, it } from 'vitest';
import { waferflow } from './cli.js';

it('answers every line by itself, as --ids does for one, and says what is wrong with a line', async () => {
  const lines = [
    '{"ids": [1, 2, 3]}',
    '{"text": "const a = 1;"}',
    '{"ids": [1]}',
    '{"ids": [999999, 2]}',
    'no',
    '{}',
  ];
  const { code, stdout } = await waferflow(['score', '--jsonl'], { input: `${lines.join('\n')}\n` });
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly error?: string; readonly nll?: readonly number[] });
  const one = await waferflow(['score', '--ids', '1,2,3', '--json']);
  expect(answers[0]).toEqual(JSON.parse(one.stdout));
  expect(answers[1]!.nll!.length).toBeGreaterThan(3);
  expect(answers.slice(2).map(({ error }) => error)).toEqual([
    expect.stringContaining('at least 2 tokens'),
    expect.stringContaining('999999'),
    expect.stringContaining('JSON'),
    expect.stringContaining('either "ids"'),
  ]);
  expect(code).toBe(0);
});
