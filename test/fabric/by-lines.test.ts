/** Cycles without numbers, line by line, are those of the whole rectangle. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { DECODE_LAYER } from '#src/fabric/programs/decode.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';
import { waferflow } from '../cli/cli.js';

describe('decode-layer', () => {
  it.each([
    [4, 4, 64, 'f32', undefined, undefined],
    [5, 7, 33, 'f16', undefined, undefined],
    [12, 9, 100, 'f16', 200, 50],
    [1, 6, 8, 'f32', undefined, undefined],
    [7, 1, 20, 'f16', undefined, undefined],
    [24, 24, 130, 'f16', 500, 200],
    [40, 31, 170, 'f16', 600, 300],
    [48, 48, 96, 'f32', 300, 20],
  ] as const)('on %i x %i PEs, %i elements in %s', (width, height, elements, type, ffn, context) => {
    const size = { machine: findWafer('wse-2'), width, height, elements, type, ffn, context };
    const prepared = DECODE_LAYER.prepare(size);
    prepared.load(new Rng(1));
    const { cycles } = simulate(prepared.mesh);
    const counted = DECODE_LAYER.cycles!(size);
    expect(counted.cycles).toBe(cycles);
    expect(counted.simulated).toBeLessThanOrEqual(counted.lines);
  });
});

it('the command counts them, and refuses programs that cannot', async () => {
  const args = ['--pes', '9x6', '--elements', '64', '--ffn', '96', '--type', 'f16', '--json'];
  const [counted, whole, refused] = await Promise.all([
    waferflow(['fabric', 'decode-layer', ...args, '--cycles-only']),
    waferflow(['fabric', 'decode-layer', ...args]),
    waferflow(['fabric', 'gemm-mesh', '--cycles-only']),
  ]);
  const cyclesOf = ({ stdout }: { stdout: string }) => {
    const { cycles, predictedCycles } = JSON.parse(stdout) as Record<string, number>;
    return { cycles, predictedCycles };
  };
  expect(cyclesOf(counted)).toEqual(cyclesOf(whole));
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('decode-layer') as string]);
});
