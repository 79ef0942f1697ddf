import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import type { NumberType } from '#src/fabric/programs/index.js';
import { findProgram, PROGRAMS } from '#src/fabric/programs/index.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer, waferNumbers } from '#src/machine/wafers.js';
import { predictMeshProgram } from '#src/timing/mesh/programs.js';

const machine = findWafer('wse-2');

function run(name: string, pes: number, elements: number, type: NumberType = 'f32') {
  const size = { machine, width: pes, height: pes, elements, type };
  const prepared = findProgram(name).prepare(size);
  prepared.load(new Rng(3));
  const result = simulate(prepared.mesh);
  return {
    ...result,
    error: prepared.maxAbsError(),
    predicted: predictMeshProgram(name, size, waferNumbers(machine)),
  };
}

describe.each(PROGRAMS.map(({ name }) => name))('%s', (name) => {
  it('computes in f16 what float64 computes, within its rounding', () => {
    const { error, hops } = run(name, 4, 16, 'f16');
    expect(error).toBeLessThan(0.02);
    expect(hops).toBeLessThan(run(name, 4, 16).hops);
  });

  it('handles sizes that do not divide', () => {
    expect(run(name, 3, 7).error).toBeLessThan(1e-5);
    expect(run(name, 5, 2).error).toBeLessThan(1e-5);
  });
});

describe('the closed forms of GEMV, GEMM, KV shift and hand-over', () => {
  it.each([
    'gemv',
    'gemv-chain',
    'gemm-summa',
    'gemm-cannon',
    'gemm-mesh',
    'gemm-t',
    'kv-shift',
    'hand-over',
  ])('%s: within 10 % of the simulation from 4 x 4 to 16 x 16', (name) => {
    for (const [pes, elements] of [
      [4, 32],
      [8, 32],
      [8, 64],
      [16, 32],
      [16, 64],
    ] as const) {
      const { cycles, predicted } = run(name, pes, elements);
      expect(
        Math.abs(predicted! / cycles - 1),
        `${pes} PEs, ${elements}: ${predicted} for ${cycles}`,
      ).toBeLessThan(0.1);
    }
  });
});

describe('the closed forms of the layers', () => {
  it.each([
    [
      'decode-layer',
      [
        [4, 64],
        [8, 64],
        [16, 64],
        [24, 96],
        [32, 32],
      ],
    ],
    [
      'prefill-layer',
      [
        [4, 32],
        [8, 16],
        [8, 32],
        [12, 24],
      ],
    ],
  ] as const)('%s: within 5 % of the simulation', (name, sizes) => {
    for (const [pes, elements] of sizes) {
      const { cycles, predicted } = run(name, pes, elements);
      expect(
        Math.abs(predicted! / cycles - 1),
        `${pes} PEs, ${elements}: ${predicted} for ${cycles}`,
      ).toBeLessThan(0.05);
    }
  });

  it('the decode layer of stories260K (hidden 64) is right to 1e-6', () => {
    expect(run('decode-layer', 8, 64).error).toBeLessThan(1e-6);
  });
});

describe('MeshGEMV and MeshGEMM pay off as P grows', () => {
  it('MeshGEMV beats the chain by a growing factor', () => {
    const factor = (pes: number): number =>
      run('gemv-chain', pes, 2 * pes).cycles / run('gemv', pes, 2 * pes).cycles;
    const factors = [8, 16, 32].map(factor);
    expect(factors[1]).toBeGreaterThan(factors[0]!);
    expect(factors[2]).toBeGreaterThan(factors[1]!);
    expect(factors[2]).toBeGreaterThan(2);
  });

  it('MeshGEMM beats SUMMA and Cannon by growing factors', () => {
    const cycles = (name: string, pes: number): number => run(name, pes, 2 * pes).cycles;
    for (const other of ['gemm-summa', 'gemm-cannon']) {
      const factors = [6, 12, 20].map((pes) => cycles(other, pes) / cycles('gemm-mesh', pes));
      expect(factors[1], other).toBeGreaterThan(factors[0]!);
      expect(factors[2], other).toBeGreaterThan(factors[1]!);
    }
  });
});
