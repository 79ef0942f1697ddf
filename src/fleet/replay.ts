/** A measured load once more, simulated: users of a closed loop on one copy of the model. */
import type { ModelCard } from '../../models/card.js';
import { Rng } from '../core/rng.js';
import { ClosedLoopSource } from './requests/source.js';
import { buildReplica, type Candidate, type MachineRequest } from './search/candidates.js';
import { simulateFleet } from './simulate.js';

/** Users of a closed loop, and what they saw. */
export interface SweepPoint {
  readonly users: number;
  readonly requests: number;
  /** Means, as the server counts. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly figures: LoopFigures;
}

/** What users of a closed loop see. */
export interface LoopFigures {
  readonly tokensPerSecond: number;
  /** Medians. */
  readonly ttftMs: number;
  readonly tpotMs: number;
}

/** A measured figure beside the simulated one. */
export interface ReplayedPoint extends SweepPoint {
  readonly simulated: LoopFigures;
  /** (simulated - measured) / measured. */
  readonly errors: LoopFigures;
}

/** Simulates the points of a sweep on one copy of the model. */
export function replay(
  card: ModelCard,
  request: MachineRequest,
  candidate: Candidate,
  points: readonly SweepPoint[],
): ReplayedPoint[] {
  const { maxBatch } = request;
  const { chunkTokens } = candidate;
  return points.map((point) => {
    const { users, requests, promptTokens, outputTokens, figures } = point;
    const model = buildReplica(card, request, candidate, promptTokens + outputTokens);
    const lengths = {
      kind: 'drawn',
      prompt: { kind: 'fixed', tokens: promptTokens },
      output: { kind: 'fixed', tokens: outputTokens },
    } as const;
    const result = simulateFleet(
      {
        replicas: [{ model, role: 'both' }],
        policy: { maxBatch, chunkTokens, maxQueue: Infinity, prefixCache: false, reservesAnswer: false },
        routing: 'least-loaded',
        slo: { percentile: 50 },
      },
      new ClosedLoopSource(users, requests, lengths, new Rng(1)),
    );
    const [tier] = result.tiers;
    const simulated = {
      tokensPerSecond: result.tokensPerSecond,
      ttftMs: tier?.ttftMs.p50 ?? 0,
      tpotMs: tier?.tpotMs.p50 ?? 0,
    };
    const off = (name: keyof LoopFigures): number => simulated[name] / figures[name] - 1;
    return {
      ...point,
      simulated,
      errors: { tokensPerSecond: off('tokensPerSecond'), ttftMs: off('ttftMs'), tpotMs: off('tpotMs') },
    };
  });
}
