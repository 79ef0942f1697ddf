/** Measured GPU serving, replayed request by request: closed loops of users, vLLM-like scheduling. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '#src/core/csv.js';
import { Rng } from '#src/core/rng.js';
import { gpuReplica } from '#src/fleet/replica/gpu-replica.js';
import type { LengthDistribution } from '#src/fleet/requests/lengths.js';
import { ClosedLoopSource } from '#src/fleet/requests/source.js';
import { simulateFleet } from '#src/fleet/simulate.js';
import type { FleetResult } from '#src/fleet/types.js';
import { findGpu } from '#src/machine/gpus.js';
import { plain } from '#src/machine/types.js';
import { cardOfHubName } from '#src/platform/node/cards.js';
import { gpuConstants } from '#src/timing/gpu/constants.js';
import { type GpuRow, rowSetup } from '#src/timing/gpu/rows.js';
import { servingRowOf } from '#src/timing/validation/serving-rows.js';
import { validate } from '#src/timing/validation/validation.js';
import { sharedPath } from '../helpers/shared.js';

const file = sharedPath('data/gpu-serving-measured.csv');
/** What the benchmarks behind the rows send. */
const REQUESTS_PER_USER = 10;
const CHUNK = 8192;

function replay(row: GpuRow, model: string, gpu: string): FleetResult {
  const card = cardOfHubName(model);
  const machine = findGpu(gpu.toLowerCase())!;
  const numbers = { ...plain(machine.facts), nativeBits: machine.nativeBits };
  const users = row.concurrency + (row.harness === 'slots' ? 1 : 0);
  const maxBatch = row.harness === 'slots' ? row.concurrency : Math.max(256, users);
  const length = (tokens: number): LengthDistribution =>
    row.harness === 'inferencex'
      ? { kind: 'uniform', from: Math.round(0.8 * tokens), to: tokens }
      : { kind: 'fixed', tokens };
  const replica = gpuReplica(
    card,
    { name: machine.name, numbers, watts: 1, dollarsPerHour: 1 },
    rowSetup(row, card, machine.nativeBits),
    gpuConstants,
    {
      maxBatch,
      chunkTokens: CHUNK,
      typicalContext: (row.promptTokens + row.outputTokens) * (row.harness === 'inferencex' ? 0.9 : 1),
    },
  );
  const lengths = {
    kind: 'drawn',
    prompt: length(row.promptTokens),
    output: length(row.outputTokens),
  } as const;
  return simulateFleet(
    {
      replicas: [{ model: replica, role: 'both' }],
      policy: {
        maxBatch,
        chunkTokens: CHUNK,
        maxQueue: Infinity,
        prefixCache: false,
        reservesAnswer: row.engine === 'trtllm',
      },
      routing: 'least-loaded',
      slo: { percentile: 99 },
    },
    new ClosedLoopSource(users, users * REQUESTS_PER_USER, lengths, new Rng(1)),
  );
}

describe.skipIf(file === null)('replaying measured rows', () => {
  it('meets TPOT within 15 % on average, of all rows that are not suspect and of vLLM alone', () => {
    const text = readFileSync(file!, 'utf8');
    const { rows: judged } = validate(null, { text, file: file! }, cardOfHubName);
    const errors = new Map<string, number[]>();
    const add = (group: string, error: number): void => {
      errors.set(group, [...(errors.get(group) ?? []), error]);
    };
    parseCsv(text, file!, ['model', 'gpu']).forEach((csv, index) => {
      const { suspect, published } = judged[2 * index + 1]!;
      const row = servingRowOf(csv);
      expect(published).toBe(row.tpotMs);
      if (suspect) return;
      const [tier] = replay(row, csv.text('model'), csv.text('gpu')).tiers;
      const error = Math.abs(tier!.tpotMs.mean / row.tpotMs - 1) * 100;
      add('all', error);
      add(row.engine, error);
    });
    const mape = (group: string): number => {
      const of = errors.get(group)!;
      return of.reduce((a, b) => a + b) / of.length;
    };
    expect(errors.get('all')!.length).toBeGreaterThan(600);
    expect(errors.get('vllm')!.length).toBeGreaterThan(300);
    expect(mape('all')).toBeLessThan(15);
    expect(mape('vllm')).toBeLessThan(15);
    expect(mape('trtllm')).toBeLessThan(15);
  });
});
