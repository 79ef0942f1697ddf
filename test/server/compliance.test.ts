/**
 * The checks of the Open Responses compliance suite, written anew from their public description, against a real server
 * with a real model. Every response is validated as a whole.
 */
import { createParser } from 'eventsource-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { connect, type Frame, responseOf } from './socket-client.js';

const nullableText = z.string().nullable();
const status = z.enum(['in_progress', 'completed', 'incomplete']);
const outputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()),
  logprobs: z.array(z.unknown()),
});
const outputItem = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string().min(1),
    status,
    role: z.literal('assistant'),
    content: z.array(outputText),
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string().min(1),
    status,
    call_id: z.string().min(1),
    name: z.string().min(1),
    arguments: z.string(),
  }),
]);

/** The response resource: every field has to be there. */
const responseResource = z.object({
  id: z.string().min(1),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(['completed', 'incomplete', 'in_progress', 'failed', 'queued', 'cancelled']),
  incomplete_details: z.object({ reason: z.string() }).nullable(),
  model: z.string(),
  previous_response_id: nullableText,
  instructions: nullableText,
  output: z.array(outputItem),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  tools: z.array(
    z.object({
      type: z.literal('function'),
      name: z.string(),
      description: nullableText,
      parameters: z.record(z.string(), z.unknown()).nullable(),
      strict: z.boolean().nullable(),
    }),
  ),
  tool_choice: z.union([z.enum(['auto', 'none', 'required']), z.looseObject({ type: z.string() })]),
  truncation: z.enum(['auto', 'disabled']),
  parallel_tool_calls: z.boolean(),
  text: z.object({
    format: z.looseObject({ type: z.string() }),
    verbosity: z.enum(['low', 'medium', 'high']),
  }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: z.int(),
  temperature: z.number(),
  reasoning: z.object({ effort: nullableText, summary: nullableText }).nullable(),
  usage: z
    .object({
      input_tokens: z.int().min(1),
      output_tokens: z.int().min(0),
      total_tokens: z.int(),
      input_tokens_details: z.object({ cached_tokens: z.int().min(0) }),
      output_tokens_details: z.object({ reasoning_tokens: z.int().min(0) }),
    })
    .refine(({ input_tokens, output_tokens, total_tokens }) => input_tokens + output_tokens === total_tokens),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.record(z.string(), z.string()),
  safety_identifier: nullableText,
  prompt_cache_key: nullableText,
});

let server: RunningServer;
beforeAll(async () => {
  const engine = () =>
    load(undefined, {
      context: 2048,
      kvTokens: 4096,
      ropeScaling: { type: 'linear', factor: 4 },
      workers: 1,
    });
  server = await startServer({ load: engine, model: { id: 'glint' }, port: 0, logLevel: 'silent' });
  await server.ready;
});
afterAll(() => server.close());

// Greedy and short: the checks are about the protocol, and the machine may be slow.
const common = { model: 'glint', temperature: 0, max_output_tokens: 16 };
const user = (content: unknown) => [{ type: 'message', role: 'user', content }];
const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather at a place',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};

async function post(body: object): Promise<Response> {
  return await fetch(`${server.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...common, ...body }),
  });
}

async function create(body: object): Promise<z.infer<typeof responseResource>> {
  const response = await post(body);
  expect(response.status).toBe(200);
  return answered(await response.json());
}

/** The whole object, with an answer in it. */
function answered(value: unknown): z.infer<typeof responseResource> {
  const response = responseResource.parse(value);
  expect(['completed', 'incomplete']).toContain(response.status);
  expect(response.output.length).toBeGreaterThan(0);
  return response;
}

async function streamed(body: object): Promise<Frame[]> {
  const response = await post({ ...body, stream: true });
  const events: Frame[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (data === '[DONE]') return;
      const parsed = JSON.parse(data) as Frame;
      expect(event).toBe(parsed.type);
      events.push(parsed);
    },
  });
  parser.feed(await response.text());
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
  expect(events[0]?.type).toBe('response.created');
  answered(events.at(-1)?.response);
  return events;
}

describe('HTTP', () => {
  it('basic-response', async () => {
    const { output } = await create({ input: user('Say hello in three words.') });
    expect(output[0]).toMatchObject({ type: 'message', content: [{ text: expect.stringMatching(/\S/) }] });
  });

  it('streaming-response', async () => {
    const events = await streamed({ input: user('Count from 1 to 5.') });
    const deltas = events
      .filter(({ type }) => type === 'response.output_text.delta')
      .map(({ delta }) => delta);
    expect(events.find(({ type }) => type === 'response.output_text.done')?.text).toBe(deltas.join(''));
  });

  it('system-prompt', async () => {
    const system = { type: 'message', role: 'system', content: 'You are a pirate.' };
    await create({ input: [system, ...user('Say hello.')] });
    const { instructions } = await create({ instructions: 'You are a pirate.', input: 'Say hello.' });
    expect(instructions).toBe('You are a pirate.');
  });

  it('tool-calling', async () => {
    const body = {
      input: user('The weather in Paris?'),
      tools: [weather],
      tool_choice: 'required',
      max_output_tokens: 80,
    };
    const { output, tools } = await create(body);
    expect(tools).toMatchObject([{ name: 'get_weather' }]);
    expect(output).toContainEqual(expect.objectContaining({ type: 'function_call', name: 'get_weather' }));
  });

  it('tool-calling-streaming', async () => {
    const body = {
      input: user('The weather in Paris?'),
      tools: [weather],
      tool_choice: 'required',
      max_output_tokens: 80,
    };
    const events = await streamed(body);
    const deltas = events.filter(({ type }) => type === 'response.function_call_arguments.delta');
    const done = events.find(({ type }) => type === 'response.function_call_arguments.done');
    expect(done).toMatchObject({ name: 'get_weather', arguments: deltas.map(({ delta }) => delta).join('') });
  });

  it('image-input', async () => {
    const image = { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' };
    await create({ input: user([{ type: 'input_text', text: 'What is this?' }, image]) });
  });

  it('multi-turn', async () => {
    const answer = {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello Alice.' }],
    };
    await create({ input: [...user('My name is Alice.'), answer, ...user('What is my name?')] });
  });

  it('continues with previous_response_id', async () => {
    const { id } = await create({ input: user('My name is Alice. '.repeat(20)) });
    const next = await create({ input: user('What is my name?'), previous_response_id: id });
    expect(next.previous_response_id).toBe(id);
    expect(next.usage.input_tokens_details.cached_tokens).toBeGreaterThan(0);
  });

  it('structured output', async () => {
    const schema = {
      type: 'object',
      properties: { ok: { type: 'boolean' } },
      required: ['ok'],
      additionalProperties: false,
    };
    const format = { type: 'json_schema', name: 'answer', schema, strict: true };
    const { output, text } = await create({ input: 'Is it fine?', text: { format }, max_output_tokens: 60 });
    expect(text.format).toMatchObject({ type: 'json_schema', name: 'answer' });
    const [message] = output;
    if (message?.type !== 'message') throw new Error('no message came');
    expect(JSON.parse(message.content[0]?.text ?? '')).toEqual({ ok: expect.any(Boolean) });
  });

  it('an error has its form', async () => {
    const response = await post({ input: user('x'), temperature: 'hot' });
    expect(response.status).toBe(400);
    const error = z.object({
      type: z.string(),
      code: nullableText,
      param: nullableText,
      message: z.string(),
    });
    z.object({ error }).parse(await response.json());
  });
});

describe('WebSocket', () => {
  const body = { ...common, store: false };
  const notFound = { type: 'error', status: 400, error: { code: 'previous_response_not_found' } };

  it('WebSocket Response', async () => {
    const client = await connect(server.url);
    const frames = await client.respond({ ...body, input: user('Say hello.') });
    expect(frames[0]?.type).toBe('response.created');
    answered(responseOf(frames));
  });

  it('WebSocket Sequential Responses', async () => {
    const client = await connect(server.url);
    for (const word of ['one', 'two'])
      answered(responseOf(await client.respond({ ...body, input: user(`Say ${word}.`) })));
  });

  it('WebSocket Continuation', async () => {
    const client = await connect(server.url);
    const { id } = responseOf(await client.respond({ ...body, input: user('My name is Alice.') }));
    const next = responseOf(await client.respond({ ...body, input: user('And?'), previous_response_id: id }));
    expect(answered(next).previous_response_id).toBe(id);
  });

  it('WebSocket Store False Reconnect Recovery', async () => {
    const first = await connect(server.url);
    const { id } = responseOf(await first.respond({ ...body, input: user('My name is Alice.') }));
    first.ws.close();
    const second = await connect(server.url);
    const [lost] = await second.respond({ ...body, input: user('And?'), previous_response_id: id });
    expect(lost).toMatchObject(notFound);
    answered(
      responseOf(await second.respond({ ...body, input: [...user('My name is Alice.'), ...user('And?')] })),
    );
  });

  it('WebSocket Missing Previous Response', async () => {
    const client = await connect(server.url);
    const [missing] = await client.respond({
      ...body,
      input: user('x'),
      previous_response_id: 'resp_missing',
    });
    expect(missing).toMatchObject(notFound);
  });

  it('WebSocket Failed Continuation Evicts Cache', async () => {
    const client = await connect(server.url);
    const { id } = responseOf(await client.respond({ ...body, input: user('Hi.') }));
    const bad = [{ type: 'function_call_output', call_id: 'call_missing', output: '1' }];
    const [failed] = await client.respond({ ...body, input: bad, previous_response_id: id });
    expect(failed).toMatchObject({ type: 'error', status: 400 });
    const [evicted] = await client.respond({ ...body, input: user('x'), previous_response_id: id });
    expect(evicted).toMatchObject(notFound);
  });

  it('WebSocket Compact New Chain', async () => {
    const first = await create({ input: user('My name is Alice.') });
    const compact = await fetch(`${server.url}/v1/responses/compact`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'glint', previous_response_id: first.id, input: user('Remember it.') }),
    });
    expect(compact.status).toBe(200);
    const { object, output } = (await compact.json()) as { object: string; output: { type: string }[] };
    expect(object).toBe('response.compaction');
    expect(output.map(({ type }) => type)).toContain('compaction');
    const client = await connect(server.url);
    const next = responseOf(
      await client.respond({ ...body, input: [...output, ...user('What is my name?')] }),
    );
    expect(answered(next).previous_response_id).toBeNull();
  });
});
