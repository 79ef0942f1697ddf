/** Every fold of every element type over the fabric, against the same in JavaScript, on both cores. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { halfToFloat } from '#src/fabric/local/f16.js';
import { type FoldName, foldOf } from '#src/fabric/local/folds.js';
import { Mesh } from '#src/fabric/mesh.js';
import type { Buffer, ElementType } from '#src/fabric/pe.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

const WRAP: Partial<Record<ElementType, (value: number) => number>> = {
  f32: Math.fround,
  i32: (value) => Number(BigInt.asIntN(32, BigInt(value))),
  u32: (value) => Number(BigInt.asUintN(32, BigInt(value))),
  i16: (value) => (value << 16) >> 16,
  u16: (value) => value & 0xffff,
};

const FOLDS: Record<FoldName, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  xor: (a, b) => a ^ b,
};

const TYPES = ['f32', 'f16', 'i32', 'u32', 'i16', 'u16'] as const;
const COUNT = 40;

function numbers(type: ElementType, rng: Rng): number[] {
  const ranges: Partial<Record<ElementType, readonly [number, number]>> = {
    i32: [-(2 ** 20), 2 ** 21],
    u32: [0, 2 ** 21],
    i16: [-(2 ** 15), 2 ** 16],
    u16: [0, 2 ** 16],
  };
  const range = ranges[type];
  return Array.from({ length: COUNT }, () =>
    range === undefined
      ? Math.round((rng.next() - 0.5) * 64) / 16
      : range[0] + Math.floor(rng.next() * range[1]),
  );
}

const read = (buffer: Buffer): number[] =>
  buffer.type === 'i32' ? [...buffer.i32] : buffer.type === 'u32' ? [...buffer.u32] : [...buffer.read()];

function folded(
  type: ElementType,
  fold: FoldName,
  held: readonly number[],
  sent: readonly number[],
  core: 'fast' | 'plain',
) {
  const mesh = new Mesh(findWafer('wse-2'), { width: 2, height: 1 });
  const color = mesh.color('c');
  mesh.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
  mesh.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
  const [from, to] = [mesh.pe({ x: 0, y: 0 }), mesh.pe({ x: 1, y: 0 })];
  const [out, sum] = [from.buffer('out', type, COUNT), to.buffer('sum', type, COUNT)];
  from.main = function* () {
    yield from.send(color, out.view());
  };
  to.main = function* () {
    yield to.receiveFold(color, sum.view(), fold);
  };
  out.write(sent);
  sum.write(held);
  simulate(mesh, { core });
  return read(sum);
}

describe.each(TYPES)('%s', (type) => {
  it.each(Object.keys(foldOf(type)) as FoldName[])('%s', (fold) => {
    const rng = new Rng(5);
    const [held, sent] = [numbers(type, rng), numbers(type, rng)];
    const [fast, plain] = (['fast', 'plain'] as const).map((core) => folded(type, fold, held, sent, core));
    expect(fast).toEqual(plain);
    if (/^f/.test(type) && fold === 'or') return;
    // Sixteenths below 4 are exact in half precision, and so are their sums; products are rounded as they are stored.
    const wanted = held.map((value, i) => (WRAP[type] ?? Number)(FOLDS[fold](value, sent[i]!)));
    if (type === 'f16')
      for (const [i, value] of fast!.entries())
        expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(Math.abs(wanted[i]!) / 1024);
    else expect(fast).toEqual(wanted);
  });

  it('refuses numbers that it does not hold', () => {
    const pe = new Mesh(findWafer('wse-2'), { width: 1, height: 1 }).pe({ x: 0, y: 0 });
    const buffer = pe.buffer('b', type, 2);
    if (/^f/.test(type)) {
      buffer.write([0.5, -1]);
      expect([...buffer.read()]).toEqual(
        [0.5, -1].map((value) => (type === 'f16' ? halfToFloat(value === 0.5 ? 0x3800 : 0xbc00) : value)),
      );
      return;
    }
    for (const wrong of [0.5, Number.NaN, 2 ** 40, -(2 ** 40)]) {
      expect(() => buffer.write([wrong])).toThrow(/buffer "b" of PE \(0, 0\).*a whole number from/);
    }
  });
});

it('a buffer is looked at as its own type alone', () => {
  const pe = new Mesh(findWafer('wse-2'), { width: 1, height: 1 }).pe({ x: 0, y: 0 });
  const [halves, bytes] = [pe.buffer('halves', 'f16', 4), pe.buffer('bytes', 'bytes', 8)];
  expect(() => halves.f32).toThrow(/"halves".*a look at it as f32, expected its own type, f16/);
  expect(() => bytes.read()).toThrow(/"bytes"/);
  expect(() => bytes.write([1])).toThrow(/"bytes"/);
});
