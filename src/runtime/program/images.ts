/**
 * The programs of a model: what answers, what makes the rows of an embedding, and what a pooled vector goes through. Each is
 * an image in the first shard, which sends the workers to images in others.
 */
import { CTL_LOGIT_ROWS, CTL_ROWS } from '../../../kernels/program/instructions.js';
import { embeddingParts } from '../../../models/embedding.js';
import { readsOf, writesOf } from '../../../models/flow.js';
import type { Value } from '../../../models/op.js';
import type { PlacedOp, Plan } from '../../placement/plan.js';
import { Image, type PutWords } from './image.js';
import type { Layouts } from './layout.js';
import { compileOp } from './ops/index.js';

/** Rows of f32 in the engine's memory, as a program finds or leaves them. */
export interface PlacedRows {
  readonly shard: number;
  readonly address: number;
  readonly stride: number;
  readonly features: number;
}

/** What turns inputs into vectors. */
export interface EmbeddingProgram {
  readonly image: number;
  readonly rows: PlacedRows;
  /** From a pooled vector to the result; null where it is the result. */
  readonly tail: { readonly image: number; readonly in: PlacedRows; readonly out: PlacedRows } | null;
}

export interface Images {
  /** Null for a model without logits. */
  readonly answers: { readonly image: number; readonly logits: PlacedRows } | null;
  readonly embeddings: EmbeddingProgram;
}

/** Compiles all of them; images and tables go through `puts`, one for each shard. */
export function compileImages(plan: Plan, layouts: Layouts, puts: readonly PutWords[]): Images {
  const { ops } = plan;
  const [first] = layouts.all;
  const { body, rows, tail, pooled, out } = embeddingParts(ops);
  // The rows go where nothing else does, since an answer's norm may leave them to the product behind it alone.
  const own = body.map(
    (op): PlacedOp => ('out' in op && op.out.id === rows.id ? { ...op, out: first!.rows } : op),
  );
  const placed = (id: number, features: number, at: number): PlacedRows => ({
    ...first!.buffers[first!.bufferOf[id]!]!,
    shard: layouts.of[at]!,
    features,
  });
  const program = (some: readonly PlacedOp[], from: number): number =>
    compileProgram(plan, layouts, puts, some, from);
  const behind = ops.length - tail.length;
  const head = ops.findIndex(({ kind }) => kind === 'logits');
  const logits = ops[head];
  return {
    answers:
      logits?.kind === 'logits'
        ? { image: program(ops, 0), logits: placed(logits.in.id, first!.vocabSize, head) }
        : null,
    embeddings: {
      image: program(own, 0),
      rows: placed(first!.rows.id, rows.features, body.length - 1),
      tail:
        tail.length === 0
          ? null
          : {
              image: program(tail, behind),
              in: placed(pooled.id, pooled.features, behind),
              out: placed(out.id, out.features, ops.length - 1),
            },
    },
  };
}

/** The image in the first shard of `ops`, which begin at place `from` of the plan's. */
function compileProgram(
  plan: Plan,
  { all, of }: Layouts,
  puts: readonly PutWords[],
  ops: readonly PlacedOp[],
  from: number,
): number {
  const main = new Image(plan, all[0]!, puts[0]!);
  /** By a value's number: the shards that have it. */
  const places = new Map<number, Set<number>>();
  for (let at = 0, end = 0; at < ops.length; at = end) {
    const shard = of[from + at]!;
    while (end < ops.length && of[from + end] === shard) end++;
    const run = ops.slice(at, end);
    const copies = copiesFor(run, shard, places, all[0]!);
    if (shard === 0) {
      if (copies.length > 0) {
        main.visit(0, 0, [copies.length, ...copies.flat()]);
        main.meet();
      }
      for (const op of run) compileOp(op, main);
    } else {
      const image = new Image(plan, all[shard]!, puts[shard]!);
      image.meet();
      for (const op of run) compileOp(op, image);
      main.visit(shard, puts[shard]!(image.end()), [copies.length, ...copies.flat()]);
    }
  }
  return puts[0]!(main.end());
}

/** What `run` reads in a shard and other ops have written elsewhere; afterwards it is in both. */
function copiesFor(
  run: readonly PlacedOp[],
  shard: number,
  places: Map<number, Set<number>>,
  { buffers, bufferOf }: Layouts['all'][number],
): number[][] {
  const copies: number[][] = [];
  const copy = ({ id, rows }: Value): void => {
    const known = places.get(id);
    // What no op of the program has written, the leader puts where it is read.
    if (known === undefined || known.has(shard)) return;
    const [source] = known;
    const { address, stride } = buffers[bufferOf[id]!]!;
    copies.push([source!, address, stride, rows === 'all' ? CTL_ROWS : CTL_LOGIT_ROWS]);
    known.add(shard);
  };
  for (const op of run) {
    for (const value of readsOf(op)) copy(value);
    for (const { id } of writesOf(op)) places.set(id, new Set([shard]));
  }
  return copies;
}
