/** Mixtures of experts in float64: the choice, the products of the chosen, their sum. */
import { expertLinear as products } from '../../kernels/expert-linear/reference.js';
import { mix as sum } from '../../kernels/mix/reference.js';
import { route as choose } from '../../kernels/route/reference.js';
import type { OpOf } from '../op.js';
import type { Run } from './run.js';

export function route(op: OpOf<'route'>, run: Run): void {
  const bias = run.optional(op.bias);
  run.set(op.out, (p) => Float64Array.from(choose(run.get(op.in)[p]!, bias, op)));
}

export function expertLinear(op: OpOf<'expertLinear'>, run: Run): void {
  for (const [i, out] of op.outs.entries()) {
    const w = run.weight(op.weights[i]!);
    const bias = run.optional(op.biases[i]);
    const shape = { rows: out.features / op.top, columns: op.weights[i]!.shape[2]! };
    run.set(out, (p) => {
      const chosen = run.get(op.chosen)[p]!;
      const weights = op.isWeighedBefore ? chosen.subarray(op.top) : null;
      return products(w, run.get(op.in)[p]!, [...chosen.subarray(0, op.top)], shape, { weights, bias })
        .values;
    });
  }
}

export function mix(op: OpOf<'mix'>, run: Run): void {
  run.set(op.out, (p) => {
    const weights = op.weights ? run.get(op.weights)[p]!.subarray(op.first) : null;
    return sum(run.get(op.in)[p]!, weights, op.top).values;
  });
}
