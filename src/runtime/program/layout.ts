/** Where everything lies in the engine's memory: one pass over the plan and the weights, before anything is loaded. */
import { pageBytes } from '../../../kernels/attention/spec.js';
import { packedBytes } from '../../../kernels/pack/spec.js';
import { CTL_WORDS } from '../../../kernels/program/instructions.js';
import { quantizedBytes } from '../../../kernels/quantize/spec.js';
import { embeddingParts } from '../../../models/embedding.js';
import { writesOf } from '../../../models/flow.js';
import { expertRowsOf, rowsOf } from '../../../models/graph.js';
import type { OpOf, RopeTable, Value, WeightRef } from '../../../models/op.js';
import { refKey, weightParts } from '../../../models/weights.js';
import type { WeightInfo } from '../../formats/gguf.js';
import type { Plan } from '../../placement/plan.js';
import type { KvType } from '../types.js';
import { Arena } from './arena.js';
import { assignBuffers, type Buffers, directValues } from './buffers.js';

/** Positions per page of the KV cache, as in kernels/kv. */
export const kvPagePositions = 32;
/** Rows per packed group, as in kernels/pack. */
export const groupRows = 8;
/** How much of a file is read at a time. */
const stagingBytes = 1 << 20;
/** Most that copies of states take together, but for one of them. */
const copyBytes = 256 << 20;

/** One matrix, or several of one shape behind each other: experts, heads. */
export interface PackedWeight {
  readonly ref: WeightRef;
  readonly info: WeightInfo;
  readonly address: number;
  readonly matrices: number;
  /** Of one matrix. */
  readonly rows: number;
  readonly columns: number;
  /** From one matrix to the next. */
  readonly stride: number;
}

export interface VectorWeight {
  readonly ref: WeightRef;
  readonly info: WeightInfo;
  readonly address: number;
}

/** Rows of f32, `stride` bytes apart. */
export interface Buffer2d {
  readonly address: number;
  readonly stride: number;
}

/** One rotation's angles for all positions. */
export interface PlacedRope {
  readonly table: RopeTable;
  readonly address: number;
}

/** Records of `stride` bytes, one for each running sequence, then copies; a state lies at its offset in each of them. */
export interface States {
  readonly address: number;
  readonly stride: number;
  readonly copies: number;
  /** By the number of a state. */
  readonly offsets: readonly number[];
}

export interface Layout {
  readonly workers: number;
  readonly context: number;
  /** Sequences that run at once. */
  readonly maxRunning: number;
  /** Pages of the KV cache. */
  readonly pages: number;
  /** Most rows (tokens) in one step. */
  readonly maxRows: number;
  readonly kvValueBytes: number;
  /** Tokens of the tokenizer: further rows of the embedding pad it, and are never chosen. */
  readonly vocabSize: number;
  readonly control: number;
  /** By {@link refKey}. */
  readonly weights: ReadonlyMap<string, PackedWeight>;
  readonly vectors: ReadonlyMap<string, VectorWeight>;
  readonly ropes: ReadonlyMap<string, PlacedRope>;
  /** Room for the divisors of one rotation's frequencies. */
  readonly ropeFactors: number;
  /** Base of each cache's pages. */
  readonly caches: readonly number[];
  /** Recurrent states: a record of all states for each running sequence. */
  readonly states: States;
  /** Per row: the address of its sequence's record. */
  readonly rowStates: number;
  /** Page tables of the running sequences, each of `pagesPerSequence` words. */
  readonly pageTable: number;
  readonly pagesPerSequence: number;
  readonly tokens: number;
  readonly positions: number;
  /** Per row: the choice of adapters of its sequence. */
  readonly rowAdapters: number;
  readonly rowPages: number;
  readonly logitIndex: number;
  readonly argmax: number;
  /** By the number of a buffer in {@link Buffers}. */
  readonly buffers: readonly Buffer2d[];
  readonly bufferOf: Buffers['of'];
  readonly direct: ReadonlySet<number>;
  /** Null for a model that makes none. */
  readonly logits: Buffer2d | null;
  /** Where the program that makes embeddings leaves its rows: a value of its own, since answers may need no such buffer. */
  readonly rows: Value;
  readonly act: Buffer2d;
  readonly actq: Buffer2d;
  readonly own: {
    readonly address: number;
    readonly stride: number;
    readonly actq: number;
    readonly scratch: number;
  };
  readonly staging: number;
  readonly stagingBytes: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly arena: Arena;
}

