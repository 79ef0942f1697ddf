import { describe, expect, it } from 'vitest';
import type { BenchResult } from '#src/bench/types.js';
import { waferflow } from './cli.js';

describe('waferflow bench', () => {
  it('measures, simulates and prints one document', async () => {
    const { code, stdout, stderr } = await waferflow(['bench', '--quick', '--rounds', '1', '--json']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as BenchResult;
    expect(result.command).toBe('waferflow bench --quick --rounds 1 --json');
    expect(result.models.map(({ name, weights }) => `${name} ${weights}`)).toEqual([
      'glint trained',
      '15M Q8_0 random',
    ]);
    expect(result.versions).toMatchObject({ 'gpu.js': expect.stringMatching(/^2\./) as string });
    const who = new Set(result.measured.map(({ contender }) => contender));
    expect(who).toEqual(new Set(['waferflow', 'baseline']));
    for (const row of result.measured) expect(row.tokensPerSecond.median).toBeGreaterThan(0);
    const decode = result.ratios.filter(({ phase, batch }) => phase === 'decode' && batch === 1);
    expect(decode).toHaveLength(2);
    expect(result.ratioToGpuStyleBaseline).toBe(Math.min(...decode.map(({ ratio }) => ratio.median)));
    expect(new Set(result.simulated.map(({ kind }) => kind))).toEqual(new Set(['wafer', 'gpu']));
    expect(result.machine.bandwidth.length).toBeGreaterThan(0);
    const absent = new Set(result.absent.map(({ contender }) => contender));
    expect(absent).toEqual(new Set(['node-llama-cpp', 'wllama']));
  });

  it.each([
    ['--rounds', '0'],
    ['--backend', 'opengl'],
  ])('refuses %s %s', async (...flags) => {
    const { code, stdout } = await waferflow(['bench', ...flags]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  it('model: a line for each test, as llama-bench names them', async () => {
    const args = ['bench', 'model', 'glint', '-p', '8', '-n', '4', '-d', '0,16', '-t', '1', '-r', '2'];
    const { code, stdout } = await waferflow([...args, '--json']);
    expect(code).toBe(0);
    const { model, bytes, measured } = JSON.parse(stdout) as {
      model: string;
      bytes: number;
      measured: { name: string; samples: number[]; tokensPerSecond: number }[];
    };
    expect({ model, isWhole: bytes > 1e6 }).toEqual({ model: 'glint', isWhole: true });
    expect(measured.map(({ name }) => name)).toEqual(['pp8', 'tg4', 'pp8 @ d16', 'tg4 @ d16']);
    for (const { samples, tokensPerSecond } of measured) {
      expect(samples).toHaveLength(2);
      expect(tokensPerSecond).toBeCloseTo((samples[0]! + samples[1]!) / 2, 6);
    }
    const table = await waferflow(['bench', 'model', '-p', '8', '-n', '0', '-r', '1', '-t', '1']);
    expect(table.stdout).toMatch(/^\| model .*\n\| -+ .*\n\| glint .* \| pp8 +\| [\d.]+ ± 0\.00/);
    const none = await waferflow(['bench', 'model', 'no-such-model']);
    expect(none.code).not.toBe(0);
    const wrong = await waferflow(['bench', 'model', '-p', 'many']);
    expect(wrong.code).toBe(2);
    for (const args of [
      ['-p', '0', '-n', '0'],
      ['-t', '0'],
    ]) {
      const { code, stderr } = await waferflow(['bench', 'model', ...args]);
      expect({ code, isTrace: stderr.includes('    at ') }).toEqual({ code: 2, isTrace: false });
    }
  });
});
