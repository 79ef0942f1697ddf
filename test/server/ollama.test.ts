/** Ollama's API through its own client, on the embedded model. */
import { type ChatResponse, type GenerateResponse, Ollama } from 'ollama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { invalidity } from '../helpers/json-schema.js';
import { breakableServer } from './server.js';

let server: RunningServer;
let client: Ollama;

beforeAll(async () => {
  server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
  client = new Ollama({ host: server.url });
  await server.ready;
});

afterAll(() => server.close());

const options = { temperature: 0, num_predict: 24 };
const prompt = 'export function add(';

async function all<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const part of parts) list.push(part);
  return list;
}

/** What ends every answer, with durations in nanoseconds. */
function expectEnd(end: GenerateResponse | ChatResponse | undefined, reason: string): void {
  expect(end).toMatchObject({ model: 'glint', done: true, done_reason: reason });
  expect(end!.load_duration).toBeLessThanOrEqual(end!.total_duration);
  expect(new Date(end!.created_at).getTime()).toBeGreaterThan(Date.now() - 600_000);
  expect(end!.prompt_eval_count).toBeGreaterThan(0);
  expect(end!.total_duration).toBeGreaterThanOrEqual(end!.eval_duration + end!.prompt_eval_duration);
  // A token takes longer than a microsecond and less than a second.
  expect(end!.eval_duration / end!.eval_count).toBeGreaterThan(1e3);
  expect(end!.eval_duration / end!.eval_count).toBeLessThan(1e9);
}

describe('/api/generate', () => {
  it('is the same streamed and whole', async () => {
    const whole = await client.generate({ model: 'glint', prompt, options });
    expect(whole.response).not.toBe('');
    expectEnd(whole, 'length');
    expect(whole.eval_count).toBe(24);
    const parts = await all(await client.generate({ model: 'glint:latest', prompt, options, stream: true }));
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map(({ response }) => response).join('')).toBe(whole.response);
    expect(parts.slice(0, -1).every(({ done }) => !done)).toBe(true);
    expect(parts.at(-1)).toMatchObject({
      done_reason: 'length',
      eval_count: 24,
      prompt_eval_count: whole.prompt_eval_count,
    });
  });

  it('streams unless it is told not to', async () => {
    const response = await fetch(`${server.url}/api/generate`, {
      method: 'POST',
      body: JSON.stringify({ model: 'glint', prompt, options }),
    });
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as GenerateResponse);
    expect(lines.at(-1)?.done).toBe(true);
  });

  it('obeys options: seed, stop, and formats', async () => {
    const sampled = { model: 'glint', prompt, options: { num_predict: 16, seed: 5 } };
    expect((await client.generate(sampled)).response).toBe((await client.generate(sampled)).response);
    const whole = (await client.generate({ model: 'glint', prompt, options })).response ?? '';
    const stop = whole.slice(6, 9);
    const stopped = await client.generate({ model: 'glint', prompt, options: { ...options, stop: [stop] } });
    expect(stopped).toMatchObject({ response: whole.slice(0, whole.indexOf(stop)), done_reason: 'stop' });
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
    const formed = await client.generate({ model: 'glint', prompt, format: schema, options });
    expect(invalidity(JSON.parse(formed.response ?? ''), schema)).toBeNull();
  });

  it('fills in the middle', async () => {
    const filled = await client.generate({
      model: 'glint',
      prompt: 'function add(a, b) {\n',
      suffix: '\n}\n',
      options,
    });
    expectEnd(filled, filled.done_reason);
  });

  it('loads the model on an empty prompt', async () => {
    expect(await client.generate({ model: 'glint', prompt: '' })).toMatchObject({
      response: '',
      done: true,
      done_reason: 'load',
    });
    expect(await client.chat({ model: 'glint' })).toMatchObject({ done: true, done_reason: 'load' });
  });

  it('has log-probabilities', async () => {
    const answer = await client.generate({
      model: 'glint',
      prompt,
      options,
      logprobs: true,
      top_logprobs: 2,
    });
    expect(answer.logprobs).toHaveLength(24);
    expect(answer.logprobs?.[0]?.top_logprobs).toHaveLength(2);
    expect(answer.logprobs?.map(({ token }) => token).join('')).toBe(answer.response);
  });
});

describe('/api/chat', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: prompt },
  ];

  it('is the same streamed and whole', async () => {
    const whole = await client.chat({ model: 'glint', messages, options });
    expect(whole.message).toMatchObject({ role: 'assistant' });
    expectEnd(whole, whole.done_reason);
    const parts = await all(await client.chat({ model: 'glint', messages, options, stream: true }));
    expect(parts.map(({ message }) => message.content).join('')).toBe(whole.message.content);
    expect(parts.at(-1)).toMatchObject({
      done: true,
      done_reason: whole.done_reason,
      eval_count: whole.eval_count,
    });
  });

  it('takes tools, calls and their results', async () => {
    const answer = await client.chat({
      model: 'glint',
      messages: [
        ...messages,
        { role: 'assistant', content: '', tool_calls: [{ function: { name: 'now', arguments: {} } }] },
        { role: 'tool', content: 'noon', tool_name: 'now' },
      ],
      tools: [
        { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
      ],
      options,
    });
    expectEnd(answer, answer.done_reason);
  });
});

describe('models', () => {
  it('are listed, shown and running', async () => {
    const { models } = await client.list();
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({ name: 'glint', details: { format: 'gguf', family: 'llama' } });
    expect(models[0]!.size).toBeGreaterThan(1e6);
    const running = await client.ps();
    expect(running.models[0]).toMatchObject({ name: 'glint', size_vram: 0 });
    const shown = await client.show({ model: 'glint' });
    expect(shown.capabilities).toContain('completion');
    expect(shown.model_info).toMatchObject({ 'general.architecture': 'llama' });
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('errors', () => {
  it.each<[string, string, object, number, RegExp]>([
    ['an unknown model', '/api/chat', { model: 'other', messages: [] }, 404, /model 'other' not found/],
    ['no model', '/api/generate', { prompt }, 400, /model/],
    ['thinking', '/api/generate', { model: 'glint', prompt, think: true }, 400, /think/],
    ['an odd format', '/api/generate', { model: 'glint', prompt, format: 'xml' }, 400, /format/],
    [
      'a schema that cannot be kept',
      '/api/generate',
      { model: 'glint', prompt, format: { type: 'strange' } },
      400,
      /strange/,
    ],
  ])('say what is wrong with %s', async (_, path, body, status, message) => {
    const response = await fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    const { error } = (await response.json()) as { error: string };
    expect(error).toMatch(message);
    expect(response.status).toBe(status);
  });

  it('come as the last line when the stream has begun', async () => {
    const broken = await breakableServer();
    const stream = await new Ollama({ host: broken.url }).generate({ model: 'null', prompt, stream: true });
    const read = async () => {
      for await (const _ of stream) broken.breakEngine();
    };
    await expect(read()).rejects.toThrow();
  });
});
