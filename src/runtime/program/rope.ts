/** Fills the tables of angles that a model's rotations take. */
import type { RopeTable } from '../../../models/op.js';
import { refKey } from '../../../models/weights.js';
import type { KernelExports } from './kernels.js';
import type { Layout } from './shard.js';

/** Every table of the layout; the weights are loaded already. */
export function fillRopeTables(kernels: KernelExports, memory: WebAssembly.Memory, layout: Layout): void {
  for (const { table, address } of layout.ropes.values()) {
    fillFactors(table, kernels, memory, layout);
    const { dims, theta, magnitude } = table;
    kernels.ropeTable(address, layout.context, dims, theta, layout.ropeFactors, magnitude);
  }
}

/** The divisors of the frequencies, one per pair. */
function fillFactors(
  { dims, theta, divisor, yarn, factors, llama3 }: RopeTable,
  kernels: KernelExports,
  memory: WebAssembly.Memory,
  layout: Layout,
): void {
  const at = layout.ropeFactors;
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
  if (!factors) return;
  const ref = factors.long && layout.context > factors.beyond ? factors.long : factors.short;
  const stored = new Float32Array(memory.buffer, layout.vectors.get(refKey(ref))!.address, dims / 2);
  divisors.set(divisors.map((value, i) => stored[i]! * value));
}
