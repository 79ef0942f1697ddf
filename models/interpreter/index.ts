/**
 * What a model computes, in float64: the ops in order over all positions of a sequence at once, by the references that the
 * kernels are judged against. The independent truth for every other reader; docs/token.md walks through it. Nothing here is
 * fast.
 */
import { embeddingParts } from '../embedding.js';
import { type Handlers, handle, type Op, type PoolOp } from '../op.js';
import { attention, rope } from './attention.js';
import { expertLinear, mix, route } from './experts.js';
import { Run, type Tensors } from './run.js';
import { conv, linearAttention, scan, shift, wkv } from './states.js';
import { weighStreams, writeStreams } from './streams.js';
import { activation, add, arrange, embedding, headLinear, linear, norm, pool, scale } from './vectors.js';

/**
 * The logits after each of `ids`. `context`: positions that the engine is laid out for, which some rotations ask; `adapter`:
 * the choice of adapters, 0 for none.
 */
export function interpret(
  ops: readonly Op[],
  tensors: Tensors,
  ids: readonly number[],
  context = ids.length,
  adapter = 0,
): Float64Array[] {
  const run = new Run(tensors, ids, context, adapter);
  for (const op of ops) handle(KINDS, op, run);
  return run.logits;
}

/** What a model makes of `ids` as one vector, its rows pooled by `how`. */
export function interpretEmbedding(
  ops: readonly Op[],
  tensors: Tensors,
  ids: readonly number[],
  how: PoolOp['how'],
): Float64Array {
  const { body, rows, tail, pooled, out } = embeddingParts(ops);
  const run = new Run(tensors, ids, ids.length, 0);
  for (const op of [...body, { kind: 'pool', in: rows, how, out: pooled } as const, ...tail])
    handle(KINDS, op, run);
  return run.get(out)[0]!;
}

const KINDS: Handlers<Run> = {
  embedding,
  norm,
  linear,
  headLinear,
  rope,
  attention,
  activation,
  add,
  scale,
  arrange,
  route,
  expertLinear,
  mix,
  conv,
  shift,
  scan,
  linearAttention,
  wkv,
  weighStreams,
  writeStreams,
  select: notYet,
  pool,
  logits(op, run) {
    run.logits = run.get(op.in);
  },
};

function notYet({ kind }: Op): never {
  throw new Error(`no reference of ${kind} yet`);
}
