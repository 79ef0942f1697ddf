/**
 * The closed forms against the cycle-level fabric: at most 5 % apart on rectangles from 4 x 4 to 32 x 32. Two
 * independent programs by construction: timing and fabric may not import each other.
 */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { findProgram, type NumberType } from '#src/fabric/programs/index.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer, waferNumbers } from '#src/machine/wafers.js';
import { predictMeshProgram } from '#src/timing/mesh/programs.js';

const machine = findWafer('wse-2');
const numbers = waferNumbers(machine);

function expectClose(name: string, pes: number, elements: number, type: NumberType): void {
  const size = { machine, width: pes, height: pes, elements, type };
  const prepared = findProgram(name).prepare(size);
  prepared.load(new Rng(3));
  const { cycles } = simulate(prepared.mesh);
  const predicted = predictMeshProgram(name, size, numbers) ?? prepared.modelCycles!;
  const where = `${name} on ${pes} x ${pes}, ${elements} ${type}: predicted ${predicted}, simulated ${cycles}`;
  expect(Math.abs(predicted / cycles - 1), where).toBeLessThanOrEqual(0.0501);
}

describe('closed forms are within 5 % of the fabric', () => {
  const collectives = [
    'broadcast',
    'reduce-star',
    'reduce-chain',
    'reduce-tree',
    'reduce-two-phase',
    'allreduce-ring',
    'allreduce-chain',
    'allreduce-ktree',
    'kv-shift',
    'hand-over',
  ];
  it.each(collectives)('%s', (name) => {
    for (const pes of [4, 8, 16, 32]) {
      for (const elements of pes < 32 ? [1, 4, 16, 64] : [1, 32]) {
        for (const type of ['f32', 'f16'] as const) expectClose(name, pes, elements, type);
      }
    }
  });

  it('decode-layer', () => {
    for (const pes of [4, 8, 16, 24, 32]) {
      for (const elements of [2 * pes, 4 * pes]) {
        for (const type of ['f32', 'f16'] as const) expectClose('decode-layer', pes, elements, type);
      }
    }
  });

  it('prefill-layer', () => {
    for (const [pes, elements] of [
      [4, 8],
      [8, 16],
      [8, 32],
      [16, 32],
    ] as const) {
      expectClose('prefill-layer', pes, elements, 'f32');
      expectClose('prefill-layer', pes, elements, 'f16');
    }
  });

  it.each(['gemv', 'gemv-chain'])('%s', (name) => {
    for (const pes of [4, 8, 16, 24, 32]) {
      for (const elements of [2 * pes, 4 * pes, 8 * pes]) {
        for (const type of ['f32', 'f16'] as const) expectClose(name, pes, elements, type);
      }
    }
  });

  it.each(['gemm-summa', 'gemm-cannon', 'gemm-mesh', 'gemm-t'])('%s', (name) => {
    for (const [pes, elements] of [
      [4, 16],
      [4, 32],
      [8, 16],
      [8, 32],
      [8, 64],
      [16, 32],
      [16, 64],
      [24, 48],
      [32, 64],
    ] as const) {
      expectClose(name, pes, elements, 'f32');
      if (pes <= 16) expectClose(name, pes, elements, 'f16');
    }
  });
});
