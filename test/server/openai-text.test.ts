/** `/v1/completions`, models and tokens through OpenAI's own client, on the embedded model. */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';

let server: RunningServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  await server.ready;
});

afterAll(() => server.close());

const request = {
  model: 'glint',
  prompt: 'function add(a: number, b: ',
  max_tokens: 16,
  temperature: 0,
} as const;

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

it('completes a text as the engine does, streamed as well', async () => {
  const engine = await server.ready;
  let direct = '';
  for await (const chunk of engine.generate(request.prompt, { maxTokens: 16, temperature: 0 }))
    if (!chunk.done) direct += chunk.text;
  const whole = await client.completions.create(request);
  expect(whole.choices[0]).toMatchObject({ text: direct, index: 0, logprobs: null, finish_reason: 'length' });
  let streamed = '';
  let usage = null;
  const stream = await client.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    streamed += chunk.choices[0]?.text ?? '';
    usage = chunk.usage;
  }
  expect(streamed).toBe(direct);
  expect(usage).toMatchObject({ completion_tokens: 16, prompt_tokens: whole.usage?.prompt_tokens });
});

it('takes lists of prompts, as text and as ids, and n choices of each', async () => {
  const { tokens } = await post('/tokenize', { prompt: request.prompt });
  const single = await client.completions.create(request);
  const ids = await client.completions.create({ ...request, prompt: tokens as number[] });
  expect(ids.choices[0]?.text).toBe(single.choices[0]?.text);
  const many = await client.completions.create({
    ...request,
    prompt: [request.prompt, 'import {'],
    n: 2,
  });
  expect(many.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  expect(many.choices[0]?.text).toBe(single.choices[0]?.text);
  expect(many.choices[1]?.text).toBe(single.choices[0]?.text);
  expect(many.choices[2]?.text).not.toBe(single.choices[0]?.text);
  expect(many.usage?.completion_tokens).toBe(64);
  // Each prompt counts once, whatever its number of choices.
  const other = await client.completions.create({ ...request, prompt: 'import {' });
  expect(many.usage?.prompt_tokens).toBe(
    (single.usage?.prompt_tokens ?? 0) + (other.usage?.prompt_tokens ?? 0),
  );
});

it('echoes the prompt, and fills in between prefix and suffix', async () => {
  const plain = await client.completions.create(request);
  const echo = await client.completions.create({ ...request, echo: true });
  expect(echo.choices[0]?.text).toBe(request.prompt + plain.choices[0]?.text);
  const infill = await client.completions.create({ ...request, suffix: ') {\n  return a + b;\n}\n' });
  expect(infill.choices[0]?.text).not.toBe(plain.choices[0]?.text);
  expect(infill.usage?.prompt_tokens).toBeGreaterThan((plain.usage?.prompt_tokens ?? 0) + 3);
});

it('names the model', async () => {
  const list = await client.models.list();
  expect(list.data).toMatchObject([{ id: 'glint', object: 'model', owned_by: 'waferflow' }]);
  expect(await client.models.retrieve('glint')).toMatchObject({ id: 'glint', max_model_len: 1024 });
  await expect(client.models.retrieve('other/model')).rejects.toMatchObject({ status: 404 });
});

it('tokenises and back', async () => {
  const text = 'const greeting = "h\u00e9llo \u{1f600}";';
  const { tokens, count } = await post('/tokenize', { content: text });
  expect(count).toBe((tokens as number[]).length);
  expect(await post('/detokenize', { tokens })).toMatchObject({ content: text, prompt: text });
  const bad = await fetch(`${server.url}/detokenize`, {
    method: 'POST',
    body: JSON.stringify({ tokens: [99_999_999] }),
  });
  expect(bad.status).toBe(400);
});
