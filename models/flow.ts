/** Which values an op reads and which it writes. */
import { type Handlers, handle, type Op, type Value } from './op.js';

const present = (...values: readonly (Value | null)[]): Value[] => values.filter((value) => value !== null);

const READS: Handlers<null, readonly Value[]> = {
  embedding: () => [],
  norm: (op) => [op.in],
  linear: (op) => [op.in],
  headLinear: (op) => [op.in],
  rope: (op) => [op.in],
  attention: (op) => present(op.q, op.k, op.v, op.positions),
  activation: (op) => present(op.in, op.by),
  add: (op) => [op.to, op.from],
  scale: (op) => [op.in],
  arrange: (op) => op.parts.map((part) => part.in),
  route: (op) => [op.in],
  expertLinear: (op) => [op.in, op.chosen],
  mix: (op) => present(op.in, op.weights),
  conv: (op) => [op.in],
  shift: (op) => [op.in],
  scan: (op) => [op.x, op.dt, op.b, op.c],
  linearAttention: (op) => present(op.q, op.k, op.v, 'id' in op.decay ? op.decay : null, op.beta),
  wkv: (op) => present(op.r, op.w, op.k, op.v, op.a, op.b),
  weighStreams: (op) => [op.in],
  writeStreams: (op) => [op.in, op.from, op.weights],
  select: (op) => present(op.q, op.k, op.weights),
  pool: (op) => [op.in],
  logits: (op) => [op.in],
};

export function readsOf(op: Op): readonly Value[] {
  return handle(READS, op, null);
}

/** By a value's number: the place in the list of the last op that reads it. */
export function lastReads(ops: readonly Op[]): number[] {
  const last: number[] = [];
  for (const [at, op] of ops.entries()) for (const { id } of readsOf(op)) last[id] = at;
  return last;
}

export function writesOf(op: Op): readonly Value[] {
  if ('outs' in op) return op.outs;
  return 'out' in op ? [op.out] : [];
}
