/** Which stored tensors an op reads, and what a model's ops amount to: parameters, bytes of cache, FLOPs. */
import { expertRowsOf, rowsOf } from './graph.js';
import { type Handlers, handle, type Op, type WeightRef } from './op.js';

/** Matrices are multiplied with, packed, in any quantisation; vectors are small and read as float32. */
export interface Refs {
  readonly matrices: readonly WeightRef[];
  readonly vectors: readonly WeightRef[];
}

const vectors = (...refs: readonly (WeightRef | null)[]): Refs => ({ matrices: [], vectors: present(refs) });
const present = (refs: readonly (WeightRef | null)[]): WeightRef[] => refs.filter((ref) => ref !== null);
const nothing = (): Refs => ({ matrices: [], vectors: [] });

const REFS: Handlers<null, Refs> = {
  embedding: ({ weight }) => ({ matrices: [weight], vectors: [] }),
  norm: ({ weight, bias }) => vectors(weight, bias),
  linear: ({ weights, biases }) => ({ matrices: weights, vectors: present(biases) }),
  headLinear: ({ weight }) => ({ matrices: [weight], vectors: [] }),
  rope: ({ table: { factors } }) => vectors(factors?.short ?? null, factors?.long ?? null),
  attention: ({ sinks }) => vectors(sinks),
  activation: nothing,
  add: nothing,
  scale: ({ weight, bias }) => vectors(weight, bias),
  arrange: nothing,
  route: ({ bias }) => vectors(bias),
  expertLinear: ({ weights, biases }) => ({ matrices: weights, vectors: present(biases) }),
  mix: nothing,
  conv: ({ weight, bias }) => vectors(weight, bias),
  shift: nothing,
  scan: ({ a, d }) => vectors(a, d),
  linearAttention: nothing,
  wkv: ({ bonus }) => vectors(bonus),
  weighStreams: ({ scale, base }) => vectors(scale, base),
  writeStreams: nothing,
  select: nothing,
  pool: nothing,
  logits: nothing,
};

export function refsOf(op: Op): Refs {
  return handle(REFS, op, null);
}

/** One name for each part of a tensor that is read. */
export function refKey({ name, rows, plus, isInverse }: WeightRef): string {
  const part = rows ? `[${rows.groups}:${rows.first}+${rows.count}]` : '';
  return `${isInverse ? '1/' : ''}${name}${part}${plus ? `+${plus}` : ''}`;
}

/** All parts that the ops read, each once, by its key. */
export function weightParts(ops: readonly Op[]): {
  readonly matrices: ReadonlyMap<string, WeightRef>;
  readonly vectors: ReadonlyMap<string, WeightRef>;
} {
  const matrices = new Map<string, WeightRef>();
  const vectors = new Map<string, WeightRef>();
  for (const op of ops) {
    const refs = refsOf(op);
    for (const ref of refs.matrices) matrices.set(refKey(ref), ref);
    for (const ref of refs.vectors) vectors.set(refKey(ref), ref);
  }
  return { matrices, vectors };
}

/** Shape of every stored tensor that the ops read, by name. */
export function weightShapes(ops: readonly Op[]): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const op of ops) {
    const { matrices, vectors } = refsOf(op);
    for (const { name, shape } of [...matrices, ...vectors]) shapes.set(name, shape);
  }
  return shapes;
}

/** Parameters of the model; a tied head counts once. Divisors of rotation frequencies are none. */
export function parameterCount(ops: readonly Op[]): number {
  const counted = ops.filter(({ kind }) => kind !== 'rope');
  let count = 0;
  for (const shape of weightShapes(counted).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** Values that one token leaves in the caches. */
export function cachedValues(ops: readonly Op[]): number {
  let count = 0;
  for (const op of ops) {
    if (op.kind === 'attention' && op.k !== null)
      count += op.kvHeads * (op.headDim + (op.v === null ? 0 : op.valueDim));
    if (op.kind === 'select') count += op.k.features;
  }
  return count;
}

/** Multiply-adds times two for one token that attends to `context` positions, whose logits are wanted. */
export function decodeFlops(ops: readonly Op[], context: number): number {
  let products = 0;
  for (const op of ops) {
    if (op.kind === 'linear') for (const weight of op.weights) products += rowsOf(weight) * op.in.features;
    if (op.kind === 'headLinear') products += op.weight.shape.reduce((a, b) => a * b, 1);
    if (op.kind === 'expertLinear')
      for (const weight of op.weights) products += op.top * expertRowsOf(weight) * weight.shape[2]!;
    if (op.kind === 'attention')
      products += op.heads * (op.headDim + op.valueDim) * Math.min(context, op.window?.size ?? context);
  }
  return 2 * products;
}
