import { describe, expect, it, vi } from 'vitest';
import { Rng } from '#src/core/rng.js';
import type { HopObserver } from '#src/fabric/cores/core.js';
import { FastCore } from '#src/fabric/cores/fast.js';
import { PROGRAMS } from '#src/fabric/programs/index.js';
import type { SimulateOptions } from '#src/fabric/simulate.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

/** A run, every wavelet's way over every link in it, and the bits that end up in SRAM. */
function runProgram(
  name: string,
  width: number,
  height: number,
  elements: number,
  options: SimulateOptions & { type?: 'f32' | 'f16'; observed?: boolean } = {},
) {
  const program = PROGRAMS.find((each) => each.name === name)!;
  const prepared = program.prepare({
    machine: findWafer('wse-2'),
    width,
    height,
    elements,
    type: options.type ?? 'f32',
  });
  prepared.load(new Rng(7));
  const hops: string[] = [];
  const observer: HopObserver = {
    hop: (...hop) => hops.push(hop.join(' ')),
    put: (...put) => hops.push(`put ${put.join(' ')}`),
    take: (...take) => hops.push(`take ${take.join(' ')}`),
  };
  const result = simulate(prepared.mesh, options.observed === false ? options : { ...options, observer });
  return {
    result,
    hops: hops.sort((a, b) => (a < b ? -1 : 1)),
    memory: new Uint32Array(prepared.mesh.memory).join(),
    error: prepared.maxAbsError(),
  };
}

function shuffler(seed: number): (visits: Int32Array) => void {
  const rng = new Rng(seed);
  return (visits) => {
    for (let i = visits.length - 1; i > 0; i--) {
      const j = rng.below(i + 1);
      [visits[i], visits[j]] = [visits[j]!, visits[i]!];
    }
  };
}

type Size = [width: number, height: number, elements: number];

const SIZES: Size[] = [
  [2, 1, 3],
  [5, 1, 4],
  [6, 6, 12],
];

describe.each(PROGRAMS.map((program) => program.name))('%s', (name) => {
  const square = /^gem|layer|kv|hand/.test(name);
  const sizes: Size[] = square ? [[4, 4, 16]] : SIZES;

  it.each(sizes)(
    'on %i x %i PEs: the fast core does what the plain one does, wavelet by wavelet',
    (w, h, elements) => {
      const plain = runProgram(name, w, h, elements, { core: 'plain' });
      const fast = runProgram(name, w, h, elements);
      expect(fast.result).toEqual(plain.result);
      expect(fast.memory).toBe(plain.memory);
      expect(fast.hops).toEqual(plain.hops);
    },
  );

  it.each(sizes)('on %i x %i PEs: the order of visits does not matter', (w, h, elements) => {
    const straight = runProgram(name, w, h, elements);
    for (const core of ['fast', 'plain'] as const) {
      const shuffled = runProgram(name, w, h, elements, { core, reorder: shuffler(99) });
      expect(shuffled.result).toEqual(straight.result);
      expect(shuffled.memory).toBe(straight.memory);
      expect(shuffled.hops).toEqual(straight.hops);
    }
  });

  it.each(sizes)('on %i x %i PEs: right numbers, and every wavelet is delivered', (w, h, elements) => {
    const { result, error } = runProgram(name, w, h, elements);
    expect(error).toBeLessThan(1e-4);
    expect(result.wavelets + result.copied).toBe(result.delivered);
    expect(result.cycles).toBeGreaterThan(0);
    expect(result.linkUtilisation.max).toBeLessThanOrEqual(1);
    expect(result.peUtilisation.max).toBeLessThanOrEqual(1);
  });
});

describe('leaps over cycles that repeat', () => {
  const streaming = PROGRAMS.map((program) => program.name).filter((name) => !/^gem|layer/.test(name));

  it.each(streaming)('%s leaves the plain core’s cycles, counts and bits', (name) => {
    for (const [w, h, elements, type] of [
      [7, 1, 301, 'f32'],
      [4, 3, 260, 'f16'],
      [2, 6, 97, 'f32'],
    ] as const) {
      const plain = runProgram(name, w, h, elements, { core: 'plain', type, observed: false });
      const fast = runProgram(name, w, h, elements, { type, observed: false });
      expect(fast.result, `${w} x ${h}`).toEqual(plain.result);
      expect(fast.memory).toBe(plain.memory);
    }
  });

  it('happen: a long stream takes a few steps, not one per word', () => {
    const stepped = vi.spyOn(FastCore.prototype, 'step');
    try {
      const { result } = runProgram('broadcast', 16, 1, 8000, { observed: false });
      expect(result.cycles).toBe(8000 + 16 + 4);
      expect(stepped.mock.calls.length).toBeLessThan(200);
    } finally {
      stepped.mockRestore();
    }
  });

  it('stop short of local work that ends, and of the cycle limit', () => {
    const cycles = (core: 'fast' | 'plain') =>
      runProgram('kv-shift', 3, 5, 120, { core, observed: false }).result;
    expect(cycles('fast')).toEqual(cycles('plain'));
    expect(() => runProgram('broadcast', 4, 1, 4000, { observed: false, maxCycles: 2000 })).toThrow(
      /more than 2000 cycles.*\d+ of 4000 words left/,
    );
  });
});
