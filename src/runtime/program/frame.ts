/** What has the same address in every memory of an engine: control words, inputs of a step, values, activations. */
import { CTL_WORDS } from '../../../kernels/program/instructions.js';
import { quantizedBytes } from '../../../kernels/quantize/spec.js';
import { embeddingParts } from '../../../models/embedding.js';
import { writesOf } from '../../../models/flow.js';
import type { Value } from '../../../models/op.js';
import type { Plan } from '../../placement/plan.js';
import type { KvType } from '../types.js';
import { Arena, aligned } from './arena.js';
import { assignBuffers, type Buffers, directValues } from './buffers.js';

/** Positions per page of the KV cache, as in kernels/kv. */
export const kvPagePositions = 32;
/** Rows per packed group, as in kernels/pack. */
export const groupRows = 8;
/** How much of a file is read at a time. */
const stagingBytes = 1 << 20;
/** Most that copies of states take together, but for one of them. */
const copyBytes = 256 << 20;

/** Rows of f32, `stride` bytes apart. */
export interface Buffer2d {
  readonly address: number;
  readonly stride: number;
}

export interface Frame {
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
  /** Room for the divisors of one rotation's frequencies. */
  readonly ropeFactors: number;
  /** Copies of a sequence's recurrent states that there is room for. */
  readonly stateCopies: number;
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
  /** Most bytes of one memory. */
  readonly shardBytes: number;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** The frame, and a memory in which nothing else lies yet. `widestRow`: bytes of the longest row in the file. */
export function layOutFrame(
  plan: Plan,
  widestRow: number,
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
    shardBytes,
  }: LayoutOptions,
): { readonly frame: Frame; readonly arena: Arena } {
  const { ops } = plan;
  const arena = new Arena(shardBytes);
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
  const turned = ops.map((op) => (op.kind === 'rope' ? op.table.dims : 0));
  const stateBytes = stateWords.reduce((sum, words) => sum + aligned(words * 4), 0);
  const staging = Math.max(stagingBytes, groupRows * widestRow);
  const frame = {
    workers,
    context,
    maxRunning,
    // As many as sequences, where they are small: of a past before drafts, of pages that others begin with.
    stateCopies: stateBytes === 0 ? 0 : Math.max(1, Math.min(maxRunning, Math.floor(copyBytes / stateBytes))),
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
    ropeFactors: other(Math.max(0, ...turned) * 2),
    staging: arena.take(staging, 'loading'),
    stagingBytes: staging,
  };
  return { frame, arena };
}
