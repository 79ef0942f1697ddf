/** Throughput against interactivity: one model on a fixed number of machines under more and more users. */
import type { ModelCard } from '../../models/card.js';
import { ModelError, OptionError } from '../core/errors.js';
import { plan } from './estimate.js';
import type { Machine, PlanRequest, PlanResult } from './estimate-types.js';

/** Users beyond this change nothing that a chart could show. */
const MOST_USERS = 1024;

/**
 * Results at 1, 2, 4, ... users that no other result beats in both tokens per second per user and tokens per
 * second of all, slowest user first. On GPUs every split of the same count is tried.
 */
export function interactivity(
  card: ModelCard,
  machine: Machine,
  request: PlanRequest,
  at: PlanResult,
): PlanResult[] {
  const users: number[] = [];
  for (let n = 1; n < Math.min(at.maxUsers, MOST_USERS); n *= 2) users.push(n);
  users.push(Math.max(1, Math.min(at.maxUsers, MOST_USERS)));
  const splits: (number | undefined)[] = [request.tensorParallel];
  if (machine.kind === 'gpu' && request.tensorParallel === undefined) {
    for (let tp = 1; tp <= at.count; tp *= 2) if (at.count % tp === 0) splits.push(tp);
  }
  const results = users.flatMap((concurrency) =>
    splits.flatMap((tensorParallel) => {
      const tried = {
        ...request,
        concurrency,
        count: at.count,
        ...(tensorParallel !== undefined && { tensorParallel }),
      };
      const result = attempt(card, machine, tried);
      return result === null || result.maxUsers < concurrency ? [] : [result];
    }),
  );
  return frontier(results);
}

/** Null where the model does not fit or the split is not possible. */
function attempt(card: ModelCard, machine: Machine, request: PlanRequest): PlanResult | null {
  try {
    return plan(card, machine, request);
  } catch (error) {
    if (error instanceof ModelError || error instanceof OptionError) return null;
    throw error;
  }
}

function frontier(results: readonly PlanResult[]): PlanResult[] {
  const sorted = [...results].sort(
    (a, b) => b.tokensPerSecondPerUser - a.tokensPerSecondPerUser || b.tokensPerSecond - a.tokensPerSecond,
  );
  let best = 0;
  const kept = sorted.filter((result) => {
    if (result.tokensPerSecond <= best) return false;
    best = result.tokensPerSecond;
    return true;
  });
  return kept.reverse();
}
