/** Faults with a real engine: pages come back, and nobody else's text changes. */
import { Worker } from 'node:worker_threads';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { rawPost, readUntil } from './raw.js';
import { metric } from './server.js';

const start = (options: Parameters<typeof load>[1]): Promise<RunningServer> =>
  startServer({ load: () => load(undefined, options), model: { id: 'glint' }, port: 0, logLevel: 'silent' });

function clientOf({ url }: RunningServer): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

const prompt = 'function add(a: number, b: ';

async function textOf(
  server: RunningServer,
  options: { max_tokens: number; prompt?: string; seed?: number },
) {
  const body = { model: 'glint', prompt, temperature: 0.8, seed: 11, ignore_eos: true, ...options };
  return (await clientOf(server).completions.create(body)).choices[0]?.text;
}

/** No request is left, and no page of the KV cache is in use. */
async function isEmpty(server: RunningServer): Promise<void> {
  const engine = await server.ready;
  await vi.waitFor(
    () => {
      expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, kvPages: { used: 0 } });
      expect(server.context.admission.load('interactive').inFlight).toBe(0);
    },
    { timeout: 5000 },
  );
}

describe('a client that vanishes', () => {
  let server: RunningServer;
  let alone: string | undefined;

  beforeAll(async () => {
    server = await start({ maxRunning: 2, kvTokens: 1024, prefillChunk: 16, workers: 1 });
    await server.ready;
    alone = await textOf(server, { max_tokens: 300 });
  });
  afterAll(() => server.close());

  const body = { prompt, max_tokens: 400, temperature: 1, stream: true, ignore_eos: true };

  it('while it is queued', async () => {
    const others = [textOf(server, { max_tokens: 300 }), textOf(server, { max_tokens: 300 })];
    const engine = await server.ready;
    await vi.waitFor(() => expect(engine.stats().running).toBe(2), { interval: 2, timeout: 10_000 });
    const socket = await rawPost(server, '/v1/completions', body);
    await vi.waitFor(() => expect(engine.stats().waiting).toBe(1), { interval: 2, timeout: 10_000 });
    socket.destroy();
    expect(await Promise.all(others)).toEqual([alone, alone]);
    await isEmpty(server);
  });

  it('in prefill', async () => {
    const other = textOf(server, { max_tokens: 300 });
    const long = `${Math.random()} const a = 1;`.repeat(12);
    const socket = await rawPost(server, '/v1/completions', { ...body, prompt: long, max_tokens: 1 });
    const engine = await server.ready;
    const { promptTokens } = engine.stats();
    await vi.waitFor(() => expect(engine.stats().promptTokens).toBeGreaterThan(promptTokens), {
      interval: 1,
      timeout: 10_000,
    });
    socket.destroy();
    expect(await other).toBe(alone);
    await isEmpty(server);
  });

  it('in decode', async () => {
    const other = textOf(server, { max_tokens: 300 });
    const socket = await rawPost(server, '/v1/completions', body);
    await readUntil(socket, (text) => text.split('data:').length > 5);
    socket.destroy();
    expect(await other).toBe(alone);
    await isEmpty(server);
  });

  it('at the last token', async () => {
    const other = textOf(server, { max_tokens: 300 });
    for (const max_tokens of [1, 2, 3]) {
      const socket = await rawPost(server, '/v1/completions', { ...body, max_tokens });
      await readUntil(socket, (text) => text.includes('"length"'));
      socket.destroy();
    }
    expect(await other).toBe(alone);
    await isEmpty(server);
  });

  it('without reading: its sequence is paused, the other goes on', async () => {
    const { generatedTokens } = (await server.ready).stats();
    const socket = await rawPost(server, '/v1/completions', body);
    expect(await textOf(server, { max_tokens: 300 })).toBe(alone);
    socket.destroy();
    await isEmpty(server);
    expect((await server.ready).stats().generatedTokens - generatedTokens).toBeLessThanOrEqual(700);
  });
});

it('when the KV cache is too small for all, requests wait or start again, and no text changes', async () => {
  const server = await start({ maxRunning: 6, kvTokens: 512, workers: 1 });
  onTestFinished(() => server.close());
  await server.ready;
  const ask = (seed: number) => textOf(server, { max_tokens: 220, seed });
  const seeds = [1, 2, 3, 4, 5, 6];
  const together = await Promise.all(seeds.map(ask));
  expect(await metric(server, 'num_preemptions_total')).toBeGreaterThan(0);
  for (const [i, seed] of seeds.entries()) expect(together[i]).toBe(await ask(seed));
  await isEmpty(server);
});

it('a prompt of 128 thousand tokens is refused in words, and costs nobody anything', async () => {
  const server = await start({ workers: 1 });
  onTestFinished(() => server.close());
  const engine = await server.ready;
  const encode = vi.spyOn(engine.tokenizer, 'encode');
  const error: unknown = await textOf(server, {
    max_tokens: 1,
    prompt: 'const a = 1;\n'.repeat(30_000),
  }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded' });
  expect(encode).not.toHaveBeenCalled();
  await isEmpty(server);
});

it('a worker that is killed fails its requests with a clear error, and the server goes on', async () => {
  const threads: Worker[] = [];
  const on = Worker.prototype.on;
  const spy = vi.spyOn(Worker.prototype, 'on').mockImplementation(function (this: Worker, ...args) {
    threads.push(this);
    return Reflect.apply(on, this, args) as Worker;
  });
  const server = await start({ workers: 2 });
  onTestFinished(() => server.close());
  await server.ready;
  spy.mockRestore();
  const alone = await textOf(server, { max_tokens: 30 });
  const stream = await clientOf(server).completions.create({
    model: 'glint',
    prompt,
    max_tokens: 400,
    stream: true,
  });
  const failed = expect(
    (async () => {
      for await (const _ of stream);
    })(),
  ).rejects.toMatchObject({ code: 'engine_failed' });
  await threads.at(-1)?.terminate();
  await failed;
  await vi.waitFor(async () => expect((await fetch(`${server.url}/ready`)).status).toBe(200), {
    timeout: 20_000,
  });
  expect(server.context.host.reloads).toBe(1);
  expect(await textOf(server, { max_tokens: 30 })).toBe(alone);
});
