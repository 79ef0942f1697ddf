/** Where everything lies in the engine's memory: one pass over the plan and the weights, before anything is loaded. */
import { ATTENTION_RUN, CTL_WORDS } from '../../../kernels/program/instructions.js';
import { BF16, F16, F32, Q4_0, Q8_0 } from '../../../kernels/types.js';
import type { LlamaConfig } from '../../../models/llama.js';
import type { WeightInfo } from '../../formats/gguf.js';
import { tensorType, type WeightType } from '../../formats/tensor-types.js';
import type { PlacedOp, Plan } from '../../placement/plan.js';
import type { KvType } from '../types.js';
import { Arena } from './arena.js';

/** Positions per page of the KV cache, as in kernels/kv. */
export const kvPagePositions = 32;
/** Rows per packed group, as in kernels/pack. */
export const groupRows = 8;
/** How much of a file is read at a time. */
const stagingBytes = 1 << 20;

export const kernelType: Readonly<Record<WeightType, number>> = { F32, F16, BF16, Q8_0, Q4_0 };

/** Bytes of a packed group of eight rows, as in kernels/matvec `groupBytes`: Q scales widen from f16 to f32. */
function packedGroupBytes(type: WeightType, columns: number): number {
  const { blockElements, blockBytes } = tensorType(type);
  const scaleGrowth = blockElements > 1 ? 2 : 0;
  return groupRows * (columns / blockElements) * (blockBytes + scaleGrowth);
}

export interface PackedWeight {
  readonly info: WeightInfo;
  readonly address: number;
  readonly rows: number;
  readonly columns: number;
}

