/** Load on a real server: what the metrics mean, and that they say what happened. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { parseTrace } from '#src/fleet/requests/traces.js';
import { openLineOf } from '#src/load/lines.js';
import { Recorder } from '#src/load/recorder.js';
import { formatLoad } from '#src/load/report.js';
import { runLoad } from '#src/load/run.js';
import { serverFacts } from '#src/load/server.js';
import type { LoadApi, LoadRequest } from '#src/load/types.js';
import { arrivals, PromptWriter, workload } from '#src/load/workload.js';
import { testServer } from '../server/server.js';

const writer = new PromptWriter(1);
const limits = { context: 4096, promptTokens: 4096, outputTokens: 4096 };
const base = {
  requests: 12,
  trace: null,
  lengths: { promptTokens: 8, outputTokens: 20 },
  limits,
  traceSpeed: null,
  rate: null,
  burstiness: 1,
  seed: 1,
  writer,
};
const warm: readonly LoadRequest[] = [{ prompt: 'a', maxTokens: 2 }];
const apis: readonly LoadApi[] = ['chat', 'responses-ws', 'msgpack'];

describe('arrivals', () => {
  it.each([0.25, 1, 4, Number.POSITIVE_INFINITY])(
    'with burstiness %d come at the rate and vary as they should',
    (burstiness) => {
      const count = 20_000;
      const times = arrivals(count, 50, burstiness, new Rng(3));
      expect(times[count - 1]).toBeCloseTo((count / 50) * 1e3, 6);
      const gaps = Array.from(times, (at, i) => at - (i === 0 ? 0 : times[i - 1]!));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / count;
      const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / count);
      // A gamma distribution of shape b has a coefficient of variation of 1 / sqrt(b).
      expect(deviation / mean).toBeCloseTo(1 / Math.sqrt(burstiness), 1);
    },
  );

  it('all come at once at an infinite rate', () => {
    expect([...arrivals(3, Number.POSITIVE_INFINITY, 1, new Rng(1))]).toEqual([0, 0, 0]);
  });
});

describe('a workload', () => {
  it('takes times and lengths of a trace, within the limits', () => {
    const trace = parseTrace(
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,40,10\n2023-11-16 18:17:04.9799600,9000,700\n',
      'azure.csv',
    );
    const planned = [
      ...workload({
        ...base,
        trace,
        traceSpeed: 10,
        limits: { context: 512, promptTokens: 512, outputTokens: 100 },
      }),
    ];
    expect(planned.map(({ atMs }) => Math.round(atMs!))).toEqual([0, 100]);
    expect(planned.map(({ maxTokens }) => maxTokens)).toEqual([10, 100]);
    expect(planned.map(({ prompt }) => prompt.split(' ').length)).toEqual([40, 412]);
  });

  it('shares the prefixes that the prompts of a trace share', () => {
    const line = (blocks: readonly number[]) =>
      JSON.stringify({ timestamp: 0, input_length: 1100, output_length: 5, hash_ids: blocks });
    const trace = parseTrace([line([7, 8, 9]), line([7, 8, 10])].join('\n'), 'mooncake.jsonl');
    const [a, b] = [...workload({ ...base, trace })].map(({ prompt }) => prompt.split(' '));
    const common = a!.findIndex((word, i) => word !== b![i]);
    expect(common).toBeGreaterThanOrEqual(1024);
    expect(common).toBeLessThan(1100);
  });

  it('has prompts of its own otherwise', () => {
    const prompts = [...workload({ ...base, lengths: { promptTokens: 64, outputTokens: 1 } })].map(
      ({ prompt }) => prompt,
    );
    expect(new Set(prompts).size).toBe(prompts.length);
  });
});

describe('the recorder', () => {
  it('measures as vLLM does: TPOT per token of the usage, ITL per piece', async () => {
    const recorder = new Recorder({ ttftMs: 1_000, tpotMs: 1_000 });
    const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const start = performance.now();
    recorder.start();
    await recorder.record(0, async (onText) => {
      await sleep(40);
      onText();
      await sleep(60);
      onText();
      return { promptTokens: 7, cachedTokens: 3, outputTokens: 7 };
    });
    await recorder.record(0, () => Promise.reject(new Error('no')));
    const took = performance.now() - start;
    const result = recorder.result({ api: 'chat', seed: 1, requestedPerSecond: null, concurrency: 1 });
    expect(result).toMatchObject({
      requests: 1,
      failed: 1,
      errors: { no: 1 },
      inputTokens: 7,
      cachedTokens: 3,
      outputTokens: 7,
    });
    const { ttftMs, tpotMs, itlMs, e2elMs, lateMs } = result;
    expect(ttftMs.mean + itlMs.mean).toBeLessThanOrEqual(e2elMs.mean);
    expect(e2elMs.mean).toBeLessThanOrEqual(took);
    expect(tpotMs.mean).toBeCloseTo((e2elMs.mean - ttftMs.mean) / 6, 6);
    expect(itlMs).toMatchObject({ count: 1 });
    expect(lateMs.count).toBe(2);
    expect(result.goodput).toBeCloseTo(1e3 / result.durationMs, 6);
  });
});

describe.each(apis)('load through %s', (api) => {
  it('keeps so many requests under way in a closed loop, and counts tokens from usage', async () => {
    const server = await testServer({}, { tokensPerSecond: 400, chunkTokens: 1 });
    const target = { url: server.url, apiKey: null, model: 'null' };
    const finished: number[] = [];
    const result = await runLoad({
      api,
      seed: 1,
      target,
      openLine: openLineOf(api),
      workload: workload(base),
      concurrency: 3,
      requestedPerSecond: null,
      goals: { e2elMs: 0.001 },
      warmUp: warm,
      onProgress: (count) => finished.push(count),
    });
    expect(result).toMatchObject({
      api,
      requests: 12,
      failed: 0,
      errors: {},
      outputTokens: 240,
      peakConcurrency: 3,
      goodput: 0,
    });
    expect(result.inputTokens).toBeGreaterThan(12 * 8);
    // The null engine makes 400 tokens a second.
    expect(result.e2elMs.p50).toBeGreaterThan(0.9 * 20 * 2.5);
    expect(result.ttftMs.p50).toBeLessThan(result.e2elMs.p50);
    expect(result.itlMs.count).toBeGreaterThan(12);
    expect(finished).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(formatLoad(result)).toContain('Serving Benchmark Result');
  });

  it('sends on time in an open loop, whatever the server does', async () => {
    const server = await testServer({}, { tokensPerSecond: 50, maxRunning: 2 });
    const result = await runLoad({
      api,
      seed: 1,
      target: { url: server.url, apiKey: null, model: 'null' },
      openLine: openLineOf(api),
      workload: workload({ ...base, requests: 10, rate: 100, burstiness: Number.POSITIVE_INFINITY }),
      concurrency: null,
      requestedPerSecond: 100,
      goals: {},
      warmUp: warm,
    });
    expect(result).toMatchObject({ requests: 10, failed: 0, goodput: null });
    // Five rounds of two, each of 20 tokens at 50 a second, while all ten were sent within a tenth of a second.
    expect(result.peakConcurrency).toBe(10);
    expect(result.ttftMs.max).toBeGreaterThan(0.75 * 4 * 400);
  });

  it('counts failures and goes on', async () => {
    const server = await testServer(
      { admission: { interactive: { maxInFlight: 1, maxWaitingTokens: 10 } } },
      { tokensPerSecond: 200 },
    );
    const result = await runLoad({
      api,
      seed: 1,
      target: { url: server.url, apiKey: null, model: 'null' },
      openLine: openLineOf(api),
      workload: workload({ ...base, requests: 6, rate: Number.POSITIVE_INFINITY }),
      concurrency: null,
      requestedPerSecond: Number.POSITIVE_INFINITY,
      goals: {},
      warmUp: [],
    });
    expect(result.requests).toBeGreaterThan(0);
    expect(result.failed).toBe(6 - result.requests);
    expect(result.failed).toBeGreaterThan(0);
  });
});

it('asks the server for its model and counts its words', async () => {
  const server = await testServer({}, { context: 2048 });
  const facts = await serverFacts(server.url, null);
  expect(facts).toMatchObject({ model: 'null', context: 2048 });
  // The null engine has a token for each byte.
  expect(facts.wordsPerToken).toBeLessThan(0.5);
  await expect(serverFacts('http://127.0.0.1:1', null)).rejects.toThrow(/waferflow serve/);
});
