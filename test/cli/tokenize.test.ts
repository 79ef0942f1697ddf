import { describe, expect, it } from 'vitest';
import { waferflow } from './cli.js';

async function json(args: readonly string[], input?: string): Promise<unknown> {
  const { code, stdout, stderr } = await waferflow(
    ['tokenize', ...args],
    input === undefined ? {} : { input },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('tokenize', () => {
  it('gives ids with their pieces, and the text of ids', async () => {
    const { ids, pieces } = (await json(['let x = 1', '--json'])) as { ids: number[]; pieces: string[] };
    expect(pieces.join('')).toBe('let x = 1');
    expect(ids).toHaveLength(pieces.length);
    expect(await json(['--ids', ids.join(), '--json'])).toEqual({ text: 'let x = 1' });
  });

  it('reads special tokens when asked to', async () => {
    const text = '<|fim_prefix|>';
    const special = (await json([text, '--special', '--json'])) as { pieces: string[] };
    expect(special.pieces).toEqual([text]);
    const plain = (await json([text, '--json'])) as { pieces: string[] };
    expect(plain.pieces.length).toBeGreaterThan(1);
  });

  it('answers a document a line, and an error where one is none', async () => {
    const input = '{"text": "a"}\n\n{"text": "<|fim_prefix|>", "special": true}\n{"text": 5}\nnonsense\n';
    const { stdout } = await waferflow(['tokenize', '--jsonl'], { input });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => Object.keys(line).join())).toEqual([
      ...['ids,pieces', 'ids,pieces'],
      ...['error', 'error'],
    ]);
    expect(lines[1]!.pieces).toEqual(['<|fim_prefix|>']);
  });

  it('two inputs are bad usage', async () => {
    expect((await waferflow(['tokenize', 'a', '--ids', '1'])).code).toBe(2);
  });
});
