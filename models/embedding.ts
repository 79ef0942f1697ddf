/** A model as what turns an input into one vector: what computes the rows, how they are pooled, and what follows. */
import { readsOf, writesOf } from './flow.js';
import type { Model } from './model.js';
import type { Op, Value } from './op.js';

export interface EmbeddingParts<O> {
  /** What computes the rows. */
  readonly body: readonly O[];
  /** The rows after the last norm, of the positions that are wanted. */
  readonly rows: Value;
  /** What turns the pooled vector into the result; empty where it is the result. */
  readonly tail: readonly O[];
  readonly pooled: Value;
  readonly out: Value;
}

/** Whether a model's answers are tokens; of others the pooled rows are all there is. */
export function writesText({ ops, isCausal }: Pick<Model, 'ops' | 'isCausal'>): boolean {
  return isCausal && ops.some(({ kind }) => kind === 'logits');
}

/** Where a model is cut: at its `pool`, or in front of the product that makes logits. */
export function embeddingParts<O extends Op>(ops: readonly O[]): EmbeddingParts<O> {
  const at = ops.findIndex(({ kind }) => kind === 'pool');
  const pool = ops[at];
  if (pool?.kind === 'pool') {
    const tail = ops.slice(at + 1);
    const out = tail.length === 0 ? pool.out : writesOf(tail.at(-1)!)[0]!;
    return { body: ops.slice(0, at), rows: pool.in, tail, pooled: pool.out, out };
  }
  const writer = (value: Value): O => ops.find((op) => writesOf(op).some(({ id }) => id === value.id))!;
  let op = ops.find(({ kind }) => kind === 'logits')!;
  while (op.kind !== 'linear') op = writer(readsOf(op)[0]!);
  const rows = op.in;
  return { body: ops.slice(0, ops.indexOf(writer(rows)) + 1), rows, tail: [], pooled: rows, out: rows };
}