/** Rows of f32, `stride` bytes apart. */
export interface Buffer2d {
  readonly address: number;
  readonly stride: number;
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
  readonly weights: ReadonlyMap<string, PackedWeight>;
  readonly norms: ReadonlyMap<string, { readonly info: WeightInfo; readonly address: number }>;
  readonly ropeTable: number;
  readonly ropeFactors: number;
  /** Base of each layer's KV pages. */
  readonly kvLayers: readonly number[];
  /** Page tables of the running sequences, each of `pagesPerSequence` words. */
  readonly pageTable: number;
  readonly pagesPerSequence: number;
  readonly tokens: number;
  readonly positions: number;
  readonly rowPages: number;
  readonly logitIndex: number;
  readonly argmax: number;
  readonly buffers: Readonly<Record<BufferName, Buffer2d>>;
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

export type BufferName = 'x' | 'q' | 'k' | 'v' | 'attention' | 'gate' | 'up' | 'delta' | 'logits';

export interface LayoutOptions {
  readonly workers: number;
  readonly context: number;
  readonly maxRunning: number;
  readonly kvTokens: number;
  readonly maxRows: number;
  readonly kvType: KvType;
  readonly vocabSize: number;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Bytes of one quantised activation vector, as in kernels/quantize `quantizedBytes`. */
function quantizedBytes(columns: number): number {
  return roundUp(columns * 3 + Math.floor(columns / 32) * 8, 64);
}

/** The layout; sizes are exact, so `arena.size()` tells what the engine will need before any of it is loaded. */
export function layOut(
  plan: Plan,
  infos: ReadonlyMap<string, WeightInfo>,
  { workers, context, maxRunning, kvTokens, maxRows, kvType, vocabSize }: LayoutOptions,
): Layout {
  const { config } = plan;
  const arena = new Arena();
  const other = (bytes: number): number => arena.take(bytes, 'activations');
  const rows2d = (columns: number, rows = maxRows): Buffer2d => {
    const stride = roundUp(columns, groupRows) * 4;
    return { address: other(stride * rows), stride };
  };
  const queries = config.numAttentionHeads * config.headDim;
  const keys = config.numKeyValueHeads * config.headDim;
  const widest = Math.max(config.hiddenSize, queries, config.intermediateSize);
  const kvValueBytes = kvType === 'f32' ? 4 : 2;

  const control = other(CTL_WORDS * 4);
  const perRow = (words: number): number => other(words * 4);
  const pages = Math.ceil(kvTokens / kvPagePositions);
  const pagesPerSequence = Math.ceil(context / kvPagePositions);
  const actqStride = quantizedBytes(widest);
  const actBytes = roundUp(config.hiddenSize * 4, 64);
  const scratchBytes = roundUp(scratchOf(plan, maxRows), 64);
  const ownStride = roundUp(actBytes + actqStride + scratchBytes, 128);
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
    rowPages: perRow(maxRows),
    logitIndex: perRow(maxRows),
    argmax: perRow(maxRows * workers),
    pageTable: perRow(maxRunning * pagesPerSequence),
    buffers: {
      x: rows2d(config.hiddenSize),
      q: rows2d(queries),
      k: rows2d(keys),
      v: rows2d(keys),
      attention: rows2d(queries),
      gate: rows2d(config.intermediateSize),
      up: rows2d(config.intermediateSize),
      delta: rows2d(config.hiddenSize),
      logits: rows2d(config.vocabSize),
    },
    act: rows2d(config.hiddenSize),
    actq: { address: other(actqStride * maxRows), stride: actqStride },
    own: {
      address: other(ownStride * workers),
      stride: ownStride,
      actq: actBytes,
      scratch: actBytes + actqStride,
    },
    ropeFactors: other(config.headDim * 2),
    ropeTable: other(context * config.headDim * 4),
    staging: 0,
    stagingBytes: 0,
  };
  let widestRow = 0;
  const weights = new Map<string, PackedWeight>();
  const norms = new Map<string, { info: WeightInfo; address: number }>();
  for (const [name, info] of infos) {
    const [columns = 1, rows = 1] = info.dims;
    if (info.dims.length === 1) {
      norms.set(name, { info, address: arena.take(columns * 4, 'weights') });
      continue;
    }
    const bytes = Math.ceil(rows / groupRows) * packedGroupBytes(info.type, columns);
    weights.set(name, { info, address: arena.take(bytes, 'weights'), rows, columns });
    widestRow = Math.max(widestRow, info.byteLength / rows);
  }
  const pageBytes = 2 * config.numKeyValueHeads * kvPagePositions * roundUp(config.headDim, 4) * kvValueBytes;
  const kvLayers = Array.from({ length: config.numHiddenLayers }, () =>
    arena.take(pages * pageBytes, 'KV cache'),
  );
  layout.stagingBytes = Math.max(stagingBytes, groupRows * widestRow);
  layout.staging = arena.take(layout.stagingBytes, 'loading');
  return {
    ...layout,
    weights,
    norms,
    kvLayers,
    weightBytes: arena.bytesFor('weights'),
    kvBytes: arena.bytesFor('KV cache'),
    arena,
  };
}

/** The most that any op needs for partial sums: see `scratch` in matvec, matmul, rmsnorm and attention. */
function scratchOf(plan: Plan, rows: number): number {
  const ops = [...plan.prefill, ...plan.decode].flatMap((region) => region.ops);
  return Math.max(...ops.map((op) => scratchOfOp(op, plan.config, rows)));
}

function scratchOfOp(op: PlacedOp, config: LlamaConfig, rows: number): number {
  switch (op.kind) {
    case 'embedding':
      return 0;
    case 'rmsnorm':
      return 16 * op.reduce.parts;
    case 'matmul':
      return Math.max(128 + (16 + 2 * rows) * op.inFeatures, 32 * op.reduce.parts);
    case 'attention':
      return attentionScratchBytes(config.headDim, op.reduce.parts);
  }
}

/** As kernels/attention needs: for one query over the tiles, and for a run of queries. */
function attentionScratchBytes(dim: number, tiles: number): number {
  const vectors = Math.ceil(dim / 4) + 1;
  const widePage = 2 * kvPagePositions * dim * 4;
  return Math.max(272 + 16 * vectors * tiles, 256 + widePage + ATTENTION_RUN * 16 * (vectors + 1));
}
