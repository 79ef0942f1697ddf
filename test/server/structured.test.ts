/** Answers of a given form, predictions and tools, through OpenAI's own client, on the embedded model. */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';

let server: RunningServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startServer({
    load: () => load(undefined, { workers: 1, kvTokens: 2048 }),
    model: { id: 'glint' },
    port: 0,
    logLevel: 'silent',
  });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  await server.ready;
});

afterAll(() => server.close());

const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'a person' }];
const request = { model: 'glint', messages, temperature: 0.9, seed: 5, max_tokens: 120 } as const;

const schema = {
  type: 'object',
  properties: { kind: { enum: ['a', 'b'] }, isOk: { type: 'boolean' } },
  required: ['kind', 'isOk'],
  additionalProperties: false,
} as const;

it('follows a JSON schema, streamed as well', async () => {
  const response_format = { type: 'json_schema', json_schema: { name: 'thing', schema } } as const;
  for (const seed of [1, 2, 3]) {
    const ask = { ...request, seed, response_format };
    const answer = await client.chat.completions.create(ask);
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    const text = answer.choices[0]?.message.content ?? '';
    const value = JSON.parse(text) as Record<string, unknown>;
    expect(new Set(Object.keys(value))).toEqual(new Set(['isOk', 'kind']));
    expect(['a', 'b']).toContain(value.kind);
    let streamed = '';
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? '';
    expect(streamed).toBe(text);
  }
});

it('follows a pattern and a list of choices', async () => {
  const structured = (structured_outputs: Record<string, unknown>) =>
    client.chat.completions.create({ ...request, structured_outputs } as typeof request);
  const pattern = await structured({ regex: '[0-9]{3}-[a-f]{2}' });
  expect(pattern.choices[0]?.message.content).toMatch(/^[0-9]{3}-[a-f]{2}$/);
  const choice = await structured({ choice: ['yes (1+1)', 'no.'] });
  expect(['yes (1+1)', 'no.']).toContain(choice.choices[0]?.message.content);
});

it('refuses a schema that makes no sense, with the field', async () => {
  const response_format = {
    type: 'json_schema',
    json_schema: { name: 'thing', schema: { $ref: '#/nowhere' } },
  } as const;
  const asked = client.chat.completions.create({ ...request, response_format });
  await expect(asked).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' });
});

it('a prediction changes nothing but the count of accepted tokens', async () => {
  const greedy = { ...request, temperature: 0, max_tokens: 60 };
  const plain = await client.chat.completions.create(greedy);
  const content = plain.choices[0]?.message.content ?? '';
  const predicted = await client.chat.completions.create({
    ...greedy,
    prediction: { type: 'content', content },
  });
  expect(predicted.choices[0]?.message.content).toBe(content);
  const { accepted_prediction_tokens = 0, rejected_prediction_tokens = 0 } =
    predicted.usage?.completion_tokens_details ?? {};
  expect(accepted_prediction_tokens).toBeGreaterThan(10);
  expect(rejected_prediction_tokens).toBeGreaterThanOrEqual(0);
});

it('a repeated prompt is found in the prefix cache', async () => {
  const long: OpenAI.ChatCompletionMessageParam[] = [
    { role: 'user', content: 'const list = [1, 2, 3];\n'.repeat(12) },
  ];
  const ask = () => client.chat.completions.create({ ...request, messages: long, max_tokens: 1 });
  expect((await ask()).usage?.prompt_tokens_details?.cached_tokens).toBe(0);
  expect((await ask()).usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(32);
});

it('calls a tool that is required, with arguments of its schema, streamed as well', async () => {
  const ask = {
    ...request,
    tools: [{ type: 'function', function: { name: 'choose', parameters: schema } }],
    tool_choice: 'required',
  } satisfies Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>;
  const answer = await client.chat.completions.create(ask);
  const [choice] = answer.choices;
  expect(choice?.finish_reason).toBe('tool_calls');
  expect(choice?.message.content).toBeNull();
  const [call] = choice?.message.tool_calls ?? [];
  if (call?.type !== 'function') throw new Error('no function was called');
  expect(call.function.name).toBe('choose');
  const keys = Object.keys(JSON.parse(call.function.arguments) as object);
  expect(new Set(keys)).toEqual(new Set(['isOk', 'kind']));
  const final = await client.chat.completions.stream(ask).finalChatCompletion();
  expect(final.choices[0]?.finish_reason).toBe('tool_calls');
  const [streamed] = final.choices[0]?.message.tool_calls ?? [];
  expect(streamed).toMatchObject({ type: 'function', function: call.function });
});
