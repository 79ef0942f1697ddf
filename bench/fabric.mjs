// Mesh programs on the cycle-level wafer, one thread: `node bench/fabric.mjs` after `npm run build`. The speed in hops per
// second over larger meshes, and what idle PEs cost, is `bench/fabric-speed.mjs`.
import { Rng } from '#src/core/rng.js';
import { findProgram } from '#src/fabric/programs/index.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';
import { printBench } from './table.js';

const machine = findWafer('desk');

function program(name, width, height, elements) {
  const prepare = () => {
    const prepared = findProgram(name).prepare({ machine, width, height, elements, type: 'f32' });
    prepared.load(new Rng(1));
    return prepared.mesh;
  };
  const { hops } = simulate(prepare(), {});
  return {
    name: `${name} on ${width} x ${height}, ${elements} elements, ${hops} hops`,
    work: hops,
    unit: 'hops',
    run: () => simulate(prepare(), {}),
  };
}

await printBench('mesh programs, layout included', [
  program('broadcast', 16, 1, 512),
  program('reduce-chain', 16, 1, 512),
  program('reduce-tree', 16, 1, 512),
  program('allreduce-ring', 16, 1, 512),
  program('gemv', 8, 8, 64),
  program('gemm-summa', 4, 4, 16),
]);
