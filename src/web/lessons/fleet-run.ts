/** A small fleet under a steady stream of requests, for the last lesson; runs in a worker. */
import type { ModelCard } from '../../../models/card.js';
import { Rng } from '../../core/rng.js';
import { waferReplica } from '../../fleet/replica/wafer-replica.js';
import { STEADY } from '../../fleet/requests/arrivals.js';
import { OpenSource } from '../../fleet/requests/source.js';
import { simulateFleet } from '../../fleet/simulate.js';
import type { FleetResult } from '../../fleet/types.js';
import { waferPrice } from '../../machine/prices.js';
import { findWafer } from '../../machine/wafers.js';

/** What the lesson fixes: everyone gets the same requests. */
export const DEMAND = {
  requestsPerSecond: 120,
  meanPromptTokens: 1024,
  meanOutputTokens: 256,
  ttftMs: 300,
  requests: 4000,
} as const;

const SHAPE = { maxBatch: 64, chunkTokens: 1024, typicalContext: 1280 };
const SETUP = { wafers: 1, grid: { width: 300, height: 300 }, expertBlocks: 1, weightBits: 16, kvBits: 16 };

/** `wafers` copies of the model, one per wafer, each request to the least loaded. */
export function runFleet(card: ModelCard, wafers: number): FleetResult {
  const { requestsPerSecond, meanPromptTokens, meanOutputTokens, ttftMs, requests } = DEMAND;
  const model = waferReplica(card, findWafer('wse-3'), waferPrice('wse-3').value, SETUP, SHAPE);
  const { maxBatch, chunkTokens } = SHAPE;
  const fleet = {
    replicas: Array.from({ length: wafers }, () => ({ model, role: 'both' as const })),
    policy: { maxBatch, chunkTokens, maxQueue: Infinity, prefixCache: false, reservesAnswer: false },
    routing: 'least-loaded' as const,
    slo: { ttftMs, percentile: 99 },
  };
  const lengths = {
    kind: 'drawn',
    prompt: { kind: 'exponential', mean: meanPromptTokens },
    output: { kind: 'exponential', mean: meanOutputTokens },
  } as const;
  const arrivals = { ...STEADY, requestsPerSecond };
  return simulateFleet(fleet, new OpenSource(requests, arrivals, lengths, 0, new Rng(1)));
}
