/** What the runtime does with every kind of op: a new kind's place. `null`: there is no kernel yet. */
import type { OpKind } from '../../../../models/op.js';
import { ModelError } from '../../../core/errors.js';
import type { PlacedOp } from '../../../placement/plan.js';
import type { Image } from '../image.js';
import { attention } from './attention.js';
import { expertLinear, headLinear, mix, route } from './experts.js';
import type { RuntimeKind } from './kind.js';
import { embedding, linear } from './products.js';
import { conv, linearAttention, scan, shift, wkv } from './states.js';
import { weighStreams, writeStreams } from './streams.js';
import { activation, add, arrange, logits, norm, pool, rope, scale } from './vectors.js';

const KINDS: { readonly [K in OpKind]: RuntimeKind<K> | null } = {
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
  select: null,
  pool,
  logits,
};

/** @throws ModelError with the names of the kinds that have no kernel */
export function requireKernels(name: string, ops: readonly PlacedOp[]): void {
  const missing = [...new Set(ops.map(({ kind }) => kind))].filter((kind) => KINDS[kind] === null);
  const unfit = ops.some((op) => op.kind === 'attention' && op.positions !== null);
  if (unfit) missing.push('attention');
  if (missing.length === 0) return;
  throw new ModelError({
    what: `${name}: what its architecture computes`,
    given: missing.join(', '),
    expected: 'kinds of op that have a kernel here',
    todo: 'Plan it with `waferflow plan`; running it is not possible yet.',
  });
}

const kindOf = (op: PlacedOp): RuntimeKind<never> => KINDS[op.kind] as unknown as RuntimeKind<never>;

/** Writes the instructions of an op. */
export function compileOp(op: PlacedOp, image: Image): void {
  kindOf(op).compile(op as never, image);
}

/** The most that any op needs beside the values. `rows`: most rows of a step. */
export function scratchOf(ops: readonly PlacedOp[], rows: number): number {
  return Math.max(...ops.map((op) => kindOf(op).scratch?.(op as never, rows) ?? 0));
}

/** Numbers of each state of a sequence, by the state's number. */
export function stateWordsOf(ops: readonly PlacedOp[]): number[] {
  const words: number[] = [];
  for (const op of ops) if ('state' in op) words[op.state] = kindOf(op).stateWords!(op as never);
  return words;
}
