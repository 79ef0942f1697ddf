/** `waferflow eval` as a user runs it. */
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, waferflow } from './cli.js';

interface Printed {
  readonly models: readonly {
    readonly name: string;
    readonly measured: { readonly tokensPerSecond: number };
    readonly simulated: readonly { readonly machine: string; readonly tokensPerSecond: number }[];
  }[];
  readonly suites: readonly {
    readonly model: string;
    readonly suite: string;
    readonly metric: string;
    readonly value: number;
    readonly n: number;
  }[];
}

const folder = mkdtempSync(join(tmpdir(), 'eval-'));
const evaluated = async (...args: string[]): Promise<Printed> => {
  const { code, stdout, stderr } = await waferflow(['eval', '--json', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Printed;
};

describe('eval', { timeout: 120_000 }, () => {
  it('prints every suite of the embedded model, the same for the same seed, and a report with charts', async () => {
    const html = join(folder, 'eval.html');
    const md = join(folder, 'eval.md');
    const first = await evaluated('--limit', '2', '--html', html, '--md', md);
    expect(first.suites.map(({ suite, metric, n }) => `${suite} ${metric} ${n}`)).toEqual([
      'functions pass@1 2',
      'functions pass@5 2',
      'fill-in exact 2',
      'fill-in parses 2',
      'fill-in passes 2',
      'bits bitsPerByte 2',
    ]);
    for (const { metric, value } of first.suites) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(metric === 'bitsPerByte' ? 8 : 1);
    }
    const [model] = first.models;
    expect(model!.measured.tokensPerSecond).toBeGreaterThan(0);
    expect(model!.simulated.map(({ machine }) => machine)).toEqual(['wse-3', 'h100']);
    const again = await evaluated('--limit', '2');
    expect(again.suites).toEqual(first.suites);
    const page = readFileSync(html, 'utf8');
    expect(page).toContain('functions: quality against speed');
    expect(page).toContain('<svg');
    expect(readFileSync(md, 'utf8')).toContain('simulated wse-3');
  });

  it('scores texts as `score` does but for the rounding of keys and values, and nothing else where only they are given', async () => {
    const path = join(folder, 'a.ts');
    writeFileSync(path, 'export const a = 1;\n'.repeat(20));
    const { suites } = await evaluated('--text', path);
    const { stdout } = await waferflow(['score', '--text', path, '--json']);
    const { bitsPerByte } = JSON.parse(stdout) as { bitsPerByte: number };
    expect(suites).toHaveLength(1);
    // `score` keeps keys and values in f32, this as a model runs.
    expect(suites[0]!.value / bitsPerByte).toBeCloseTo(1, 2);
  });

  it('takes tasks from a file, and the divergence of a model to itself is 0', async () => {
    const path = join(folder, 'tasks.jsonl');
    const prompt = '/** Returns 1. */\nfunction one(): number {\n  return 1;';
    writeFileSync(path, `${JSON.stringify({ prompt, tests: 'assert.strictEqual(one(), 1);' })}\n`);
    // The same bytes under another name.
    const copy = join(folder, 'copy.gguf');
    copyFileSync(join(ROOT, 'models/glint/glint-q8_0.gguf'), copy);
    const { suites } = await evaluated(
      ...['--suite', path, '--samples', '1', '--limit', '8'],
      ...['--model', 'glint', copy, '--base', 'glint'],
    );
    expect(suites.map(({ suite, metric, n }) => `${suite} ${metric} ${n}`)).toEqual([
      'tasks.jsonl pass@1 1',
      'tasks.jsonl pass@1 1',
      'divergence klNats 8',
      'divergence sameTop 8',
    ]);
    expect(suites[2]!.value).toBe(0);
    expect(suites[3]!.value).toBe(1);
    expect(new Set(suites.map(({ model }) => model)).size).toBe(2);
  });

  it.each([
    [['--suite', 'nonsense'], /functions, fill-in, bits, or a file/],
    [['--suite', '/nowhere.jsonl'], /nowhere/],
    [['--samples', '0'], /at least 1/],
  ])('%j is bad usage or a missing file, in words', async (args, words) => {
    const { code, stdout, stderr } = await waferflow(['eval', ...args]);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(words);
  });
});
