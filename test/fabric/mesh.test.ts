import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MachineError } from '#src/core/errors.js';
import { MARK } from '#src/fabric/cores/core.js';
import { FastCore } from '#src/fabric/cores/fast.js';
import { compile } from '#src/fabric/cores/tables.js';
import { Mesh } from '#src/fabric/mesh.js';
import { simulate } from '#src/fabric/simulate.js';
import { parseWafer } from '#src/machine/custom.js';
import { findWafer } from '#src/machine/wafers.js';

const WSE2 = findWafer('wse-2');
const mesh = (width: number, height = 1): Mesh => new Mesh(WSE2, { width, height });

/** PE 0 sends `count` words straight to the last PE of a row, which takes `taken` of them. */
function oneWay(pes: number, count: number, taken = count): Mesh {
  const m = mesh(pes);
  const color = m.color('way');
  for (let x = 0; x < pes; x++) {
    m.route({ x, y: 0 }, color, { rx: [x === 0 ? 'RAMP' : 'WEST'], tx: [x === pes - 1 ? 'RAMP' : 'EAST'] });
  }
  const from = m.pe({ x: 0, y: 0 });
  const to = m.pe({ x: pes - 1, y: 0 });
  const sent = from.buffer('sent', 'f32', count);
  const got = to.buffer('got', 'f32', taken);
  from.main = function* () {
    yield from.send(color, sent.view());
  };
  to.main = function* () {
    yield to.receive(color, got.view());
  };
  return m;
}

describe('a layout is checked before it runs', () => {
  it.each([
    [0, 1],
    [1, -3],
    [1.5, 1],
    [751, 1],
    [1, 995],
  ])('a rectangle of %s x %s PEs does not fit', (width, height) => {
    expect(() => new Mesh(WSE2, { width, height })).toThrow(/1 x 1 to 750 x 994 PEs/);
  });

  it('SRAM over budget says which PE, the need and what there is', () => {
    const m = mesh(3);
    m.pe({ x: 2, y: 0 }).buffer('tile', 'f32', 20_000);
    expect(() => m.check()).toThrow(/PE \(2, 0\).*84096 B.*tile 80000 B.*49152 B/);
  });

  it('a 25th color is one too many', () => {
    const m = mesh(2);
    for (let i = 0; i < 24; i++) m.color(`c${i}`);
    expect(() => m.color('last')).toThrow(/at most 24/);
  });

  it('a color with two routes at one PE is a conflict', () => {
    const m = mesh(3);
    const color = m.color('sum');
    m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
    m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
    expect(() => m.route({ x: 1, y: 0 }, color, { rx: ['EAST'], tx: ['RAMP'] })).toThrow(
      /color "sum" at PE \(1, 0\).*EAST to RAMP, beside WEST to RAMP/,
    );
  });

  it('a route may not leave the rectangle, lead nowhere, or turn back', () => {
    const out = mesh(2);
    out.route({ x: 1, y: 0 }, out.color('a'), { rx: ['RAMP'], tx: ['EAST'] });
    expect(() => out.check()).toThrow(/EAST to \(2, 0\).*2 x 1 rectangle/);
    const nowhere = mesh(2);
    nowhere.route({ x: 0, y: 0 }, nowhere.color('a'), { rx: ['RAMP'], tx: ['EAST'] });
    expect(() => nowhere.check()).toThrow(/does not take it from WEST/);
    const back = mesh(2);
    expect(() => back.route({ x: 0, y: 0 }, back.color('a'), { rx: ['EAST'], tx: ['EAST'] })).toThrow(
      MachineError,
    );
    expect(() => back.route({ x: 5, y: 0 }, back.color('b'), { rx: ['EAST'], tx: ['RAMP'] })).toThrow(
      /\(5, 0\)/,
    );
  });

  it('five switch positions are one too many', () => {
    const m = mesh(2);
    const position = { rx: ['RAMP'], tx: ['EAST'] } as const;
    expect(() =>
      m.route(
        { x: 0, y: 0 },
        m.color('a'),
        Array.from({ length: 5 }, () => position),
      ),
    ).toThrow(/1 to 4/);
  });
});

