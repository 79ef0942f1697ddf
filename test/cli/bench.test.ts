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
});