export interface LayoutOptions {
  readonly workers: number;
  readonly context: number;
  readonly maxRunning: number;
  readonly kvTokens: number;
  readonly maxRows: number;
  readonly kvType: KvType;
  readonly vocabSize: number;
  /** What a worker needs for the op that needs most. */
  readonly scratchBytes: number;
  /** Numbers of each state of a sequence. */
  readonly stateWords: readonly number[];
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** The name of a rotation: equal tables are one. */
export function ropeKey(table: RopeTable): string {
  return JSON.stringify(table);
}

/** Bytes of one page of an attention op's cache. */
export function pageBytesOf(
  { kvHeads, headDim, valueDim, v }: Pick<OpOf<'attention'>, 'kvHeads' | 'headDim' | 'valueDim' | 'v'>,
  valueBytes: number,
): number {
  return pageBytes(kvHeads, headDim, v === null ? 0 : valueDim, valueBytes);
}

/** The layout; sizes are exact, so `arena.size()` tells what the engine will need before any of it is loaded. */
export function layOut(
  plan: Plan,
  tensors: ReadonlyMap<string, WeightInfo>,
  {
    workers,
    context,
    maxRunning,
    kvTokens,
    maxRows,
    kvType,
    vocabSize,
    scratchBytes,
    stateWords,
  }: LayoutOptions,
): Layout {
  const { ops, model } = plan;
  const arena = new Arena();
  const other = (bytes: number): number => arena.take(bytes, 'activations');
  const rows2d = (columns: number, rows = maxRows): Buffer2d => {
    const stride = roundUp(columns, groupRows) * 4;
    return { address: other(stride * rows), stride };
  };
  const kvValueBytes = kvType === 'f32' ? 4 : 2;
  const quantised = ops.map((op) => {
    if (op.kind === 'linear') return quantizedBytes({ columns: op.in.features });
    if (op.kind === 'headLinear') return op.heads * quantizedBytes({ columns: op.in.features / op.heads });
    if (op.kind !== 'expertLinear') return 0;
    return op.isInputPerExpert
      ? op.top * quantizedBytes({ columns: op.in.features / op.top })
      : quantizedBytes({ columns: op.in.features });
  });
  const normed = ops.flatMap((op) => (op.kind === 'norm' ? [op.in.features] : []));

  const control = other(CTL_WORDS * 4);
  const perRow = (words: number): number => other(words * 4);
  const pages = Math.ceil(kvTokens / kvPagePositions);
  const pagesPerSequence = Math.ceil(context / kvPagePositions);
  const actqStride = Math.max(...quantised);
  const actColumns = Math.max(0, ...normed);
  const actBytes = roundUp(actColumns * 4, 64);
  const ownStride = roundUp(actBytes + actqStride + roundUp(scratchBytes, 64), 128);
  const direct = directValues(ops);
  const { sizes, of } = assignBuffers(ops, direct);
  const { rows: made } = embeddingParts(ops);
  const rows = { ...made, id: 1 + Math.max(...ops.flatMap(writesOf).map(({ id }) => id)) };
  const buffers = [...sizes, rows.features].map((features) => rows2d(features));
  const bufferOf = [...of];
  bufferOf[rows.id] = sizes.length;
  const head = ops.find((op) => op.kind === 'logits');
  const layout = {
    workers,
    context,
    maxRunning,
    pages,
    pagesPerSequence,
    maxRows,
    kvValueBytes,
    vocabSize,
    control,
    tokens: perRow(maxRows),
    positions: perRow(maxRows),
    rowAdapters: perRow(maxRows),
    rowPages: perRow(maxRows),
    rowStates: perRow(maxRows),
    logitIndex: perRow(maxRows),
    argmax: perRow(maxRows * workers),
    pageTable: perRow(maxRunning * pagesPerSequence),
    buffers,
    bufferOf,
    rows,
    direct,
    logits: head ? buffers[of[head.in.id]!]! : null,
    act: rows2d(actColumns),
    actq: { address: other(actqStride * maxRows), stride: actqStride },
    own: {
      address: other(ownStride * workers),
      stride: ownStride,
      actq: actBytes,
      scratch: actBytes + actqStride,
    },
  };

  const ropes = new Map<string, PlacedRope>();
  let widestRope = 0;
  for (const op of ops) {
    if (op.kind !== 'rope' || ropes.has(ropeKey(op.table))) continue;
    const { table } = op;
    ropes.set(ropeKey(table), { table, address: other(context * table.dims * 4) });
    widestRope = Math.max(widestRope, table.dims);
  }

  const parts = weightParts(model.ops);
  const vectors = new Map<string, VectorWeight>();
  for (const [key, ref] of parts.vectors) {
    const bytes = 4 * (ref.rows ? rowsOf(ref) : ref.shape.reduce((a, b) => a * b, 1));
    vectors.set(key, { ref, info: tensors.get(ref.name)!, address: arena.take(bytes, 'weights') });
  }
  const weights = new Map<string, PackedWeight>();
  let widestRow = 0;
  for (const [key, ref] of parts.matrices) {
    const info = tensors.get(ref.name)!;
    const isStack = ref.shape.length === 3;
    const matrices = isStack ? ref.shape[0]! : 1;
    const rows = isStack ? expertRowsOf(ref) : rowsOf(ref);
    const columns = ref.shape.at(-1)!;
    const stride = packedBytes({ type: info.type, rows, columns });
    const address = arena.take(stride * matrices, 'weights');
    weights.set(key, { ref, info, address, matrices, rows, columns, stride });
    widestRow = Math.max(widestRow, (info.byteLength * columns) / info.elements);
  }
  const caches: number[] = [];
  for (const op of ops) {
    if (op.kind !== 'attention' || op.k === null) continue;
    caches[op.cache] = arena.take(pages * pageBytesOf(op, kvValueBytes), 'KV cache');
  }
  const offsets: number[] = [];
  let stride = 0;
  for (const [state, words] of stateWords.entries()) {
    offsets[state] = stride;
    stride += roundUp(words * 4, 64);
  }
  // As many copies as sequences, where they are small: of a past before drafts, of pages that others begin with.
  const copies = stride === 0 ? 0 : Math.max(1, Math.min(maxRunning, Math.floor(copyBytes / stride)));
  const address = arena.take((maxRunning + copies) * stride, 'states');
  const states = { address, stride, copies, offsets };
  const staging = Math.max(stagingBytes, groupRows * widestRow);
  return {
    ...layout,
    weights,
    vectors,
    ropes,
    ropeFactors: other(widestRope * 2),
    caches,
    states,
    staging: arena.take(staging, 'loading'),
    stagingBytes: staging,
    weightBytes: arena.bytesFor('weights'),
    kvBytes: arena.bytesFor('KV cache'),
    arena,
  };
}
