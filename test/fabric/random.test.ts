/** Random traffic on random layouts: the fast core, its leaps included, against the plain one. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { row } from '#src/fabric/collectives/line.js';
import { childrenOf, type ReduceTree, reduceColors, reduceTree } from '#src/fabric/collectives/reduce.js';
import type { Port } from '#src/fabric/geometry.js';
import { Mesh } from '#src/fabric/mesh.js';
import type { Pe, Pending } from '#src/fabric/pe.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

const WIDTH = 5;
const HEIGHT = 4;

type Job = () => Generator<Pending, void, void>;

/** Streams between random PEs, east or west and then north or south, each on a color of its own. */
function traffic(seed: number): Mesh {
  const rng = new Rng(seed);
  const mesh = new Mesh(findWafer('wse-2'), { width: WIDTH, height: HEIGHT });
  const jobs = new Map<Pe, Job[]>();
  const add = (pe: Pe, job: Job): void => {
    jobs.set(pe, [...(jobs.get(pe) ?? []), job]);
  };
  for (let s = 0; s < 12; s++) {
    const color = mesh.color(`stream ${s}`);
    const from = { x: rng.below(WIDTH), y: rng.below(HEIGHT) };
    const to = { x: rng.below(WIDTH), y: rng.below(HEIGHT) };
    if (from.x === to.x && from.y === to.y) continue;
    const [ahead, behind]: [Port, Port] = to.x > from.x ? ['EAST', 'WEST'] : ['WEST', 'EAST'];
    const [down, up]: [Port, Port] = to.y > from.y ? ['SOUTH', 'NORTH'] : ['NORTH', 'SOUTH'];
    let rx: Port = 'RAMP';
    let { x, y } = from;
    for (;;) {
      const tx: Port = x !== to.x ? ahead : y !== to.y ? down : 'RAMP';
      mesh.route({ x, y }, color, { rx: [rx], tx: [tx] });
      if (tx === 'RAMP') break;
      if (tx === ahead) x += ahead === 'EAST' ? 1 : -1;
      else y += down === 'SOUTH' ? 1 : -1;
      rx = tx === ahead ? behind : up;
    }
    const [sender, receiver] = [mesh.pe(from), mesh.pe(to)];
    const count = 1 + rng.below(300);
    const sent = sender.buffer(`sent ${s}`, 'f32', count);
    const got = receiver.buffer(`got ${s}`, 'f32', count);
    const [early, late] = [rng.below(80), rng.below(200)];
    const folds = rng.below(2) === 0;
    add(sender, function* () {
      yield sender.compute({ cycles: early }, () =>
        sent.write(Array.from({ length: count }, (_, i) => s + i)),
      );
      yield sender.send(color, sent.view());
    });
    add(receiver, function* () {
      yield receiver.compute({ cycles: late });
      yield folds ? receiver.receiveFold(color, got.view(), 'add') : receiver.receive(color, got.view());
    });
  }
  for (const [pe, own] of jobs) {
    pe.main = function* () {
      // Some of a PE's jobs run beside one another, some after the others; at most eight at a time.
      const forks = own.slice(0, 6).map((job) => pe.fork('job', job));
      for (const fork of forks) yield fork;
      for (const job of own.slice(6)) yield* job();
    };
  }
  return mesh;
}

it('random streams that cross and contend: same cycles, counts and bits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
      const [plain, fast] = (['plain', 'fast'] as const).map((core) => {
        const mesh = traffic(seed);
        const outcome = ((): unknown => {
          try {
            return simulate(mesh, { core });
          } catch (error) {
            // Jobs that wait for one another in a circle: both cores must find the same deadlock.
            return (error as Error).message;
          }
        })();
        return { outcome, memory: new Uint32Array(mesh.memory).join() };
      });
      expect(fast).toEqual(plain);
    }),
    { numRuns: 60, seed: 11 },
  );
});

/** A random tree in which the children of a PE follow it with their subtrees. */
function randomTree(pes: number, rng: Rng): ReduceTree {
  const parents: number[] = [-1];
  const grow = (root: number, size: number): void => {
    for (let at = root + 1; at < root + size; ) {
      const part = 1 + rng.below(root + size - at);
      parents[at] = root;
      grow(at, part);
      at += part;
    }
  };
  grow(0, pes);
  return parents;
}

it('random reduction trees: the sum is right, used twice, on both cores alike', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 24 }),
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 0, max: 1e9 }),
      (pes, elements, seed) => {
        const tree = randomTree(pes, new Rng(seed));
        const cycles = (['plain', 'fast'] as const).map((core) => {
          const mesh = new Mesh(findWafer('wse-2'), { width: pes, height: 1 });
          const line = row(mesh, 0);
          const reduce = reduceTree(line, tree, reduceColors(line, tree, 'sum'));
          const buffers = Array.from({ length: pes }, (_, i) =>
            mesh.pe({ x: i, y: 0 }).buffer('data', 'f32', elements),
          );
          for (const [i, buffer] of buffers.entries()) {
            const pe = mesh.pe({ x: i, y: 0 });
            pe.main = function* () {
              buffer.write(Array.from({ length: elements }, (_, k) => i + k));
              yield* reduce(pe, i, buffer.view());
              if (i > 0) buffer.write(Array.from({ length: elements }, () => 1));
              yield* reduce(pe, i, buffer.view());
            };
          }
          const result = simulate(mesh, { core });
          const sum = (pes * (pes - 1)) / 2;
          const wanted = Array.from({ length: elements }, (_, k) => sum + pes * k + (pes - 1));
          expect([...buffers[0]!.read()]).toEqual(wanted);
          return { result, bits: new Uint32Array(mesh.memory).join() };
        });
        expect(cycles[1]).toEqual(cycles[0]);
        expect(childrenOf(tree).flat()).toHaveLength(pes - 1);
      },
    ),
    { numRuns: 40, seed: 3 },
  );
});
