/** RoPE and attention in float64. */
import { alibiSlopes } from '../alibi.js';
import type { OpOf, RopeTable } from '../op.js';
import { type Run, type Vector, vector } from './run.js';

export function rope(op: OpOf<'rope'>, run: Run): void {
  const size = op.in.features / op.heads;
  const frequencies = frequenciesOf(op.table, run);
  const half = op.table.dims / 2;
  run.set(op.out, (p) => {
    const y = run.get(op.in)[p]!.slice();
    for (let head = op.first; head < y.length; head += size) {
      for (let i = 0; i < half; i++) {
        const [a, b] = op.order === 'pairs' ? [head + 2 * i, head + 2 * i + 1] : [head + i, head + half + i];
        const [cos, sin] = [Math.cos(p * frequencies[i]!), Math.sin(p * frequencies[i]!)];
        const [x0, x1] = [y[a]! * op.table.magnitude, y[b]! * op.table.magnitude];
        y[a] = x0 * cos - x1 * sin;
        y[b] = x0 * sin + x1 * cos;
      }
    }
    return y;
  });
}

export function attention(op: OpOf<'attention'>, run: Run): void {
  if (op.k) run.caches.set(op.cache, { k: run.get(op.k), v: run.get(op.v ?? op.k) });
  const { k, v } = run.caches.get(op.cache)!;
  const sinks = run.optional(op.sinks);
  const slopes = op.alibi ? alibiSlopes(op.heads, op.alibi) : null;
  const group = op.heads / op.kvHeads;
  const vWidth = op.v ? op.valueDim : op.headDim;
  run.set(op.out, (p) => {
    const q = run.get(op.q)[p]!;
    const y = new Float64Array(op.heads * op.valueDim);
    const seen = k.map((_, other) => other).filter((other) => sees(op, p, other, run));
    for (let head = 0; head < op.heads; head++) {
      const kv = Math.floor(head / group);
      const scores = seen.map((other) => {
        let score = 0;
        for (let d = 0; d < op.headDim; d++)
          score += q[head * op.headDim + d]! * k[other]![kv * op.headDim + d]!;
        score *= op.scale * growth(op, p);
        if (op.softcap) score = op.softcap * Math.tanh(score / op.softcap);
        return slopes ? score - slopes[head]! * Math.abs(p - other) : score;
      });
      const top = Math.max(...scores, ...(sinks ? [sinks[head]!] : []));
      const weights = scores.map((score) => Math.exp(score - top));
      const sum = weights.reduce((a, b) => a + b, sinks ? Math.exp(sinks[head]! - top) : 0);
      for (const [i, other] of seen.entries()) {
        for (let d = 0; d < op.valueDim; d++)
          y[head * op.valueDim + d]! += (weights[i]! / sum) * v[other]![kv * vWidth + d]!;
      }
    }
    return y;
  });
}

/** Angle per position of every pair. */
function frequenciesOf(table: RopeTable, run: Run): Vector {
  const { dims, theta, divisor, yarn, factors, llama3 } = table;
  const ref = factors && (factors.long && run.context > factors.beyond ? factors.long : factors.short);
  const stored = run.optional(ref);
  const pair = (turns: number): number =>
    (dims * Math.log(yarn!.originalContext / (2 * Math.PI * turns))) / (2 * Math.log(theta));
  return vector(dims / 2, (i) => {
    let frequency = theta ** ((-2 * i) / dims) / divisor / (stored ? stored[i]! : 1);
    if (yarn) {
      const low = Math.max(0, Math.floor(pair(yarn.betaFast)));
      const high = Math.min(dims - 1, Math.ceil(pair(yarn.betaSlow)));
      const share = Math.min(1, Math.max(0, (i - low) / Math.max(high - low, 0.001)));
      frequency *= share / yarn.factor + 1 - share;
    }
    if (llama3) {
      const turns = (llama3.originalContext * theta ** ((-2 * i) / dims)) / (2 * Math.PI);
      const kept = (turns - llama3.lowFreqFactor) / (llama3.highFreqFactor - llama3.lowFreqFactor);
      const share = Math.min(1, Math.max(0, kept));
      frequency *= (1 - share) / llama3.factor + share;
    }
    return frequency;
  });
}

function growth({ temperature }: OpOf<'attention'>, position: number): number {
  if (!temperature) return 1;
  const { length, scale, offset } = temperature;
  return 1 + scale * Math.log(Math.floor((position + offset) / length) + 1);
}

/** Whether a position attends to another one. */
function sees(op: OpOf<'attention'>, position: number, other: number, run: Run): boolean {
  if (op.causal && other > position) return false;
  if (op.positions && !run.get(op.positions)[position]!.includes(other)) return false;
  switch (op.window?.kind) {
    case 'sliding':
      return position - other < op.window.size;
    case 'chunked':
      return Math.floor(position / op.window.size) === Math.floor(other / op.window.size);
    case 'symmetric':
      return Math.abs(position - other) <= op.window.size / 2;
    default:
      return true;
  }
}
