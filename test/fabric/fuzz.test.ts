/**
 * Programs that nobody would write: random routes, switches, views, types, folds, waits and turns. Each runs, or ends in an
 * error that names its place; both cores agree on which, to the last word in memory; none hangs.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WaferflowError } from '#src/core/errors.js';
import { Rng } from '#src/core/rng.js';
import { PORTS } from '#src/fabric/geometry.js';
import { Mesh, type Route } from '#src/fabric/mesh.js';
import type { Color, ElementType, FoldName, Pe, Pending } from '#src/fabric/pe.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

const TYPES: readonly ElementType[] = ['f32', 'f16', 'i32', 'u32', 'i16', 'u16', 'bytes'];
const FOLDS = ['add', 'sub', 'mul', 'max', 'min', 'or', 'and', 'xor', 'power'] as FoldName[];
const CYCLES = [0, 1, 3, 17, 40, 2.5, -1, Number.NaN];

/** Mostly small and sound, so that many programs get under way. */
function program(seed: number): Mesh {
  const rng = new Rng(seed);
  const of = <T>(items: readonly T[]): T => items[rng.below(items.length)]!;
  const seldom = (): boolean => rng.below(25) === 0;
  const [width, height] = [1 + rng.below(4), 1 + rng.below(3)];
  const mesh = new Mesh(findWafer('wse-2'), { width, height });
  const point = () => ({ x: rng.below(width) + (rng.below(150) === 0 ? 1 : 0), y: rng.below(height) });
  const colors = Array.from({ length: 1 + rng.below(4) }, (_, i) => mesh.color(`c${i}`));

  // Ways that hold together, and now and then a route or a position thrown in.
  const ways: { readonly color: Color; readonly pes: Pe[] }[] = [];
  for (const color of colors) {
    const way = walk(rng, width, height);
    for (const [i, { at, rx, tx }] of way.entries()) {
      const routes: Route[] = [
        { rx: [rx], tx: i > 0 && rng.below(3) === 0 && tx !== 'RAMP' ? [tx, 'RAMP'] : [tx] },
      ];
      if (rng.below(8) === 0) routes.push({ rx: [of(PORTS)], tx: [of(PORTS)] });
      mesh.route(at, color, routes, { ring: rng.below(2) === 0 });
    }
    ways.push({ color, pes: way.map(({ at }) => mesh.pe(at)) });
  }
  if (rng.below(6) === 0) mesh.route(point(), of(colors), { rx: [of(PORTS)], tx: [of(PORTS)] });

  for (const { color, pes } of ways) {
    const count = 1 + rng.below(60);
    for (const pe of pes) {
      const buffer = pe.buffer(`b ${color.name} ${pe.buffers.length}`, seldom() ? of(TYPES) : 'f32', count);
      const ask = seldom() ? rng.below(80) : count;
      const how = pe === pes[0] ? 0 : 1 + rng.below(seldom() ? 4 : 2);
      const [before, wait, turns] = [of(CYCLES), !seldom(), seldom()];
      const [fold, other] = [seldom() ? of(FOLDS) : 'add', of(colors)] as const;
      const earlier = pe.main;
      pe.main = function* (): Generator<Pending, void, void> {
        if (earlier !== null) {
          if (wait) yield* earlier();
          else pe.fork('earlier', earlier);
        }
        yield pe.compute({ cycles: Math.abs(before) === before || seldom() ? before : 1 });
        if (turns) pe.turn(other);
        const view = buffer.view(0, ask);
        const ops = [
          () => pe.send(color, view),
          () => pe.receive(color, view),
          () => pe.receiveFold(color, view, fold),
          () => pe.relayFold(color, view, other, fold),
        ];
        yield ops[Math.min(how, 3)]!();
      };
    }
  }
  return mesh;
}

/** A way over neighbours from a ramp to a ramp that visits no PE twice. */
function walk(rng: Rng, width: number, height: number) {
  const steps = [
    { out: 'EAST', into: 'WEST', dx: 1, dy: 0 },
    { out: 'WEST', into: 'EAST', dx: -1, dy: 0 },
    { out: 'SOUTH', into: 'NORTH', dx: 0, dy: 1 },
    { out: 'NORTH', into: 'SOUTH', dx: 0, dy: -1 },
  ] as const;
  const way: { at: { x: number; y: number }; rx: (typeof PORTS)[number]; tx: (typeof PORTS)[number] }[] = [];
  const seen = new Set<string>();
  let at = { x: rng.below(width), y: rng.below(height) };
  let rx: (typeof PORTS)[number] = 'RAMP';
  for (;;) {
    seen.add(`${at.x},${at.y}`);
    const open = steps.filter(({ dx, dy }) => {
      const [x, y] = [at.x + dx, at.y + dy];
      return x >= 0 && y >= 0 && x < width && y < height && !seen.has(`${x},${y}`);
    });
    const step = open[rng.below(open.length + (way.length > 0 ? 1 : 0))];
    if (step === undefined) break;
    way.push({ at, rx, tx: step.out });
    at = { x: at.x + step.dx, y: at.y + step.dy };
    rx = step.into;
  }
  if (way.length > 0) way.push({ at, rx, tx: 'RAMP' });
  return way;
}

it('run or end in an error that says where, on both cores alike', () => {
  const outcomes = { ran: 0, refused: 0 };
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
      const [plain, fast] = (['plain', 'fast'] as const).map((core) => {
        let mesh: Mesh | null = null;
        try {
          mesh = program(seed);
          const result = simulate(mesh, { core, maxCycles: 4000 });
          return { result, memory: new Uint32Array(mesh.memory).join() };
        } catch (error) {
          if (!(error instanceof WaferflowError)) throw error;
          return { error: error.message };
        }
      });
      expect(fast).toEqual(plain);
      if (fast!.error === undefined) outcomes.ran++;
      else {
        outcomes.refused++;
        expect(fast!.error).toMatch(/PE|color|fold|buffer|rectangle|cycles/);
      }
    }),
    { numRuns: 1000, seed: 17 },
  );
  // Neither kind is rare: a generator of errors alone would show little.
  expect(Math.min(outcomes.ran, outcomes.refused)).toBeGreaterThan(100);
});
