/** The Responses API through OpenAI's own client: HTTP, SSE and WebSocket. */
import OpenAI from 'openai';
import type { ResponsesServerEvent } from 'openai/resources/responses/responses';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { expect, it, onTestFinished } from 'vitest';
import { hashKey } from '#src/server/gate/keys.js';
import { nullWord } from '#src/testing/null-engine.js';
import { testServer, words } from './server.js';

const key = (requestsPerMinute: number | null = null) => ({
  name: 'a',
  sha256: hashKey('good'),
  requestsPerMinute,
  tokensPerMinute: null,
});

function clientOf(url: string, apiKey = 'good', maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries });
}

it('creates, retrieves, lists, cancels and deletes', async () => {
  const { url } = await testServer();
  const { responses } = clientOf(url);
  const created = await responses.create({ model: 'null', input: 'hi', max_output_tokens: 4 });
  expect(created.output_text).toBe(words(4));
  expect(await responses.retrieve(created.id)).toMatchObject({ id: created.id, status: 'incomplete' });
  const items = [];
  for await (const item of responses.inputItems.list(created.id)) items.push(item);
  expect(items).toMatchObject([{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }]);
  expect(await responses.cancel(created.id)).toMatchObject({ id: created.id });
  expect(await responses.inputTokens.count({ model: 'null', input: 'hi' })).toMatchObject({
    input_tokens: created.usage?.input_tokens,
  });
  await responses.delete(created.id);
  await expect(responses.retrieve(created.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
});

it('streams, and its own accumulator agrees with the final response', async () => {
  const { url } = await testServer();
  const stream = clientOf(url).responses.stream({ model: 'null', input: 'hi', max_output_tokens: 30 });
  let text = '';
  stream.on('response.output_text.delta', ({ delta }) => {
    text += delta;
  });
  const final = await stream.finalResponse();
  expect(text).toBe(words(30));
  expect(final.output_text).toBe(words(30));
});

it('raises the right error for a key, a model, a body and a limit', async () => {
  const { url } = await testServer({ keys: [key(1)] });
  const body = { model: 'null', input: 'hi', max_output_tokens: 2 };
  await expect(clientOf(url, 'bad').responses.create(body)).rejects.toBeInstanceOf(
    OpenAI.AuthenticationError,
  );
  const { responses } = clientOf(url);
  await expect(responses.create({ ...body, model: 'gpt-7' })).rejects.toMatchObject({
    status: 404,
    code: 'model_not_found',
    param: 'model',
    requestID: expect.any(String),
  });
  await expect(responses.create({ ...body, temperature: 9 })).rejects.toMatchObject({
    status: 400,
    param: 'temperature',
  });
  await responses.create(body);
  await expect(responses.create(body)).rejects.toBeInstanceOf(OpenAI.RateLimitError);
});

it('retries what the server asks it to retry', async () => {
  // One request a second once the first sixty are gone.
  const { url } = await testServer({ keys: [key(60)] });
  const body = { model: 'null', input: 'x', max_output_tokens: 1 };
  const impatient = clientOf(url);
  let refused: unknown = null;
  while (refused === null)
    await impatient.responses.create(body).catch((error: unknown) => {
      refused = error;
    });
  expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
  expect((await clientOf(url, 'good', 5).responses.create(body)).output_text).toBe(nullWord(0));
});

it('speaks over the WebSocket, in turns on one connection', async () => {
  const { url } = await testServer({ keys: [key()] });
  const socket = new ResponsesWS(clientOf(url));
  onTestFinished(() => socket.close());
  const events: ResponsesServerEvent[] = [];
  let previous: string | null = null;
  socket.send({ type: 'response.create', model: 'null', input: 'one', max_output_tokens: 5, store: false });
  for await (const event of socket.stream()) {
    if (event.type === 'error') throw event.error;
    if (event.type !== 'message') continue;
    events.push(event.message);
    if (event.message.type !== 'response.incomplete') continue;
    const { response } = event.message;
    expect(response.output).toMatchObject([{ content: [{ text: words(5) }] }]);
    expect(response.previous_response_id).toBe(previous);
    if (previous !== null) break;
    previous = response.id;
    socket.send({
      type: 'response.create',
      model: 'null',
      input: 'two',
      previous_response_id: previous,
      max_output_tokens: 5,
      store: false,
    });
  }
  expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(10);
});

it('hears of errors over the WebSocket', async () => {
  const { url } = await testServer();
  const socket = new ResponsesWS(clientOf(url));
  onTestFinished(() => socket.close());
  socket.send({ type: 'response.create', model: 'null', input: 'x', previous_response_id: 'resp_none' });
  for await (const event of socket.stream()) {
    if (event.type !== 'error') continue;
    expect(event.error.message).toContain('previous_response_not_found');
    break;
  }
});
