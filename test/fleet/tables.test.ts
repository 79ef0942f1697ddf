/** The tables that the simulator reads are the timing models: steps within 0.1 %, pipelines within 1 %. */
import { describe, expect, it } from 'vitest';
import { gpuReplica, gpuStepTimes } from '#src/fleet/replica/gpu-replica.js';
import { promptAttention, type StepTimes, stepSeconds } from '#src/fleet/replica/step-times.js';
import { waferReplica } from '#src/fleet/replica/wafer-replica.js';
import { findGpu } from '#src/machine/gpus.js';
import { plain } from '#src/machine/types.js';
import { findWafer } from '#src/machine/wafers.js';
import { layoutOn, usersThatFit } from '#src/placement/wafer.js';
import { loadCard } from '#src/platform/node/cards.js';
import { gpuConstants } from '#src/timing/gpu/constants.js';
import { gpuServing } from '#src/timing/gpu/serving.js';
import { gpuStep } from '#src/timing/gpu/step.js';
import { Pass } from '#src/timing/wafer/serving.js';

const SHAPE = { maxBatch: 256, chunkTokens: 8192, typicalContext: 2100 };

function gpu(model: string, name: string, tensorParallel: number) {
  const card = loadCard(model);
  const machine = findGpu(name)!;
  const numbers = { ...plain(machine.facts), nativeBits: machine.nativeBits };
  const setup = {
    tensorParallel,
    expertTensorParallel: tensorParallel,
    expertParallel: 1,
    dataParallel: 1,
    weightBits: card.weightBits,
    kvBits: 16,
    engine: 'vllm' as const,
    slots: Infinity,
  };
  return { card, numbers, setup };
}

describe('tables of GPUs', () => {
  it.each([
    ['llama-3.1-70b', 'h100', 8],
    ['llama-3.1-8b', 'b200', 1],
    ['gpt-oss-120b', 'h200', 4],
    ['deepseek-v3', 'b200', 8],
  ] as const)('%s on %s, %d of them', (model, name, tensorParallel) => {
    const { card, numbers, setup } = gpu(model, name, tensorParallel);
    const times = gpuStepTimes(card, numbers, setup, gpuConstants, SHAPE);
    for (const [running, context, prompt, done] of [
      [1, 100, 0, 0],
      [17, 3001, 0, 0],
      [200, 1234, 0, 0],
      [0, 0, 100, 1],
      [0, 0, 8192, 0],
      [33, 4000, 777, 1],
      [250, 9003, 8000, 1],
    ] as const) {
      const table = stepSeconds(times, running, context, prompt, done) + promptAttention(times, 0, prompt);
      const load = {
        decodeSequences: running,
        tokensPerSequence: 1,
        decodeContext: context,
        prefillTokens: prompt,
        promptTokens: Math.max(1, prompt),
        promptsDone: done,
      };
      const model = gpuStep(card, numbers, setup, load, gpuConstants).seconds;
      expect(Math.abs(table / model - 1), `${running} ${context} ${prompt}`).toBeLessThan(1e-3);
    }
    // The chunks of a prompt add up to the prompt.
    const whole = promptAttention(times, 0, 7000);
    const chunks = [0, 1000, 2500, 6999].map((from, i, all) =>
      promptAttention(times, from, (all[i + 1] ?? 7000) - from),
    );
    expect(chunks.reduce((a, b) => a + b) / whole).toBeCloseTo(1, 9);
  });

  it('hold as many tokens as the serving model says', () => {
    const { card, numbers, setup } = gpu('llama-3.1-70b', 'h200', 8);
    const replica = gpuReplica(
      card,
      { name: 'h200', numbers, watts: 1, dollarsPerHour: 1 },
      setup,
      gpuConstants,
      SHAPE,
    );
    const workload = { promptTokens: 2000, outputTokens: 100, concurrency: 1 };
    const served = gpuServing(card, numbers, setup, workload, Infinity, gpuConstants);
    expect(replica.kvTokens).toBe(served.kvTokens);
  });
});

/** A prompt alone on a pipeline, as the simulator would take it: chunk by chunk, then through, then one token. */
function firstToken(times: StepTimes, prompt: number, chunk: number): number {
  let seconds = 0;
  let last = 0;
  for (let done = 0; done < prompt; done += chunk) {
    const tokens = Math.min(chunk, prompt - done);
    last = stepSeconds(times, 0, 0, tokens, 0) + promptAttention(times, done, tokens);
    seconds += last;
  }
  return seconds + times.drainChunks * last + stepSeconds(times, 1, prompt, 0, 0);
}

describe('tables of wafers', () => {
  it.each([
    ['llama-3.1-8b', 1, 360],
    ['llama-3.1-70b', 8, 360],
    ['gpt-oss-120b', 3, 540],
  ] as const)('%s on %d wafers in regions of %d', (model, wafers, side) => {
    const card = loadCard(model);
    const machine = findWafer('wse-3');
    const grid = { width: side, height: side };
    const bits = { weightBits: card.weightBits === 4 ? 4 : 16, kvBits: 16 };
    const shape = { ...SHAPE, typicalContext: 2100 };
    const replica = waferReplica(card, machine, 80, { wafers, grid, expertBlocks: 1, ...bits }, shape);
    const options = { ...bits, context: 2100 };
    const users = usersThatFit(card, machine, grid, wafers, { ...options, users: 1 });
    expect(replica.kvTokens).toBe(users * 2100);
    const layout = layoutOn(card, machine, grid, wafers, { ...options, users })!;
    const pass = new Pass(card, plain(machine.facts), layout);
    for (const [running, context] of [
      [1, 100],
      [5, 2000],
      [60, 1000],
      [256, 4001],
    ] as const) {
      const table = stepSeconds(replica.times, running, context, 0, 0);
      expect(Math.abs(table / pass.token(context, running, null) - 1), `${running} ${context}`).toBeLessThan(
        0.01,
      );
    }
    // A prompt of one chunk, and the best of several chunks, against the planner's first token.
    for (const prompt of [side, 2 * side, 4 * side, 12 * side]) {
      const best = pass.prompt(prompt);
      const table = firstToken(replica.times, prompt, Math.round(best.chunk));
      expect(Math.abs(table / best.latency - 1), `prompt ${prompt}`).toBeLessThan(0.08);
      if (best.chunk === prompt) expect(Math.abs(table / best.latency - 1)).toBeLessThan(0.01);
    }
  });
});
