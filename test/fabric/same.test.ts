/**
 * What every program does, held to what it did before the cores were made faster: cycles, every move of every wavelet
 * as a sum of hashes, and the bits in SRAM. `UPDATE_SAME=1 npx vitest run test/fabric/same.test.ts` writes it anew,
 * which is right only when the machine's model itself has changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import type { HopObserver } from '#src/fabric/cores/core.js';
import { PORT_COUNT, type Point } from '#src/fabric/geometry.js';
import { PROGRAMS } from '#src/fabric/programs/index.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

interface Seen {
  readonly cycles: number;
  readonly wavelets: number;
  readonly hops: number;
  readonly energyPj: number;
  readonly moves: string;
  readonly bits: string;
}

const FILE = new URL('./same.json', import.meta.url);
const KNOWN = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Seen>;
const UPDATE = process.env.UPDATE_SAME === '1';

/** FNV-1a over words, so that a change of any one changes the sum of many. */
function hashOf(words: readonly number[] | Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ (word | 0), 0x01000193) ^ (hash >>> 15);
  return hash >>> 0;
}

/** A run; the sum of the hashes of its moves does not depend on the order within a cycle. */
function see(name: string, size: Size, core: 'fast' | 'plain', observed: boolean): Seen {
  const [width, height, elements, type] = size;
  const machine = findWafer('wse-2');
  const prepared = PROGRAMS.find((each) => each.name === name)!.prepare({
    machine,
    width,
    height,
    elements,
    type,
  });
  prepared.load(new Rng(7));
  let moves = 0n;
  let routers: readonly Point[] = [];
  const keep = (...facts: number[]): void => {
    moves += BigInt(hashOf(facts));
  };
  const observer: HopObserver = {
    hop(cycle, link, ...facts) {
      const { x, y } = routers[Math.floor(link / PORT_COUNT)]!;
      keep(0, cycle, x, y, link % PORT_COUNT, ...facts);
    },
    put: (...facts) => keep(1, ...facts),
    take: (...facts) => keep(2, ...facts),
  };
  const result = simulate(prepared.mesh, {
    core,
    ...(observed && { observer }),
    onTables(tables) {
      ({ routers } = tables);
    },
  });
  return {
    cycles: result.cycles,
    wavelets: result.wavelets,
    hops: result.hops,
    energyPj: Math.round(result.energyPj),
    moves: moves.toString(16),
    bits: hashOf(new Uint32Array(prepared.mesh.memory)).toString(16),
  };
}

type Size = readonly [width: number, height: number, elements: number, type: 'f32' | 'f16'];

const SQUARE: readonly Size[] = [
  [5, 5, 17, 'f32'],
  [6, 6, 24, 'f16'],
];
const FREE: readonly Size[] = [
  [9, 1, 40, 'f32'],
  [7, 5, 33, 'f16'],
  [3, 8, 130, 'f32'],
];
const sizesOf = (name: string): readonly Size[] =>
  name === 'prefill-layer'
    ? [
        [4, 4, 8, 'f32'],
        [5, 5, 11, 'f16'],
      ]
    : /^gemm/.test(name)
      ? SQUARE
      : FREE;

describe.each(PROGRAMS.map(({ name }) => name).filter((name) => UPDATE || `${name} 0` in KNOWN))(
  '%s',
  (name) => {
    it('does what it did, step by step, in leaps and on the plain core', () => {
      for (const [i, size] of sizesOf(name).entries()) {
        const key = `${name} ${i}`;
        const stepped = see(name, size, 'fast', true);
        if (UPDATE) KNOWN[key] = stepped;
        const known = KNOWN[key]!;
        expect(stepped, key).toEqual(known);
        expect(see(name, size, 'plain', true), `${key}, plain`).toEqual(known);
        expect(see(name, size, 'fast', false), `${key}, in leaps`).toEqual({ ...known, moves: '0' });
      }
      if (UPDATE) writeFileSync(FILE, `${JSON.stringify(KNOWN, null, 2)}\n`);
    });
  },
);

it('covers every program', () => {
  expect(new Set(Object.keys(KNOWN).map((key) => key.replace(/ \d$/, '')))).toEqual(
    new Set(PROGRAMS.map(({ name }) => name)),
  );
});
