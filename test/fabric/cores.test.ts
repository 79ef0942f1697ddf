import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import type { HopObserver } from '#src/fabric/core.js';
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
  options: SimulateOptions = {},
) {
  const program = PROGRAMS.find((each) => each.name === name)!;
  const prepared = program.prepare({ machine: findWafer('wse-2'), width, height, elements, type: 'f32' });
  prepared.load(new Rng(7));
  const hops: string[] = [];
  const observer: HopObserver = {
    hop: (cycle, link, color, word, id) => hops.push(`${cycle} ${link} ${color} ${word} ${id}`),
  };
  const result = simulate(prepared.mesh, { ...options, observer });
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
