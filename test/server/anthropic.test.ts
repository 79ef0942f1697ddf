/** Anthropic's Messages API through its own client, on the embedded model. */
import Anthropic from '@anthropic-ai/sdk';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { invalidity } from '../helpers/json-schema.js';
import { breakableServer, testServer } from './server.js';

let server: RunningServer;
let client: Anthropic;

beforeAll(async () => {
  server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
  client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
  await server.ready;
});

afterAll(() => server.close());

/** Sent, though the client's types no longer have it. */
const greedy = { temperature: 0 };
const request = {
  ...greedy,
  model: 'glint',
  max_tokens: 24,
  messages: [{ role: 'user', content: 'export function add(' }],
} as const satisfies Anthropic.MessageCreateParamsNonStreaming;

const weather = {
  name: 'get_weather',
  description: 'The weather of a city',
  input_schema: {
    type: 'object' as const,
    properties: { city: { type: 'string', maxLength: 20 } },
    required: ['city'],
  },
};

const textOf = (message: Anthropic.Message) =>
  message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');

/** What two answers to the same request must agree in. */
const essence = ({ content, stop_reason, stop_sequence, usage }: Anthropic.Message) => ({
  content: content.map((block) => (block.type === 'tool_use' ? { ...block, id: '' } : block)),
  stop_reason,
  stop_sequence,
  tokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
  output: usage.output_tokens,
});

describe('a message', () => {
  it('has text, stop reason and usage, the prompt cache apart', async () => {
    const message = await client.messages.create(request);
    expect(message).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'glint',
      stop_reason: 'max_tokens',
    });
    expect(textOf(message)).not.toBe('');
    expect(message.usage.output_tokens).toBe(24);
    const { input_tokens } = await client.messages.countTokens({
      model: 'glint',
      messages: [...request.messages],
    });
    expect(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0)).toBe(input_tokens);
    expect(message._request_id).toMatch(/^req_/);
  });

  it('is the same streamed', async () => {
    const whole = await client.messages.create(request);
    const events: string[] = [];
    const stream = client.messages.stream(request);
    stream.on('streamEvent', ({ type }) => events.push(type));
    const streamed = await stream.finalMessage();
    expect(essence(streamed)).toEqual(essence(whole));
    expect(events.filter((type) => type !== 'content_block_delta')).toEqual([
      'message_start',
      'content_block_start',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it('ends at a stop sequence and says which', async () => {
    const whole = textOf(await client.messages.create(request));
    const stop = whole.slice(6, 9);
    const message = await client.messages.create({ ...request, stop_sequences: ['never there', stop] });
    expect(message).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: stop });
    expect(textOf(message)).toBe(whole.slice(0, whole.indexOf(stop)));
    const streamed = await client.messages.stream({ ...request, stop_sequences: [stop] }).finalMessage();
    expect(streamed).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: stop });
  });

  it('takes a system text, turns and what a model thought before', async () => {
    const { input_tokens: short } = await client.messages.countTokens({
      model: 'glint',
      messages: [...request.messages],
    });
    const message = await client.messages.create({
      ...request,
      system: [{ type: 'text', text: 'Write TypeScript.' }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'one' }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'x' },
            { type: 'text', text: 'two' },
          ],
        },
        { role: 'user', content: 'three' },
      ],
      thinking: { type: 'adaptive' },
    });
    expect(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0)).toBeGreaterThan(short);
  });

  it('is of a schema that is asked for', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer', maximum: 99 } },
      required: ['n'],
      additionalProperties: false,
    };
    const message = await client.messages.create({
      ...request,
      max_tokens: 60,
      output_config: { format: { type: 'json_schema', schema } },
    });
    expect(invalidity(JSON.parse(textOf(message)), schema)).toBeNull();
  });
});

