/** Mixtures of experts in float64: the choice, the products of the chosen, their sum. */
import { activate } from '../../kernels/activation/reference.js';
import { matvec } from '../../kernels/matvec/reference.js';
import type { OpOf } from '../op.js';
import { type Run, type Vector, vector } from './run.js';

export function route(op: OpOf<'route'>, run: Run): void {
  const bias = run.optional(op.bias);
  run.set(op.out, (p) => routed(op, run.get(op.in)[p]!, bias));
}

export function expertLinear(op: OpOf<'expertLinear'>, run: Run): void {
  for (const [i, out] of op.outs.entries()) {
    const w = run.weight(op.weights[i]!);
    const bias = run.optional(op.biases[i]);
    const rows = out.features / op.top;
    const columns = op.weights[i]!.shape[2]!;
    run.set(out, (p) => {
      const x = run.get(op.in)[p]!;
      const chosen = run.get(op.chosen)[p]!;
      const y = new Float64Array(out.features);
      for (let n = 0; n < op.top; n++) {
        const expert = chosen[n]!;
        const input = op.isInputPerExpert ? x.subarray(n * columns, (n + 1) * columns) : x;
        const weighed = op.isWeighedBefore ? input.map((value) => value * chosen[op.top + n]!) : input;
        const product = matvec(
          w.subarray(expert * rows * columns, (expert + 1) * rows * columns),
          weighed,
        ).values;
        y.set(
          product.map((value, row) => value + (bias ? bias[expert * rows + row]! : 0)),
          n * rows,
        );
      }
      return y;
    });
  }
}

export function mix(op: OpOf<'mix'>, run: Run): void {
  const n = op.out.features;
  run.set(op.out, (p) => {
    const [x, chosen] = [run.get(op.in)[p]!, run.get(op.chosen)[p]!];
    return vector(n, (i) => {
      let sum = 0;
      for (let e = 0; e < op.top; e++) sum += x[e * n + i]! * (op.isWeighed ? chosen[op.top + e]! : 1);
      return sum;
    });
  });
}

/** [the chosen experts, best first, their weights]. */
function routed(op: OpOf<'route'>, logits: Vector, bias: Vector | null): Vector {
  const { experts, top } = op;
  const softmax = (x: Vector): Vector => {
    const most = x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = x.map((value) => Math.exp(value - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((value) => value / sum);
  };
  const scores = {
    softmax: () => softmax(logits),
    sigmoid: () => logits.map((x) => activate('sigmoid', x, null)),
    softmaxOfChosen: () => logits,
    sqrtSoftplus: () => logits.map((x) => Math.sqrt(activate('softplus', x, null))),
  }[op.scoring]();
  const ranks = (op.chooseBy === 'logits' ? logits : scores).map((score, i) => score + (bias ? bias[i]! : 0));
  const best = (of: ArrayLike<number>, count: number): number[] =>
    Array.from(of, (_, i) => i)
      .sort((a, b) => of[b]! - of[a]! || a - b)
      .slice(0, count);
  if (op.groups) {
    const { count, used } = op.groups;
    const size = experts / count;
    const strength = vector(count, (group) => {
      const own = ranks.subarray(group * size, (group + 1) * size);
      return best(own, 2).reduce((sum, i) => sum + own[i]!, 0);
    });
    const kept = new Set(best(strength, used));
    for (let i = 0; i < experts; i++)
      if (!kept.has(Math.floor(i / size))) ranks[i] = Number.NEGATIVE_INFINITY;
  }
  const chosen = best(ranks, top);
  let weights = Float64Array.from(chosen, (i) => scores[i]!);
  if (op.scoring === 'softmaxOfChosen') weights = softmax(weights) as typeof weights;
  if (op.isNormalised) {
    // As the models do, never divided by nothing: the smallest normal half.
    const sum = Math.max(
      weights.reduce((a, b) => a + b, 0),
      2 ** -14,
    );
    weights = weights.map((weight) => weight / sum);
  }
  return Float64Array.from([...chosen, ...weights.map((weight) => weight * op.times)]);
}
