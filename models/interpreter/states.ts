/** Ops that remember in float64: convolutions, scans and linear attention. */
import { activate } from '../../kernels/activation/reference.js';
import type { OpOf, Value } from '../op.js';
import { type Run, type Vector, vector } from './run.js';

export function conv(op: OpOf<'conv'>, run: Run): void {
  const [weight, bias] = [run.weight(op.weight), run.optional(op.bias)];
  run.set(op.out, (p) =>
    vector(op.out.features, (channel) => {
      let sum = bias ? bias[channel]! : 0;
      for (let i = 0; i < op.length; i++) {
        const at = p - (op.length - 1) + i;
        if (at >= 0) sum += run.get(op.in)[at]![channel]! * weight[channel * op.length + i]!;
      }
      return activate(op.act, sum, null);
    }),
  );
}

export function shift(op: OpOf<'shift'>, run: Run): void {
  run.set(op.out, (p) => (p === 0 ? new Float64Array(op.in.features) : run.get(op.in)[p - 1]!));
}

export function scan(op: OpOf<'scan'>, run: Run): void {
  const [a, d] = [run.weight(op.a), run.optional(op.d)];
  const { headDim, stateSize } = op;
  const state = new Float64Array(op.heads * headDim * stateSize);
  const perGroup = op.heads / op.groups;
  run.set(op.out, (p) => {
    const [x, dt, b, c] = [op.x, op.dt, op.b, op.c].map((value) => run.get(value)[p]!) as [
      Vector,
      Vector,
      Vector,
      Vector,
    ];
    return vector(op.heads * headDim, (i) => {
      const head = Math.floor(i / headDim);
      const group = Math.floor(head / perGroup) * stateSize;
      const step = activate('softplus', dt[head]!, null);
      let y = d ? d[d.length === op.heads ? head : i]! * x[i]! : 0;
      for (let n = 0; n < stateSize; n++) {
        const decay = Math.exp(step * a[a.length === op.heads ? head : head * stateSize + n]!);
        const at = i * stateSize + n;
        state[at] = decay * state[at]! + step * x[i]! * b[group + n]!;
        y += state[at]! * c[group + n]!;
      }
      return y;
    });
  });
}

export function linearAttention(op: OpOf<'linearAttention'>, run: Run): void {
  const { heads, keyHeads, keyDim, valueDim } = op;
  const state = new Float64Array(heads * keyDim * valueDim);
  run.set(op.out, (p) => {
    const [q, k, v] = [op.q, op.k, op.v].map((value) => run.get(value)[p]!) as [Vector, Vector, Vector];
    const decay = 'id' in op.decay ? run.get(op.decay)[p]! : op.decay;
    const beta = op.beta ? run.get(op.beta)[p]! : null;
    const y = new Float64Array(heads * valueDim);
    for (let head = 0; head < heads; head++) {
      const key = Math.floor((head * keyHeads) / heads) * keyDim;
      const at = (i: number, j: number): number => (head * keyDim + i) * valueDim + j;
      for (let i = 0; i < keyDim; i++) {
        const kept = Math.exp(decay[decay.length === heads ? head : head * keyDim + i]!);
        for (let j = 0; j < valueDim; j++) state[at(i, j)]! *= kept;
      }
      for (let j = 0; j < valueDim; j++) {
        let change = v[head * valueDim + j]!;
        if (op.isDelta) for (let i = 0; i < keyDim; i++) change -= state[at(i, j)]! * k[key + i]!;
        for (let i = 0; i < keyDim; i++) {
          state[at(i, j)]! += k[key + i]! * change * (beta ? beta[head]! : 1);
          y[head * valueDim + j]! += op.scale * state[at(i, j)]! * q[key + i]!;
        }
      }
    }
    return y;
  });
}

export function wkv(op: OpOf<'wkv'>, run: Run): void {
  const size = op.out.features / op.heads;
  const bonus = run.optional(op.bonus);
  const state = new Float64Array(op.heads * size * size);
  run.set(op.out, (p) => {
    const at = (value: Value | null): Vector =>
      value ? run.get(value)[p]! : new Float64Array(op.out.features);
    const [r, w, k, v, a, b] = [op.r, op.w, op.k, op.v, op.a, op.b].map(at) as [
      Vector,
      Vector,
      Vector,
      Vector,
      Vector,
      Vector,
    ];
    const y = new Float64Array(op.out.features);
    for (let first = 0; first < y.length; first += size) {
      // state[row i of v][column j of k]
      for (let i = 0; i < size; i++) {
        const row = state.subarray((first + i) * size, (first + i + 1) * size);
        let mixed = 0;
        for (let j = 0; j < size; j++) mixed += row[j]! * a[first + j]!;
        for (let j = 0; j < size; j++) {
          const pair = k[first + j]! * v[first + i]!;
          if (op.version === 6) y[first + i]! += r[first + j]! * (row[j]! + bonus![first + j]! * pair);
          row[j] = row[j]! * w[first + j]! + mixed * b[first + j]! + pair;
          if (op.version === 7) y[first + i]! += r[first + j]! * row[j]!;
        }
      }
    }
    return y;
  });
}
