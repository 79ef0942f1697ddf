/**
 * How far off the timing models were on published measurements: what stands beside each answer. For GPUs, rows of
 * ai-dynamo/aiconfigurator's silicon_sample.csv that were held back, judged on 30 November 2026 and not again since the
 * model changed; those that contradict themselves are left out. For wafers, the public points that some constants were
 * chosen by, so an error within the sample.
 */
import { hasExperts, type ModelCard } from '../../../models/card.js';
import type { EngineName } from '../gpu/constants.js';

export interface KnownError {
  /** Mean absolute errors, in percent. */
  readonly tpotPercent: number;
  readonly ttftPercent: number;
  readonly rows: number;
  readonly basis: string;
}

interface HeldOut {
  readonly engine: EngineName;
  readonly gpu: string;
  readonly mixes: boolean;
  readonly rows: number;
  readonly tpot: number;
  readonly ttft: number;
}

const row = (
  engine: EngineName,
  gpu: string,
  kind: 'dense' | 'moe',
  rows: number,
  tpot: number,
  ttft: number,
): HeldOut => ({ engine, gpu, mixes: kind === 'moe', rows, tpot, ttft });

const HELD_OUT: readonly HeldOut[] = [
  row('vllm', 'h100', 'dense', 91, 14.4, 32.5),
  row('vllm', 'h200', 'dense', 60, 6.8, 9.8),
  row('sglang', 'h100', 'dense', 80, 19.9, 74.4),
  row('sglang', 'h200', 'dense', 20, 10.6, 30.2),
  row('trtllm', 'h100', 'dense', 266, 9, 36.9),
  row('trtllm', 'h200', 'dense', 68, 14.8, 24.5),
  row('trtllm', 'gb200', 'dense', 16, 56.6, 780),
  row('vllm', 'h200', 'moe', 123, 24.4, 19.1),
  row('trtllm', 'h200', 'moe', 157, 30.9, 43.5),
  row('trtllm', 'h100', 'moe', 126, 9.8, 103),
  row('sglang', 'h200', 'moe', 74, 16.9, 29.6),
  row('sglang', 'b200', 'moe', 213, 15.8, 45.7),
  row('trtllm', 'b200', 'moe', 206, 25.3, 54.2),
  row('sglang', 'b300', 'moe', 32, 30.1, 53.5),
];

const mean = (rows: readonly HeldOut[], of: 'tpot' | 'ttft'): number => {
  const count = rows.reduce((sum, one) => sum + one.rows, 0);
  return rows.reduce((sum, one) => sum + one.rows * one[of], 0) / count;
};

/** The closest held-out rows: this engine, GPU and kind of model, or as many of the three as there are. */
export function knownError(
  machine: { readonly kind: 'wafer' | 'gpu'; readonly name: string },
  card: ModelCard,
  engine: EngineName,
): KnownError {
  if (machine.kind === 'wafer') {
    return {
      tpotPercent: 35,
      ttftPercent: 30,
      rows: 18,
      basis:
        'public speeds of services on wafers, with and without speculation; kernels, clock and precision unpublished',
    };
  }
  const mixes = hasExperts(card);
  const kind = mixes ? 'mixtures of experts' : 'dense models';
  const tries: readonly (readonly [string, (one: HeldOut) => boolean])[] = [
    [
      `${kind} on ${machine.name} under ${engine}`,
      (o) => o.mixes === mixes && o.gpu === machine.name && o.engine === engine,
    ],
    [`${kind} on ${machine.name}, other engines`, (o) => o.mixes === mixes && o.gpu === machine.name],
    [`${kind} under ${engine} on other GPUs`, (o) => o.mixes === mixes && o.engine === engine],
    [`${kind} on other GPUs`, (o) => o.mixes === mixes],
  ];
  for (const [basis, is] of tries) {
    const rows = HELD_OUT.filter(is);
    if (rows.length === 0) continue;
    const count = rows.reduce((sum, one) => sum + one.rows, 0);
    return { tpotPercent: mean(rows, 'tpot'), ttftPercent: mean(rows, 'ttft'), rows: count, basis };
  }
  throw new Error('no held-out rows at all');
}
