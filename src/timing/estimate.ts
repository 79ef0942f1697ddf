/** The library's planner: one model, one kind of machine, one workload; everything that decides is in the answer. */
import type { ModelCard } from '../../models/card.js';
import { OptionError } from '../core/errors.js';
import type { Machine, PlanRequest, PlanResult } from './estimate-types.js';
import { planOnGpus } from './gpu/estimate.js';
import { knownError } from './validation/known-errors.js';
import { planOnWafers } from './wafer/estimate.js';

const LIMITS = { tokens: 10_000_000, users: 100_000, count: 100_000 };

/**
 * Simulated time, memory, power and cost of a workload on a machine.
 *
 * @throws OptionError for a value out of range, ModelError for a model that does not fit
 */
export function plan(card: ModelCard, machine: Machine, request: PlanRequest): PlanResult {
  check(card, request);
  const error = knownError(machine, card, request.engine ?? 'vllm');
  const planned =
    machine.kind === 'wafer' ? planOnWafers(card, machine, request) : planOnGpus(card, machine, request);
  return { ...planned, error };
}

function check(card: ModelCard, request: PlanRequest): void {
  const whole = (what: string, value: number | undefined, max: number, flag: string): void => {
    if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= max)) return;
    throw new OptionError({
      what,
      given: String(value),
      expected: `a whole number from 1 to ${max}`,
      todo: `Pass another ${flag}.`,
    });
  };
  for (const name of ['promptTokens', 'outputTokens', 'concurrency'] as const) {
    if (request[name] !== undefined) continue;
    throw new OptionError({
      what: `${name} of the request`,
      given: 'none',
      expected: 'a whole number from 1',
      todo: 'Pass { promptTokens, outputTokens, concurrency }.',
    });
  }
  whole('prompt tokens', request.promptTokens, LIMITS.tokens, '--prompt');
  whole('output tokens', request.outputTokens, LIMITS.tokens, '--output');
  whole('concurrency', request.concurrency, LIMITS.users, '--concurrency');
  whole('machines', request.count, LIMITS.count, '--count');
  whole('tensor parallelism', request.tensorParallel, LIMITS.count, '--tp');
  whole('expert parallelism', request.expertParallel, LIMITS.count, '--ep');
  whole('grid', request.side, 4096, '--grid');
  const { clockHz, dollarsPerHour, draft } = request;
  const range = (what: string, value: number | undefined, min: number, max: number, todo: string): void => {
    if (value === undefined || (value >= min && value <= max)) return;
    throw new OptionError({ what, given: String(value), expected: `a number from ${min} to ${max}`, todo });
  };
  range('clock', clockHz, 1e6, 1e11, 'Pass --clock in GHz, for example 1.1.');
  range('price', dollarsPerHour, 0, 1e6, 'Pass --price in dollars per hour.');
  range('memory share', request.memoryShare, 0.05, 1, 'Pass --memory-share from 0.05 to 1.');
  range('draft acceptance', draft?.acceptance, 0, 1, 'Pass a probability.');
  if (draft) whole('draft length', draft.length, 64, '--draft');
  oneOf('weight bits', request.weightBits, [16, 8, 4], '--weights');
  oneOf('KV cache bits', request.kvBits, [16, 8], '--kv');
  const context = request.promptTokens + request.outputTokens;
  if (context > card.maxPositionEmbeddings) {
    throw new OptionError({
      what: `context for ${card.name}`,
      given: `${request.promptTokens} + ${request.outputTokens} tokens`,
      expected: `at most the model's ${card.maxPositionEmbeddings}`,
      todo: 'Shorten --prompt or --output.',
    });
  }
}

function oneOf(what: string, value: number | undefined, allowed: readonly number[], flag: string): void {
  if (value === undefined || allowed.includes(value)) return;
  throw new OptionError({
    what,
    given: String(value),
    expected: `one of ${allowed.join(', ')}`,
    todo: `Pass another ${flag}.`,
  });
}
