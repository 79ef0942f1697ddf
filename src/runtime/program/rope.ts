/** Fills the tables of angles that a model's rotations take. */
import type { RopeTable, WeightRef } from '../../../models/op.js';
import { refKey } from '../../../models/weights.js';
import { instantiateKernels, type KernelExports, reservedBytes } from './kernels.js';
import type { Layout } from './shard.js';

/** Every table of the layout; the weights are loaded already. */
export function fillRopeTables(kernels: KernelExports, memory: WebAssembly.Memory, layout: Layout): void {
  for (const { table, address } of layout.ropes.values()) {
    const place = { memory, address, factors: layout.ropeFactors, context: layout.context };
    const { dims } = table;
    fillRopeTable(
      kernels,
      place,
      table,
      (ref) => new Float32Array(memory.buffer, layout.vectors.get(refKey(ref))!.address, dims / 2),
    );
  }
}

/** Room for the angles of `context` positions, and for one divisor a pair. */
interface RopePlace {
  readonly memory: WebAssembly.Memory;
  readonly address: number;
  readonly factors: number;
  readonly context: number;
}

function fillRopeTable(
  kernels: KernelExports,
  { memory, address, factors: at, context }: RopePlace,
  { dims, theta, magnitude, divisor, yarn, factors, llama3 }: RopeTable,
  read: (ref: WeightRef) => Float32Array,
): void {
  const divisors = new Float32Array(memory.buffer, at, dims / 2);
  divisors.fill(1);
  if (yarn) {
    const { factor, originalContext, betaFast, betaSlow } = yarn;
    kernels.ropeYarnFactors(at, dims, theta, factor, originalContext, betaFast, betaSlow);
  }
  if (llama3) {
    const { factor, lowFreqFactor, highFreqFactor, originalContext } = llama3;
    kernels.ropeLlama3Factors(at, dims, theta, factor, lowFreqFactor, highFreqFactor, originalContext);
  }
  if (divisor !== 1) divisors.set(divisors.map((value) => value * divisor));
  if (factors) {
    const stored = read(factors.long && context > factors.beyond ? factors.long : factors.short);
    divisors.set(divisors.map((value, i) => stored[i]! * value));
  }
  kernels.ropeTable(address, context, dims, theta, at, magnitude);
}

const PAGE_BYTES = 65536;

/** The angles of a rotation at a position with the bits of the kernels, for who computes without an engine. */
export function kernelAngles(
  kernels: WebAssembly.Module,
  context: number,
  read: (ref: WeightRef) => Float32Array,
): (table: RopeTable, position: number) => Float32Array {
  const tables = new Map<RopeTable, Float32Array>();
  return (table, position) => {
    const { dims } = table;
    let angles = tables.get(table);
    if (angles === undefined) {
      const bytes = reservedBytes + dims * 2 + context * dims * 4;
      const pages = Math.ceil(bytes / PAGE_BYTES) + 1;
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
      const place = { memory, address: reservedBytes + dims * 2, factors: reservedBytes, context };
      fillRopeTable(instantiateKernels(kernels, memory), place, table, read);
      angles = new Float32Array(memory.buffer, place.address, context * dims).slice();
      tables.set(table, angles);
    }
    return angles.slice(position * dims, (position + 1) * dims);
  };
}
