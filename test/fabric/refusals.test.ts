/** What a mesh program of anybody's may get wrong, each an error with its place and never a wrong number. */
import { describe, expect, it } from 'vitest';
import { Mesh } from '#src/fabric/mesh.js';
import type { FoldName } from '#src/fabric/pe.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

const mesh = (width: number, height = 1): Mesh => new Mesh(findWafer('wse-2'), { width, height });

describe('views and writes stay in their buffer', () => {
  const pe = mesh(2).pe({ x: 1, y: 0 });
  const words = pe.buffer('words', 'f32', 8);
  const halves = pe.buffer('halves', 'f16', 7);
  it.each([
    [0, 9],
    [-1, 4],
    [4, 5],
    [0.5, 2],
    [0, Number.NaN],
    [2 ** 40, 1],
  ])('view(%s, %s) of 8 elements is refused', (first, count) => {
    expect(() => words.view(first, count)).toThrow(/buffer "words" of PE \(1, 0\).*a part of its 8 elements/);
  });

  it('a view of halves falls on whole words, and may end with the buffer', () => {
    expect(() => halves.view(1, 3)).toThrow(/whole words: 2 elements of f16/);
    expect(() => halves.view(0, 3)).toThrow(/whole words/);
    expect(halves.view(2, 5).words).toBe(3);
  });

  it('a write past the end is refused, and nothing is stored', () => {
    expect(() => words.write([1, 2, 3], 6)).toThrow(/a write of 3 elements from 6/);
    expect(() => words.write([1], -1)).toThrow(/a write of 1 elements from -1/);
    expect([...words.read()]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('a type that the machine has not is refused', () => {
    expect(() => pe.buffer('odd', 'i33' as 'f32', 4)).toThrow(
      /"odd".*"i33".*f32, f16, i32, u32, i16, u16, bytes/,
    );
    expect(() => pe.buffer('odd', 'toString' as 'f32', 4)).toThrow(/one of f32/);
  });
});

describe.each(['fast', 'plain'] as const)('the %s core', (core) => {
  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('refuses local work of %s cycles', (cycles) => {
    const m = mesh(1);
    const pe = m.pe({ x: 0, y: 0 });
    pe.main = function* () {
      yield pe.compute({ cycles }, undefined, 'odd work');
    };
    expect(() => simulate(m, { core })).toThrow(/"odd work" of PE \(0, 0\).*cycles, expected 0 to/);
  });

  it('refuses a fold that it does not know', () => {
    const m = mesh(2);
    const color = m.color('c');
    m.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
    m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
    const pe = m.pe({ x: 1, y: 0 });
    const sum = pe.buffer('sum', 'f32', 4);
    pe.main = function* () {
      yield pe.receiveFold(color, sum.view(), 'power' as FoldName);
    };
    expect(() => simulate(m, { core })).toThrow(/"sum".*"power".*one of add, sub, mul, max/);
  });

  it('refuses two operations that take from one color at once, with both places', () => {
    const m = mesh(2);
    const color = m.color('shared');
    m.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
    m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
    const pe = m.pe({ x: 1, y: 0 });
    const [a, b] = [pe.buffer('a', 'f32', 4), pe.buffer('b', 'f32', 4)];
    pe.main = function* () {
      const first = pe.receive(color, a.view());
      yield pe.compute({ cycles: 7 });
      yield pe.receive(color, b.view());
      yield first;
    };
    expect(() => simulate(m, { core })).toThrow(
      /color "shared" at PE \(1, 0\), cycle 7: .* into "b", while the one of cycle 0, into "a"/,
    );
  });

  it('a deadlock names the circle of waits', () => {
    const m = mesh(3);
    const colors = [m.color('east'), m.color('west')];
    for (const [i, color] of colors.entries()) {
      const [from, to, out, into] =
        i === 0 ? ([0, 2, 'EAST', 'WEST'] as const) : ([2, 0, 'WEST', 'EAST'] as const);
      m.route({ x: from, y: 0 }, color, { rx: ['RAMP'], tx: [out] });
      m.route({ x: 1, y: 0 }, color, { rx: [into], tx: [out] });
      m.route({ x: to, y: 0 }, color, { rx: [into], tx: ['RAMP'] });
    }
    for (const [x, takes, gives] of [
      [0, 1, 0],
      [2, 0, 1],
    ] as const) {
      const pe = m.pe({ x, y: 0 });
      const cell = pe.buffer('cell', 'f32', 2);
      pe.main = function* () {
        yield pe.receive(colors[takes]!, cell.view());
        yield pe.send(colors[gives]!, cell.view());
      };
    }
    expect(() => simulate(m, { core })).toThrow(
      /circle of waits: PE \(0, 0\) waits to receive "west", for PE \(2, 0\) waits to receive "east", for PE \(0, 0\)/,
    );
  });

  it('a way that is not a circle is not called one', () => {
    const m = mesh(2);
    const color = m.color('c');
    m.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
    m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
    const [from, to] = [m.pe({ x: 0, y: 0 }), m.pe({ x: 1, y: 0 })];
    const [sent, got] = [from.buffer('sent', 'f32', 2), to.buffer('got', 'f32', 3)];
    from.main = function* () {
      yield from.send(color, sent.view());
    };
    to.main = function* () {
      yield to.receive(color, got.view());
    };
    expect(() => simulate(m, { core })).toThrow(/deadlock: nothing moves; waiting: PE \(1, 0\)/);
  });
});

it('a circle of routes is found before the run, an open one and one with a switch are not', () => {
  const circle = (open: 'no' | 'ends' | 'switched'): Mesh => {
    const m = mesh(2, 2);
    const color = m.color('round');
    const turns = { rx: ['SOUTH'], tx: ['EAST'] } as const;
    m.route(
      { x: 0, y: 0 },
      color,
      open === 'no'
        ? { rx: ['SOUTH', 'RAMP'], tx: ['EAST'] }
        : open === 'ends'
          ? { rx: ['RAMP'], tx: ['EAST'] }
          : [{ rx: ['RAMP'], tx: ['EAST'] }, turns],
    );
    m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['SOUTH'] });
    m.route({ x: 1, y: 1 }, color, { rx: ['NORTH'], tx: ['WEST'] });
    m.route({ x: 0, y: 1 }, color, { rx: ['EAST'], tx: open === 'ends' ? ['RAMP'] : ['NORTH'] });
    return m;
  };
  expect(() => circle('no').check()).toThrow(
    /color "round".*a circle: \(0, 0\) to \(1, 0\) to \(1, 1\) to \(0, 1\) to \(0, 0\)/,
  );
  circle('ends').check();
  circle('switched').check();
});