describe.each(['fast', 'plain'] as const)('the %s core', (core) => {
  it('takes one cycle per hop and T_R on each ramp', () => {
    for (const pes of [2, 3, 9]) expect(simulate(oneWay(pes, 1), { core }).cycles).toBe(pes - 1 + 2 * 2 + 2);
  });

  it('never gets faster with distance or length', () => {
    const cycles = (pes: number, count: number): number => simulate(oneWay(pes, count), { core }).cycles;
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 12 }), (pes, count) => {
        expect(cycles(pes + 1, count)).toBe(cycles(pes, count) + 1);
        expect(cycles(pes, count + 1)).toBe(cycles(pes, count) + 1);
      }),
      { numRuns: 20 },
    );
  });

  it('ends a deadlock with the PEs, colors and queue contents', () => {
    expect(() => simulate(oneWay(4, 3, 5), { core })).toThrow(
      /deadlock.*PE \(3, 0\) from color "way", 2 of 5 words left; queues: none/,
    );
    const stuck = (): unknown => simulate(oneWay(4, 40, 2), { core });
    expect(stuck).toThrow(MachineError);
    expect(stuck).toThrow(
      /PE \(0, 0\) to color "way".*PE \(3, 0\) CE input color "way" holds 8 \[0x00000000/,
    );
  });

  it('ends at the cycle limit with what is active', () => {
    expect(() => simulate(oneWay(4, 100), { core, maxCycles: 50 })).toThrow(
      /more than 50 cycles.*active: PE \(0, 0\)/,
    );
    const endless = mesh(1);
    const pe = endless.pe({ x: 0, y: 0 });
    pe.main = function* () {
      for (;;) yield pe.compute({ cycles: 1000 });
    };
    expect(() => simulate(endless, { core, maxCycles: 5000 })).toThrow(/more than 5000 cycles/);
  });

  it('has eight microthreads and no ninth', () => {
    const m = mesh(2);
    const pe = m.pe({ x: 1, y: 0 });
    const cell = pe.buffer('cell', 'f32', 1);
    const colors = Array.from({ length: 9 }, (_, i) => m.color(`c${i}`));
    for (const color of colors) {
      m.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
      m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
    }
    pe.main = function* () {
      for (const color of colors) pe.receive(color, cell.view());
      yield pe.compute({ cycles: 1 });
    };
    expect(() => simulate(m, { core })).toThrow(/microthreads of PE \(1, 0\).*at most 8/);
  });

  it('turns switches with control wavelets, ring and all', () => {
    // PE 0 takes turns: two words from PE 1, two from PE 2, twice over, on one color.
    const m = mesh(3);
    const color = m.color('turns');
    m.route({ x: 0, y: 0 }, color, { rx: ['EAST'], tx: ['RAMP'] });
    m.route(
      { x: 1, y: 0 },
      color,
      [
        { rx: ['RAMP'], tx: ['WEST'] },
        { rx: ['EAST'], tx: ['WEST'] },
      ],
      { ring: true },
    );
    m.route({ x: 2, y: 0 }, color, { rx: ['RAMP'], tx: ['WEST'] });
    const got = m.pe({ x: 0, y: 0 }).buffer('got', 'f32', 8);
    for (const x of [1, 2]) {
      const pe = m.pe({ x, y: 0 });
      const own = pe.buffer('own', 'f32', 2);
      pe.main = function* () {
        for (let round = 0; round < 2; round++) {
          own.write([10 * x + round, 10 * x + round]);
          yield pe.send(color, own.view(), x === 1 ? MARK.depart : MARK.control);
        }
      };
    }
    const root = m.pe({ x: 0, y: 0 });
    root.main = function* () {
      yield root.receive(color, got.view());
    };
    simulate(m, { core });
    expect([...got.read()]).toEqual([10, 10, 20, 20, 11, 11, 21, 21]);
  });

  it('shares one link fairly between two colors', () => {
    const m = mesh(2);
    const colors = [m.color('a'), m.color('b')];
    const from = m.pe({ x: 0, y: 0 });
    const to = m.pe({ x: 1, y: 0 });
    const buffers = colors.map((color, i) => {
      m.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
      m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
      return [from.buffer(`out ${i}`, 'f32', 20), to.buffer(`in ${i}`, 'f32', 20)] as const;
    });
    from.main = function* () {
      const sent = colors.map((color, i) => from.send(color, buffers[i]![0].view()));
      for (const each of sent) yield each;
    };
    to.main = function* () {
      const received = colors.map((color, i) => to.receive(color, buffers[i]![1].view()));
      for (const each of received) yield each;
    };
    const { cycles, linkUtilisation } = simulate(m, { core });
    expect(cycles).toBe(40 + 6);
    expect(linkUtilisation.max).toBeCloseTo(40 / 46, 6);
  });

  it('runs tasks on wavelets, and tasks that others start', () => {
    const m = oneWay(3, 4);
    const sender = m.pe({ x: 0, y: 0 });
    const pe = m.pe({ x: 2, y: 0 });
    const cell = pe.buffer('cell', 'f32', 1);
    sender.buffers[0]!.write([1, 2, 3, 4]);
    const seen: number[] = [];
    let started = false;
    pe.main = function* () {
      yield pe.compute({ cycles: 1 });
      pe.onWavelet(m.colors[0]!, cell, function* () {
        yield pe.compute({ cycles: 2 });
        seen.push(cell.f32[0]!);
        if (seen.length === 4) {
          pe.activate('after', function* () {
            started = true;
            yield pe.compute({ cycles: 3 });
          });
        }
      });
    };
    simulate(m, { core });
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(started).toBe(true);
  });

  it('stretches local work by the cycles that folds take from it', () => {
    const m = oneWay(2, 10);
    const pe = m.pe({ x: 1, y: 0 });
    const [got] = pe.buffers;
    pe.main = function* () {
      const folded = pe.receiveFold(m.colors[0]!, got!.view(), 'add');
      yield pe.compute({ cycles: 50 });
      yield folded;
    };
    expect(simulate(m, { core }).cycles).toBe(60);
  });
});

