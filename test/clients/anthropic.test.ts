/** What Anthropic's clients rely on, with their SDK or the bytes that they send. */
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { describe, expect, it } from 'vitest';
import { testServer } from '../server/server.js';
import { post, scriptedServer } from './scripted.js';

const clientOf = (url: string): Anthropic => new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 });
const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'x' }];
const ask = { model: 'null', max_tokens: 400, messages };

describe('an answer', () => {
  it('has no citations in a block of text, whole and streamed', async () => {
    const { url } = await scriptedServer('hello');
    const whole = await post(`${url}/v1/messages`, ask);
    expect(whole.body).toMatchObject({ content: [{ type: 'text', text: 'hello' }] });
    expect(JSON.stringify(whole.body)).not.toContain('citations');
    const stream = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({ ...ask, stream: true }),
    });
    expect(await stream.text()).not.toContain('citations');
  });

  it('says at its start how much of the prompt was cached', async () => {
    const { url } = await scriptedServer('hello');
    const stream = clientOf(url).messages.stream(ask);
    const usages: object[] = [];
    stream.on('streamEvent', (event) => {
      if (event.type === 'message_start') usages.push({ ...event.message.usage });
      if (event.type === 'message_delta') usages.push(event.usage);
    });
    await stream.finalMessage();
    expect(usages[0]).toMatchObject({ cache_read_input_tokens: 2, output_tokens: 0 });
    const { input_tokens } = usages[0] as Anthropic.Usage;
    expect(usages[1]).toMatchObject({ input_tokens, cache_read_input_tokens: 2 });
  });

  it('starts before the prompt is read', async () => {
    const { url } = await scriptedServer('hello', { engine: { delayMs: 3000 } });
    const stream = await clientOf(url).messages.create({ ...ask, stream: true });
    const startMs = performance.now();
    for await (const event of stream) {
      expect(event.type).toBe('message_start');
      break;
    }
    expect(performance.now() - startMs).toBeLessThan(2500);
  });
});

it('the tool runner of the SDK keeps the conversation', async () => {
  const { url, seen } = await scriptedServer((_prompt, turn) =>
    turn === 0 ? '{"name": "weather", "arguments": {"city": "Bern"}}' : 'It is sunny.',
  );
  const weather = betaTool({
    name: 'weather',
    description: 'The weather of a city',
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    run: ({ city }) => `sunny in ${city}`,
  });
  const final = await clientOf(url).beta.messages.toolRunner({
    ...ask,
    system: 'You are a forecaster.',
    messages: [{ role: 'user', content: 'How is Bern?' }],
    tools: [weather],
  });
  expect(final.content).toMatchObject([{ type: 'text', text: 'It is sunny.' }]);
  const { prompt } = seen.at(-1)!;
  for (const part of ['You are a forecaster.', 'How is Bern?', '"weather"', 'sunny in Bern'])
    expect(prompt).toContain(part);
});

it('a thread is refused in the form after which clients send everything', async () => {
  const { url } = await testServer();
  const start = await post(`${url}/v1/messages`, { ...ask, thread: { type: 'create' } });
  expect(start).toMatchObject({
    status: 400,
    body: {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
      },
    },
  });
  const more = { ...ask, thread: { type: 'continue', previous_message_id: 'msg_x' } };
  expect(await post(`${url}/v1/messages`, more)).toMatchObject({
    status: 400,
    body: { error: { details: { error_code: 'thread_not_found' } } },
  });
});

it('a prompt that is too long is refused in the words that agents look for', async () => {
  const { url } = await testServer({}, { context: 100 });
  const content = 'word '.repeat(200);
  const { status, body } = await post(`${url}/v1/messages`, {
    ...ask,
    messages: [{ role: 'user', content }],
  });
  expect(status).toBe(400);
  const { error } = body as { error: { message: string } };
  // The pattern of Claude Code 2.1.
  const found = /prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)/.exec(error.message);
  expect(Number(found?.[1])).toBeGreaterThan(100);
  expect(found?.[2]).toBe('100');
});

