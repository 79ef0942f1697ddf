/** The planner's closed form of users on a pipeline of wafers against the fleet, request by request. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { waferReplica } from '#src/fleet/replica/wafer-replica.js';
import { ClosedLoopSource } from '#src/fleet/requests/source.js';
import { simulateFleet } from '#src/fleet/simulate.js';
import { findWafer } from '#src/machine/wafers.js';
import { loadCard } from '#src/platform/node/cards.js';
import { planOnWafers } from '#src/timing/wafer/estimate.js';

const PROMPT = 1024;
const OUTPUT = 512;

describe('plan and fleet on wafers', () => {
  it.each([
    ['llama-3.1-8b', 4, 16],
    ['llama-3.1-70b', 16, 8],
    ['gpt-oss-120b', 16, 4],
  ] as const)('%s with %i users: the same TPOT within 3 %%', (model, users, weightBits) => {
    const card = loadCard(model);
    const machine = findWafer('wse-3');
    const workload = { promptTokens: PROMPT, outputTokens: OUTPUT, concurrency: users };
    const { plan: placed, tpotMs, assumptions } = planOnWafers(card, machine, { ...workload, weightBits });
    const { wafers, grid, attention, expertBlocks } = placed!;
    const chunkTokens = Number.parseInt(assumptions.find(({ name }) => name === 'prefill chunk')!.value, 10);
    const replica = waferReplica(
      card,
      machine,
      1,
      { wafers, grid, attention, expertBlocks, weightBits, kvBits: 16 },
      { maxBatch: 256, chunkTokens, typicalContext: PROMPT + OUTPUT },
    );
    const around = (tokens: number) =>
      ({ kind: 'uniform', from: Math.round(0.6 * tokens), to: Math.round(1.4 * tokens) }) as const;
    const { tiers } = simulateFleet(
      {
        replicas: [{ model: replica, role: 'both' }],
        policy: {
          maxBatch: 256,
          chunkTokens,
          maxQueue: Infinity,
          prefixCache: false,
          reservesAnswer: false,
        },
        routing: 'least-loaded',
        slo: { percentile: 99 },
      },
      new ClosedLoopSource(
        users,
        users * 40,
        { kind: 'drawn', prompt: around(PROMPT), output: around(OUTPUT) },
        new Rng(1),
      ),
    );
    expect(Math.abs(tpotMs / tiers[0]!.tpotMs.mean - 1)).toBeLessThan(0.03);
  });
});