it('counts wavelets in flight and delivered at every cycle', () => {
  const m = oneWay(6, 30);
  const core = new FastCore(compile(m), m.memory);
  const tables = compile(m);
  const at = (x: number): number => tables.nodeAt({ x, y: 0 }, m.colors[0]!);
  const op = { fold: 0, lastMark: 0 } as const;
  core.start(0, { ...op, input: -1, output: at(0), offset: 0, count: 30, store: false });
  core.start(8, { ...op, input: at(5), output: -1, offset: 30, count: 30, store: true });
  for (let cycle = 0; cycle < 60; cycle++) {
    core.step();
    const { injected, copied, delivered } = core.counters();
    expect(injected + copied).toBe(delivered + core.inFlight());
  }
  expect(core.counters().delivered).toBe(30);
});

it('takes its ramp latency from the machine', () => {
  const slow = parseWafer('{"name":"slow","rampLatencyCycles":7}', 'slow.json');
  const m = new Mesh(slow, { width: 2, height: 1 });
  const color = m.color('c');
  m.route({ x: 0, y: 0 }, color, { rx: ['RAMP'], tx: ['EAST'] });
  m.route({ x: 1, y: 0 }, color, { rx: ['WEST'], tx: ['RAMP'] });
  const [from, to] = [m.pe({ x: 0, y: 0 }), m.pe({ x: 1, y: 0 })];
  const out = from.buffer('out', 'f32', 50);
  const into = to.buffer('in', 'f32', 50);
  from.main = function* () {
    yield from.send(color, out.view());
  };
  to.main = function* () {
    yield to.receive(color, into.view());
  };
  expect(simulate(m).cycles).toBe(50 + 2 + 2 * 7);
});