describe('what a model of text cannot read', () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aa' } };

  it('is left out with a note: images, in results too, and documents that are no text', async () => {
    const { url, seen } = await scriptedServer('ok');
    const messages = [
      { role: 'user', content: [{ type: 'text', text: 'see' }, image] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'read', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [image] }] },
      {
        role: 'user',
        content: [
          {
            type: 'document',
            title: 'A',
            source: { type: 'base64', media_type: 'application/pdf', data: 'aa' },
          },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'the plain text' } },
          {
            type: 'search_result',
            title: 'T',
            source: 'http://s',
            content: [{ type: 'text', text: 'found' }],
          },
          { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
        ],
      },
    ];
    expect((await post(`${url}/v1/messages`, { ...ask, messages })).status).toBe(200);
    const { prompt } = seen[0]!;
    expect(prompt.match(/\(image left out: this model reads text only\)/g)).toHaveLength(2);
    for (const part of ['A\n(document left out', 'the plain text', 'T (http://s)\nfound'])
      expect(prompt).toContain(part);
  });

  it('is named by its field where it is wrong', async () => {
    const { url } = await testServer();
    const messages = [{ role: 'user', content: [{ type: 'tool_result', content: 'x' }] }];
    expect(await post(`${url}/v1/messages`, { ...ask, messages })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('messages[0].content[0].tool_use_id') } },
    });
  });
});

it('tools that the API defines are told by their schemas; those of the server are left out', async () => {
  const { url, seen } = await scriptedServer('{"name": "bash", "arguments": {"command": "ls"}}');
  const answer = await clientOf(url).beta.messages.create({
    ...ask,
    tools: [
      { type: 'bash_20250124', name: 'bash' },
      { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' },
      { type: 'web_search_20250305', name: 'web_search' },
    ],
  });
  expect(answer.content).toMatchObject([{ type: 'tool_use', name: 'bash', input: { command: 'ls' } }]);
  expect(seen[0]!.prompt).toContain('str_replace');
  expect(seen[0]!.prompt).not.toContain('web_search');
});

it('the models are listed in its own form', async () => {
  const { url } = await testServer({ model: { id: 'null', aliases: ['other'] } });
  const client = clientOf(url);
  const models = [];
  for await (const model of client.models.list()) models.push(model);
  expect(models).toMatchObject([
    { type: 'model', id: 'null', display_name: 'null' },
    { type: 'model', id: 'other', display_name: 'other' },
  ]);
  expect(await client.models.retrieve('other')).toMatchObject({ type: 'model', id: 'other' });
  await expect(client.models.retrieve('none')).rejects.toMatchObject({
    status: 404,
    error: { type: 'error', error: { type: 'not_found_error' } },
  });
});

it('what is not here is said in its own form', async () => {
  const { url } = await testServer();
  const headers = { 'anthropic-version': '2023-06-01' };
  expect(await post(`${url}/v1/messages/batches`, { requests: [] }, headers)).toMatchObject({
    status: 404,
    body: { type: 'error', error: { type: 'not_found_error' } },
  });
});

it('reads a prompt only with max_tokens 0', async () => {
  const { url } = await scriptedServer('hello');
  expect(await post(`${url}/v1/messages`, { ...ask, max_tokens: 0 })).toMatchObject({
    status: 200,
    body: { content: [], stop_reason: 'max_tokens', usage: { output_tokens: 0 } },
  });
});

it('goes on with an answer that is begun', async () => {
  const { url, seen } = await scriptedServer(' and more');
  const begun: Anthropic.MessageParam[] = [...messages, { role: 'assistant', content: 'Once' }];
  const answer = await clientOf(url).messages.create({ ...ask, messages: begun });
  expect(answer.content).toMatchObject([{ type: 'text', text: ' and more' }]);
  expect(seen[0]!.prompt).toMatch(/Once$/);
});
