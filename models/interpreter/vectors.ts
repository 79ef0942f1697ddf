/** Vectors in float64: rows of tables, norms, products, element functions, sums and copies. */
import { type ActivationSettings, activate } from '../../kernels/activation/reference.js';
import { layernorm } from '../../kernels/layernorm/reference.js';
import { matvec } from '../../kernels/matvec/reference.js';
import type { OpOf } from '../op.js';
import { type Run, type Vector, vector } from './run.js';

export function embedding(op: OpOf<'embedding'>, run: Run): void {
  const table = run.weight(op.weight);
  const n = op.out.features;
  run.set(op.out, (p) => {
    const row =
      typeof op.index === 'number'
        ? op.index
        : { token: run.ids[p]!, position: p, adapter: run.adapter }[op.index];
    return table.slice(row * n, (row + 1) * n).map((x) => x * op.scale);
  });
}

export function norm(op: OpOf<'norm'>, run: Run): void {
  const [weight, bias] = [run.optional(op.weight), run.optional(op.bias)];
  const of = (all: Vector | null, at: number) =>
    all?.subarray(all.length > op.per ? at : 0).subarray(0, op.per) ?? null;
  run.set(op.out, (p) => {
    const x = run.get(op.in)[p]!;
    const y = new Float64Array(x.length);
    for (let at = 0; at < x.length; at += op.per) {
      y.set(normed(op, x.subarray(at, at + op.per), of(weight, at), of(bias, at)), at);
    }
    return y;
  });
}

export function linear(op: OpOf<'linear'>, run: Run): void {
  for (const [i, out] of op.outs.entries()) {
    const w = run.weight(op.weights[i]!);
    const bias = run.optional(op.biases[i]);
    run.set(out, (p) => matvec(w, run.get(op.in)[p]!).values.map((y, row) => y + (bias ? bias[row]! : 0)));
  }
}

export function headLinear(op: OpOf<'headLinear'>, run: Run): void {
  const w = run.weight(op.weight);
  const [, rows, columns] = op.weight.shape as [number, number, number];
  run.set(op.out, (p) => {
    const x = run.get(op.in)[p]!;
    const y = new Float64Array(op.out.features);
    for (let head = 0; head < op.heads; head++) {
      const own = w.subarray(head * rows * columns, (head + 1) * rows * columns);
      y.set(matvec(own, x.subarray(head * columns, (head + 1) * columns)).values, head * rows);
    }
    return y;
  });
}

export function activation(op: OpOf<'activation'>, run: Run): void {
  const n = op.out.features;
  run.set(op.out, (p) => {
    const x = run.get(op.in)[p]!;
    const by = op.by ? run.get(op.by)[p]! : null;
    const at = (all: Vector, i: number): number => all[Math.floor((i * all.length) / n)]!;
    return vector(
      n,
      (i) => activate(op.act.name, at(x, i), by ? at(by, i) : null, settingsOf(op)) * op.times,
    );
  });
}

export function add(op: OpOf<'add'>, run: Run): void {
  run.set(op.out, (p) => run.get(op.to)[p]!.map((x, i) => x + op.times * run.get(op.from)[p]![i]!));
}

export function scale(op: OpOf<'scale'>, run: Run): void {
  const [weight, bias] = [run.optional(op.weight), run.optional(op.bias)];
  run.set(op.out, (p) =>
    run
      .get(op.in)
      [p]!.map((x, i) => x * (weight ? weight[weight.length === 1 ? 0 : i]! : 1) + (bias ? bias[i]! : 0)),
  );
}

export function arrange(op: OpOf<'arrange'>, run: Run): void {
  run.set(op.out, (p) => {
    const y: number[] = [];
    for (let group = 0; group < op.groups; group++) {
      for (const { in: x, groups, first, count } of op.parts) {
        const from = (groups === op.groups ? group : 0) * (x.features / groups) + first;
        y.push(...run.get(x)[p]!.subarray(from, from + count));
      }
    }
    return Float64Array.from(y);
  });
}

export function pool(op: OpOf<'pool'>, run: Run): void {
  const x = run.get(op.in);
  run.set(op.out, () => {
    if (op.how !== 'mean') return x.at(op.how === 'first' ? 0 : -1)!;
    return vector(op.in.features, (i) => x.reduce((sum, row) => sum + row[i]!, 0) / x.length);
  });
}

function normed(op: OpOf<'norm'>, x: Vector, weight: Vector | null, bias: Vector | null): Vector {
  if (op.how === 'layer') return layernorm(x, weight, bias, op.eps).values;
  const squares = x.reduce((sum, value) => sum + value * value, 0);
  const root =
    op.how === 'l2' ? Math.max(Math.sqrt(squares), op.eps) : Math.sqrt(squares / x.length + op.eps);
  return x.map((value, i) => (value / root) * (weight ? weight[i]! : 1) + (bias ? bias[i]! : 0));
}

/** The numbers of an element function. */
function settingsOf({ act }: OpOf<'activation'>): ActivationSettings {
  const { name: _, ...settings } = act;
  return settings;
}
