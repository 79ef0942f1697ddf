/**
 * Published speeds of whole systems, one a row of a CSV file, beside what the planner answers to the same question. An
 * empty cell means that the source does not say or that the planner decides.
 */
import type { ModelCard } from '../../../models/card.js';
import { type CsvRow, parseCsv } from '../../core/csv.js';
import { OptionError, WaferflowError } from '../../core/errors.js';
import { plan } from '../estimate.js';
import type { Machine, PlanRequest, PlanResult } from '../estimate-types.js';
import { gpuConstants } from '../gpu/constants.js';
import { predictRow } from '../gpu/rows.js';
import { engineOf, gpuNumbersOf, servingRowOf } from './serving-rows.js';
import type { CardFinder } from './validation.js';

export interface Point {
  readonly machine: string;
  readonly model: string;
  readonly metric: string;
  readonly published: number;
  /** Simulated; null where the row cannot be asked, and `reason` says why. */
  readonly predicted: number | null;
  readonly reason?: string;
  /** Asked with speculative decoding. */
  readonly isDrafted: boolean;
  readonly source: string;
  readonly remark: string;
}

const METRICS: Readonly<Record<string, (result: PlanResult) => number>> = {
  ttft_ms: (result) => result.ttftMs,
  tpot_ms: (result) => result.tpotMs,
  tokens_per_s_per_user: (result) => result.tokensPerSecondPerUser,
  output_tokens_per_s: (result) => result.tokensPerSecond,
  output_tokens_per_s_per_machine: (result) => result.tokensPerSecond / result.count,
};

/** Lengths of a question that states none: the usual benchmark of public speeds. */
const USUAL_TOKENS = 1024;
const DRAFT_COST_SHARE = 0.1;

/** Predicts every row of a points file; only a file that cannot be read is an error. */
export function validatePoints(
  text: string,
  file: string,
  card: CardFinder,
  machine: (name: string) => Machine,
): Point[] {
  return parseCsv(text, file, ['machine', 'model', 'metric', 'published']).map((row) => {
    const said = {
      machine: row.text('machine'),
      model: row.text('model'),
      metric: row.text('metric'),
      published: row.number('published'),
      isDrafted: row.text('draft') !== '',
      source: row.text('source'),
      remark: row.text('remark'),
    };
    try {
      return { ...said, predicted: predict(row, file, card, machine) };
    } catch (error) {
      if (!(error instanceof WaferflowError) || error.name === 'FormatError') throw error;
      return { ...said, predicted: null, reason: error.message };
    }
  });
}

/** A mean over points of one kind. */
export interface PointGroup {
  readonly group: string;
  readonly points: number;
  /** Mean and largest absolute error in percent of the published value. */
  readonly mape: number;
  readonly worst: number;
}

/** Errors by kind of machine, metric and drafting; rows that a file calls suspect are left out. */
export function pointGroups(points: readonly Point[]): PointGroup[] {
  const groups = new Map<string, number[]>();
  for (const { machine, metric, published, predicted, isDrafted, remark } of points) {
    if (predicted === null || /suspect/i.test(remark)) continue;
    const kind = /^(wse|desk)/.test(machine) ? 'wafers' : 'GPUs';
    const group = `${kind}, ${metric}${isDrafted ? ', with drafting' : ''}`;
    groups.set(group, [...(groups.get(group) ?? []), Math.abs(predicted / published - 1) * 100]);
  }
  return [...groups].map(([group, errors]) => ({
    group,
    points: errors.length,
    mape: errors.reduce((sum, error) => sum + error, 0) / errors.length,
    worst: Math.max(...errors),
  }));
}

function predict(
  row: CsvRow,
  file: string,
  card: CardFinder,
  machineNamed: (name: string) => Machine,
): number {
  const metric = row.text('metric');
  const read = METRICS[metric];
  if (!read) {
    throw new OptionError({
      what: `${file}, line ${row.line}, metric`,
      given: JSON.stringify(metric),
      expected: Object.keys(METRICS).join(', '),
      todo: 'Correct or remove the row.',
    });
  }
  const machine = machineNamed(row.text('machine'));
  const model = card(row.text('model'));
  // Rows that say how experts are divided come from a serving benchmark, with its bursts and drawn lengths.
  if (machine.kind === 'gpu' && row.text('moe_tp') !== '' && row.text('precision') !== '') {
    const served = predictRow(servingRowOf(row), model, gpuNumbersOf(machine), gpuConstants);
    return metric === 'ttft_ms' ? served.ttftMs : served.tpotMs;
  }
  return read(plan(model, machine, requestOf(row, machine, model)));
}

function requestOf(row: CsvRow, machine: Machine, card: ModelCard): PlanRequest {
  const given = (column: string): number | undefined => {
    const value = row.number(column, Number.NaN);
    return Number.isNaN(value) ? undefined : value;
  };
  const usual = Math.min(USUAL_TOKENS, Math.floor(card.maxPositionEmbeddings / 2));
  const [count, weights, kv, draft] = ['count', 'weights', 'kv', 'draft'].map(given);
  const tp = given('tp');
  const engine = row.text('engine');
  return {
    promptTokens: given('prompt') ?? usual,
    outputTokens: given('output') ?? usual,
    concurrency: given('concurrency') ?? 1,
    ...(count !== undefined && { count }),
    ...(weights !== undefined && { weightBits: weights }),
    // Quantised checkpoints of NVIDIA, with which TensorRT-LLM's speeds are published, keep 8 bits of the cache as well.
    ...(kv !== undefined
      ? { kvBits: kv }
      : /trt/i.test(engine) && (weights ?? 16) < card.weightBits
        ? { kvBits: 8 }
        : {}),
    ...(draft !== undefined && {
      draft: { length: draft, acceptance: given('acceptance') ?? 0.7, costShare: DRAFT_COST_SHARE },
    }),
    ...(machine.kind === 'gpu' && {
      ...(tp !== undefined && { tensorParallel: tp }),
      ...(engine !== '' && { engine: engineOf(engine) }),
    }),
  };
}
