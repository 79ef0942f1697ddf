/** Loading, draining, breaking: what clients see of it. */
import OpenAI from 'openai';
import { expect, it, onTestFinished, vi } from 'vitest';
import { EngineError } from '#src/core/errors.js';
import type { LoadProgress } from '#src/runtime/types.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { metric, testServer, words } from './server.js';

function clientOf({ url }: RunningServer): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

async function json(response: Promise<Response>): Promise<Record<string, unknown>> {
  return (await (await response).json()) as Record<string, unknown>;
}

it('shows how far loading is, and refuses work until it is done', async () => {
  let report: (progress: LoadProgress) => void = () => undefined;
  let finish: (engine: NullEngine) => void = () => undefined;
  const server = await startServer({
    load: (onProgress) => {
      report = onProgress;
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    model: { id: 'null' },
    port: 0,
    logLevel: 'silent',
  });
  onTestFinished(() => server.close());
  report({ loadedBytes: 30, totalBytes: 100 });
  const health = await fetch(`${server.url}/health`);
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({
    status: 'loading',
    loading: { loadedBytes: 30, totalBytes: 100 },
  });
  expect((await fetch(`${server.url}/ready`)).status).toBe(503);
  const ask = () => clientOf(server).completions.create({ model: 'null', prompt: 'a', max_tokens: 2 });
  await expect(ask()).rejects.toMatchObject({ status: 503, code: 'model_loading' });
  finish(new NullEngine());
  await server.ready;
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  expect((await ask()).choices[0]?.text).toBe(words(2));
});

it('says so when the model cannot be loaded', async () => {
  const server = await startServer({
    load: () => Promise.reject(new Error('no such file')),
    model: { id: 'null' },
    port: 0,
    logLevel: 'silent',
  });
  onTestFinished(() => server.close());
  await expect(server.ready).rejects.toThrow('no such file');
  const health = await fetch(`${server.url}/health`);
  expect(health.status).toBe(500);
  expect(await health.json()).toMatchObject({ status: 'failed', error: 'no such file' });
  expect((await fetch(`${server.url}/ready`)).status).toBe(503);
});

it('drains: takes nothing new, and what runs ends as if nothing was', async () => {
  const server = await testServer({}, { tokensPerSecond: 100 });
  const stream = await clientOf(server).completions.create({
    model: 'null',
    prompt: 'a',
    max_tokens: 300,
    stream: true,
  });
  const iterator = stream[Symbol.asyncIterator]();
  let text = (await iterator.next()).value?.choices[0]?.text ?? '';
  expect((await fetch(`${server.url}/health?ready`)).status).toBe(200);
  const closed = server.close(30_000);
  const ready = await fetch(`${server.url}/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ error: { code: 'server_shutting_down' } });
  expect(await json(fetch(`${server.url}/health`))).toMatchObject({ status: 'draining' });
  expect((await fetch(`${server.url}/health?ready`)).status).toBe(503);
  const ask = clientOf(server).completions.create({ model: 'null', prompt: 'a' });
  await expect(ask).rejects.toMatchObject({ status: 503, code: 'server_shutting_down' });
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
    text += next.value.choices[0]?.text ?? '';
  expect(text).toBe(words(300));
  await closed;
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
});

it('cuts what runs too long: a stream gets an error as its last event, a whole answer a 503', async () => {
  const server = await testServer({}, { tokensPerSecond: 20 });
  const body = { model: 'null', prompt: 'a', max_tokens: 10_000 };
  const streamed = clientOf(server)
    .completions.create({ ...body, stream: true })
    .then(async (stream) => {
      for await (const _ of stream);
    });
  const raw = fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ ...body, stream: true }),
  }).then((response) => response.text());
  const whole = clientOf(server).completions.create(body);
  await Promise.all([
    expect(streamed).rejects.toMatchObject({ code: 'server_shutting_down' }),
    expect(whole).rejects.toMatchObject({ status: 503, code: 'server_shutting_down' }),
    expect(raw).resolves.toMatch(/\ndata: \{"error":\{.*"code":"server_shutting_down"\}\}\n\n$/),
    vi
      .waitFor(() => expect(server.context.admission.load('interactive').inFlight).toBe(3))
      .then(() => server.close(100)),
  ]);
  expect(server.context.admission.load('interactive').inFlight).toBe(0);
});

it('an engine that breaks fails its requests, is loaded again, and the server goes on', async () => {
  const engines: NullEngine[] = [];
  const load = (): Promise<NullEngine> => {
    const engine = new NullEngine({ tokensPerSecond: 50, maxRunning: 1 });
    engines.push(engine);
    return Promise.resolve(engine);
  };
  const server = await testServer({ load });
  const body = { model: 'null', prompt: 'a', max_tokens: 10_000 };
  const streamed = clientOf(server)
    .completions.create({ ...body, stream: true })
    .then(async (stream) => {
      for await (const _ of stream);
    });
  const queued = clientOf(server).completions.create(body);
  const failed = Promise.all([
    expect(streamed).rejects.toMatchObject({ code: 'engine_failed' }),
    expect(queued).rejects.toMatchObject({ status: 503, code: 'engine_failed' }),
  ]);
  await vi.waitFor(() => expect(engines[0]?.stats()).toMatchObject({ running: 1, waiting: 1 }));
  const facts = { what: 'worker 1', given: 'its end', expected: 'a running worker', todo: 'Load again.' };
  engines[0]?.break(new EngineError(facts));
  await failed;
  await vi.waitFor(async () => expect((await fetch(`${server.url}/ready`)).status).toBe(200));
  expect(await json(fetch(`${server.url}/health`))).toMatchObject({ status: 'ready', reloads: 1 });
  const answer = await clientOf(server).completions.create({ ...body, max_tokens: 2 });
  expect(answer.choices[0]?.text).toBe(words(2));
  expect(engines.length).toBe(2);
  expect(server.context.admission.load('interactive').inFlight).toBe(0);
  expect(await metric(server, 'request_failure_total{code="engine_failed"}')).toBe(2);
  expect(await metric(server, 'engine_reloads_total')).toBe(1);
});
