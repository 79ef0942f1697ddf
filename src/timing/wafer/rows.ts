/**
 * Rows of published wafer rates (WaferLLM, OSDI 2025): one layer on a given square, times the layers; no head, no
 * sampling, keys and values in full width where the row says so.
 */
import { countParameters, type ModelCard } from '../../../models/card.js';
import { cardFromConfig } from '../../../models/card-config.js';
import type { WaferNumbers } from '../../machine/wafers.js';
import { placeLayer, plainShape } from '../../placement/wafer-ops.js';
import { decodeOpCycles, type OpCycles, prefillOpCycles } from './op-cycles.js';

export interface WaferRow {
  readonly kind: 'prefill' | 'decode' | 'end_to_end';
  readonly model: string;
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  /** Keys and values as wide as queries; otherwise `kvHeads` says how wide. */
  readonly kvHeads: number | null;
  readonly prefillSide: number | null;
  readonly decodeSide: number | null;
  readonly prompt: number;
  readonly output: number;
}

const HEAD_DIM = 128;

function rowCard(row: WaferRow): ModelCard {
  const heads = Math.max(1, Math.round(row.hidden / HEAD_DIM));
  return cardFromConfig(
    {
      model_type: 'llama',
      hidden_size: row.hidden,
      intermediate_size: row.intermediate,
      num_hidden_layers: row.layers,
      num_attention_heads: heads,
      num_key_value_heads: row.kvHeads ?? heads,
      head_dim: row.hidden / heads,
      vocab_size: 32000,
    },
    { name: row.model, source: 'the row itself' },
  );
}

function cyclesOf(ops: readonly OpCycles[]): number {
  return ops.reduce((sum, op) => sum + op.computeCycles + op.fabricCycles + op.latencyCycles, 0);
}

/** Cycles of one decode layer with `context` tokens in the cache. */
function decodeLayerCycles(card: ModelCard, side: number, context: number, wafer: WaferNumbers): number {
  const kind = card.kinds[0]!;
  const ops = placeLayer(card, kind, plainShape({ width: side, height: side }));
  return cyclesOf(ops.flatMap((op) => decodeOpCycles(op, { kind, context, batch: 1, wafer })));
}

/** Cycles of one prefill layer for a whole prompt at once, scores of all pairs of tokens computed. */
function prefillLayerCycles(card: ModelCard, side: number, tokens: number, wafer: WaferNumbers): number {
  const kind = card.kinds[0]!;
  const ops = placeLayer(card, kind, plainShape({ width: side, height: side }));
  const step = { kind, tokens, context: tokens, wafer, streams: false };
  return cyclesOf(ops.flatMap((op) => prefillOpCycles(op, step)));
}

/** Whatever their lengths, the published end-to-end rates imply decoding at this one context (pairs of rows). */
const END_TO_END_CONTEXT = 4096;

/**
 * Cycles between the phases of a model whose two layouts do not fit the SRAM together: its weights cross the fullest
 * cut, as wide as the smaller of the two squares, and every PE on the way stores and forwards.
 */
function layOutAnew(card: ModelCard, row: WaferRow, wafer: WaferNumbers): number {
  const bytes = countParameters(card).total * 2;
  const sram = wafer.usableColumns * wafer.usableRows * (wafer.sramBytesPerPe - wafer.reservedBytesPerPe);
  if (2 * bytes <= sram) return 0;
  const links = Math.min(row.prefillSide!, row.decodeSide!);
  const forward = 2 * wafer.rampLatencyCycles + 1;
  return (bytes / (links * WAVELET_BYTES)) * forward;
}

const WAVELET_BYTES = 4;

/** Tokens per second of a row: prompt tokens for prefill, generated ones for decode and end to end. */
export function predictWaferRow(row: WaferRow, wafer: WaferNumbers, clockHz: number): number {
  const card = rowCard(row);
  const prefill = (): number =>
    (prefillLayerCycles(card, row.prefillSide!, row.prompt, wafer) * row.layers) / clockHz;
  const decode = (context: number): number =>
    (decodeLayerCycles(card, row.decodeSide!, context, wafer) * row.layers) / clockHz;
  if (row.kind === 'prefill') return row.prompt / prefill();
  if (row.kind === 'decode') return 1 / decode(row.prompt);
  const moved = layOutAnew(card, row, wafer) / clockHz;
  return row.output / (prefill() + moved + row.output * decode(END_TO_END_CONTEXT));
}
