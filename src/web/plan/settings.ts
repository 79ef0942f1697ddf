/** What the planner is asked, read from the address: every value is possible, and what was changed is told. */
import type { PlanRequest } from '../../timing/estimate-types.js';
import { type Read, type Route, readChoice, readNumber } from '../state.js';
import type { PlanQuestion, Slo } from './ask/api.js';
import { MACHINES } from './ask/machines.js';
import { OFFERS, type Offer, offerNamed } from './ask/offers.js';

export interface Settings {
  readonly card: Offer;
  readonly wafer: string;
  readonly gpu: string;
  /** 0: as few as hold everything. */
  readonly wafers: number;
  readonly gpus: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly users: number;
  readonly weights: '16' | '8' | '4' | 'published';
  readonly slo: Slo;
  readonly told: readonly string[];
}

export const RANGES = {
  prompt: { name: 'prompt', min: 16, max: 131072, fallback: 1024, whole: true },
  output: { name: 'output', min: 16, max: 32768, fallback: 512, whole: true },
  users: { name: 'users', min: 1, max: 4096, fallback: 16, whole: true },
  wafers: { name: 'wafers', min: 0, max: 128, fallback: 0, whole: true },
  gpus: { name: 'gpus', min: 0, max: 512, fallback: 0, whole: true },
  ttft: { name: 'ttft', min: 10, max: 20_000, fallback: 1000 },
  tpot: { name: 'tpot', min: 0.5, max: 200, fallback: 20 },
} as const;

export const WEIGHTS = ['published', '16', '8', '4'] as const;

const named = (kind: 'wafer' | 'gpu'): string[] =>
  MACHINES.filter((machine) => machine.kind === kind).map(({ name }) => name);
export const WAFER_NAMES = named('wafer');
export const GPU_NAMES = named('gpu');

export function readSettings(params: Route['params']): Settings {
  const told: string[] = [];
  const take = <T>({ value, told: sentence }: Read<T>): T => {
    if (sentence !== null) told.push(sentence);
    return value;
  };
  const names = OFFERS.map(({ name }) => name);
  const card = offerNamed(take(readChoice(params, 'model', names, 'llama-3.1-70b')));
  let promptTokens = take(readNumber(params, RANGES.prompt));
  let outputTokens = take(readNumber(params, RANGES.output));
  const context = card.context;
  if (promptTokens + outputTokens > context) {
    outputTokens = Math.min(outputTokens, context >> 1);
    promptTokens = Math.min(promptTokens, context - outputTokens);
    told.push(
      `${card.name} sees ${context} tokens: ${promptTokens} of prompt and ${outputTokens} of output are planned.`,
    );
  }
  return {
    card,
    wafer: take(readChoice(params, 'wafer', WAFER_NAMES, 'wse-3')),
    gpu: take(readChoice(params, 'gpu', GPU_NAMES, 'h200')),
    wafers: take(readNumber(params, RANGES.wafers)),
    gpus: take(readNumber(params, RANGES.gpus)),
    promptTokens,
    outputTokens,
    users: take(readNumber(params, RANGES.users)),
    weights: take(readChoice(params, 'weights', WEIGHTS, 'published')),
    slo: { ttftMs: take(readNumber(params, RANGES.ttft)), tpotMs: take(readNumber(params, RANGES.tpot)) },
    told,
  };
}

export function questionsOf(settings: Settings): PlanQuestion[] {
  const { card, wafer, gpu, wafers, gpus, promptTokens, outputTokens, users, weights } = settings;
  const request = (count: number): PlanRequest => ({
    promptTokens,
    outputTokens,
    concurrency: users,
    ...(weights !== 'published' && { weightBits: Number(weights) }),
    ...(count > 0 && { count }),
  });
  return [
    { model: card.name, machine: wafer, request: request(wafers) },
    { model: card.name, machine: gpu, request: request(gpus) },
  ];
}

/** The lines of a shell that give the same figures. */
export function commandLines(settings: Settings): string {
  const { card, wafer, gpu, wafers, gpus, promptTokens, outputTokens, users, weights } = settings;
  const common = [
    `waferflow plan --model ${card.name}`,
    `--prompt ${promptTokens} --output ${outputTokens} --concurrency ${users}`,
    ...(weights === 'published' ? [] : [`--weights ${weights}`]),
  ];
  const line = (machines: string, count: number): string =>
    [common[0], `--machine ${machines}`, ...common.slice(1), ...(count > 0 ? [`--count ${count}`] : [])].join(
      ' ',
    );
  return wafers === gpus ? line(`${wafer},${gpu}`, wafers) : `${line(wafer, wafers)}\n${line(gpu, gpus)}`;
}
