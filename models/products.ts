/** The products of a layer's ops with stored matrices, as those count them who cost them. */
import { expertRowsOf, rowsOf } from './graph.js';
import type { Op, OpKind, OpOf, Value, WeightRef } from './op.js';

export type ProductOp = OpOf<'linear' | 'headLinear' | 'expertLinear'>;

/** W [rows, columns] times a token; `stored` copies exist (experts), each token uses `active` of them. */
export interface Product {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly stored: number;
  readonly active: number;
  readonly part: 'attention' | 'mlp' | 'experts' | 'head';
  /** Weights that are stacked in it: 3 for q, k and v, 2 for gate and up. */
  readonly stacked: number;
}

/** What products are called, by the names of their tensors; others go by these names themselves. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/\.attn_(q|k|v|qkv)\./, 'qkv'],
  [/\.attn_output\./, 'o'],
  [/\.attn_(q_a|kv_a_mqa)\./, 'latentDown'],
  [/\.attn_q_b\./, 'qUp'],
  [/\.attn_[kv]_b\./, 'kvUp'],
  [/\.indexer/, 'indexer'],
  [/\.ffn_gate_inp\./, 'router'],
  [/\.ffn_(gate|up|gate_up)(_\w+)?\./, 'gateUp'],
  [/\.ffn_down(_\w+)?\./, 'down'],
  [/^(output|token_embd)\./, 'lmHead'],
];

const PARTS: readonly (readonly [RegExp, Product['part']])[] = [
  [/_(ch)?exps\./, 'experts'],
  [/\.ffn_/, 'mlp'],
  [/^(output|token_embd)\./, 'head'],
];

const found = <T>(table: readonly (readonly [RegExp, T])[], name: string): T | undefined =>
  table.find(([pattern]) => pattern.test(name))?.[1];

export function isProduct(op: Op): op is ProductOp {
  return op.kind === 'linear' || op.kind === 'headLinear' || op.kind === 'expertLinear';
}

export function weightsOf(op: ProductOp): readonly WeightRef[] {
  return op.kind === 'headLinear' ? [op.weight] : op.weights;
}

export function partOf(op: ProductOp): Product['part'] {
  return found(PARTS, weightsOf(op)[0]!.name) ?? 'attention';
}

/** The product of an op. */
export function productOf(op: ProductOp): Product {
  const [{ name, shape }] = weightsOf(op) as [WeightRef];
  const shared = {
    name: found(NAMES, name) ?? name.replace(/^blk\.\d+\.|\.weight$/g, ''),
    columns: shape.at(-1)!,
    part: partOf(op),
  };
  const sum = (rows: (weight: WeightRef) => number): number =>
    weightsOf(op).reduce((all, weight) => all + rows(weight), 0);
  switch (op.kind) {
    case 'linear':
      // Stored in more dimensions than two in some files.
      return {
        ...shared,
        columns: op.in.features,
        rows: sum((weight) =>
          weight.rows ? rowsOf(weight) : weight.shape.reduce((a, b) => a * b, 1) / op.in.features,
        ),
        stored: 1,
        active: 1,
        stacked: op.weights.length,
      };
    case 'headLinear':
      return { ...shared, rows: op.out.features, stored: 1, active: 1, stacked: 1 };
    case 'expertLinear':
      return {
        ...shared,
        rows: sum(expertRowsOf),
        stored: shape[0]!,
        active: op.top,
        stacked: op.weights.length,
      };
  }
}

/** What an op reads. */
const READS: { readonly [K in OpKind]: (op: OpOf<K>) => readonly (Value | null)[] } = {
  embedding: () => [],
  norm: (op) => [op.in],
  linear: (op) => [op.in],
  headLinear: (op) => [op.in],
  rope: (op) => [op.in],
  attention: ({ q, k, v, positions }) => [q, k, v, positions],
  activation: (op) => [op.in, op.by],
  add: ({ to, from }) => [to, from],
  scale: (op) => [op.in],
  arrange: ({ parts }) => parts.map((part) => part.in),
  route: (op) => [op.in],
  expertLinear: (op) => [op.in, op.chosen],
  mix: (op) => [op.in, op.weights],
  conv: (op) => [op.in],
  shift: (op) => [op.in],
  scan: ({ x, dt, b, c }) => [x, dt, b, c],
  linearAttention: ({ q, k, v, decay, beta }) => [q, k, v, 'id' in decay ? decay : null, beta],
  wkv: ({ r, w, k, v, a, b }) => [r, w, k, v, a, b],
  weighStreams: (op) => [op.in],
  writeStreams: (op) => [op.in, op.from, op.weights],
  select: ({ q, k, weights }) => [q, k, weights],
  pool: (op) => [op.in],
  logits: (op) => [op.in],
};

/** Which ops read each value, by its number. */
export function readersOf(ops: readonly Op[]): ReadonlyMap<number, readonly Op[]> {
  const readers = new Map<number, Op[]>();
  for (const op of ops) {
    for (const value of (READS[op.kind] as (op: Op) => readonly (Value | null)[])(op)) {
      if (value) readers.set(value.id, [...(readers.get(value.id) ?? []), op]);
    }
  }
  return readers;
}

/** Ops that hand a vector on, whole as it is. */
const isPassedOn = (op: Op): op is OpOf<'rope' | 'arrange'> => op.kind === 'rope' || op.kind === 'arrange';

/**
 * Whether machines that share a layer each need all of what a product makes, so that none can make a share of it: a choice
 * among experts or positions, a latent row that all heads attend to, a narrow row that is only multiplied again.
 */
export function isReplicated(op: ProductOp, readers: ReadonlyMap<number, readonly Op[]>): boolean {
  if (op.kind !== 'linear') return false;
  const neededWhole = (value: Value): boolean =>
    (readers.get(value.id) ?? []).some((reader) => {
      if (reader.kind === 'route' || reader.kind === 'select') return true;
      if (reader.kind === 'attention') return reader.k === value && reader.v === null && reader.kvHeads === 1;
      if (reader.kind === 'norm' && reader.per === value.features) return neededWhole(reader.out);
      if (isPassedOn(reader)) return neededWhole(reader.out);
      return isProduct(reader) && value.features < op.in.features;
    });
  return op.outs.some(neededWhole);
}

/**
 * Products of the same vector as one: engines store such matrices under each other and multiply them at once. Those of
 * attention, of the MLP and of replicated rows stay apart.
 */
export function joined(ops: readonly Op[]): Op[] {
  const readers = readersOf(ops);
  const first = new Map<string, number>();
  const out: Op[] = [];
  for (const op of ops) {
    if (op.kind !== 'linear') {
      out.push(op);
      continue;
    }
    const key = `${op.in.id} ${partOf(op)} ${isReplicated(op, readers)}`;
    const at = first.get(key);
    const known = at === undefined ? undefined : out[at];
    if (at === undefined || known?.kind !== 'linear') {
      first.set(key, out.push(op) - 1);
      continue;
    }
    out[at] = {
      ...known,
      weights: [...known.weights, ...op.weights],
      biases: [...known.biases, ...op.biases],
      outs: [...known.outs, ...op.outs],
    };
  }
  return out;
}