describe('tools', () => {
  it('are called, whole and streamed, and their results taken', async () => {
    const asked = {
      ...request,
      max_tokens: 200,
      tools: [weather],
      tool_choice: { type: 'tool', name: 'get_weather' },
    } as const satisfies Anthropic.MessageCreateParamsNonStreaming;
    const message = await client.messages.create(asked);
    expect(message.stop_reason).toBe('tool_use');
    const [call] = message.content;
    if (call?.type !== 'tool_use') return expect.fail('no call');
    expect(call).toMatchObject({ name: 'get_weather', input: { city: expect.any(String) as string } });
    const streamed = await client.messages.stream(asked).finalMessage();
    expect(essence(streamed)).toEqual(essence(message));
    const next = await client.messages.create({
      ...request,
      tools: [weather],
      tool_choice: { type: 'none' },
      messages: [
        ...request.messages,
        { role: 'assistant', content: message.content },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: call.id,
              content: [{ type: 'text', text: 'sun' }],
              is_error: false,
            },
            { type: 'text', text: 'And now?' },
          ],
        },
      ],
    });
    expect(next.stop_reason).toBe('max_tokens');
  });
});

describe('errors', () => {
  it.each<[string, object, number, string]>([
    ['no max_tokens', { max_tokens: undefined }, 400, 'invalid_request_error'],
    ['an unknown model', { model: 'other' }, 404, 'not_found_error'],
    ['a tool that is not there', { tool_choice: { type: 'tool', name: 'x' } }, 400, 'invalid_request_error'],
    [
      'a prompt that is too long',
      { messages: [{ role: 'user', content: 'word '.repeat(100_000) }] },
      400,
      'invalid_request_error',
    ],
  ])('say what is wrong with %s', async (_, change, status, type) => {
    const error = await client.messages
      .create({ ...request, ...change } as Anthropic.MessageCreateParamsNonStreaming)
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    if (!(error instanceof Anthropic.APIError)) return expect.fail(`no APIError: ${String(error)}`);
    expect(error.status).toBe(status);
    expect(error.error).toMatchObject({
      type: 'error',
      error: { type },
      request_id: expect.stringMatching(/^req_/) as string,
    });
  });

  it('come as an event when the stream has begun', async () => {
    const broken = await breakableServer();
    const response = await fetch(`${broken.url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'null',
        max_tokens: 1000,
        stream: true,
        messages: [{ role: 'user', content: 'x' }],
      }),
    });
    const events: EventSourceMessage[] = [];
    const parser = createParser({ onEvent: (event) => events.push(event) });
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      parser.feed(chunk);
      if (events.some(({ event }) => event === 'content_block_delta')) broken.breakEngine();
    }
    expect(events[0]?.event).toBe('message_start');
    for (const { event, data } of events) expect((JSON.parse(data) as { type: string }).type).toBe(event);
    expect(events.at(-1)?.event).toBe('error');
    expect(JSON.parse(events.at(-1)!.data)).toMatchObject({
      type: 'error',
      error: { type: expect.any(String) as string },
    });
  });

  it('refuse a wrong key in the same form', async () => {
    const { parseKeyList } = await import('#src/server/gate/key-file.js');
    const locked = await testServer({ keys: parseKeyList('right-key', 'a test') });
    const denied = new Anthropic({ baseURL: locked.url, apiKey: 'wrong-key', maxRetries: 0 });
    await expect(denied.messages.create({ ...request, model: 'null' })).rejects.toBeInstanceOf(
      Anthropic.AuthenticationError,
    );
    const allowed = new Anthropic({ baseURL: locked.url, apiKey: 'right-key', maxRetries: 0 });
    expect((await allowed.messages.create({ ...request, model: 'null' })).type).toBe('message');
    const bearer = new Anthropic({
      baseURL: locked.url,
      authToken: 'right-key',
      apiKey: null,
      maxRetries: 0,
    });
    expect((await bearer.messages.create({ ...request, model: 'null' })).type).toBe('message');
  });
});
