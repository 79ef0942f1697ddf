/** The client library on a server without a model. */
import { expect, it, onTestFinished } from 'vitest';
import {
  type Client,
  type ClientStreamEvent,
  ConnectionError,
  connect,
  ServerError,
} from '#src/client/index.js';
import { Rng } from '#src/core/rng.js';
import { hashKey } from '#src/server/gate/keys.js';
import { NullEngine, nullWord } from '#src/testing/null-engine.js';
import { testServer } from '../server/server.js';
import { CuttingProxy } from './cutting-proxy.js';

const words = (count: number): string => Array.from({ length: count }, (_, i) => nullWord(i)).join('');

async function client(url: string, options: Partial<Parameters<typeof connect>[0]> = {}): Promise<Client> {
  const one = await connect({ url, ...options });
  onTestFinished(() => one.close());
  return one;
}

async function eventsOf(stream: AsyncIterable<ClientStreamEvent>): Promise<ClientStreamEvent[]> {
  const events: ClientStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

it('streams a text and puts the response together', async () => {
  const { url } = await testServer();
  const one = await client(url);
  const stream = one.respond({ input: 'hi', max_output_tokens: 50 });
  const events = await eventsOf(stream);
  expect(events[0]?.type).toBe('created');
  const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
  expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => nullWord(i)));
  expect(await stream.response).toMatchObject({
    status: 'incomplete',
    text: words(50),
    usage: { output_tokens: 50 },
    output: [{ type: 'message', status: 'incomplete', content: [{ type: 'output_text', text: words(50) }] }],
  });
});

it('says over the binary form what HTTP says', async () => {
  const { url } = await testServer();
  const one = await client(url);
  const body = {
    input: 'hi',
    max_output_tokens: 9,
    top_logprobs: 1,
    include: ['message.output_text.logprobs'],
  };
  const { output, usage } = await one.respond(body).response;
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  const http = (await response.json()) as { output: { id: string }[]; usage: Record<string, unknown> };
  expect(output).toEqual([{ ...http.output[0], id: output[0]?.id }]);
  expect({ ...usage, waferflow: null }).toEqual({ ...http.usage, waferflow: null });
});

it('fills in between two texts, and refuses a suffix beside what is not plain text', async () => {
  const { url } = await testServer();
  const one = await client(url);
  const params = { input: 'abc', suffix: 'defgh', max_output_tokens: 3, store: false };
  const { text, usage } = await one.respond(params).response;
  expect(text).toBe(words(3));
  // A token a byte, and one for each of the three roles.
  expect(usage?.input_tokens).toBe('abcdefgh'.length + 3);
  const raw = await one.respond({ ...params, suffix: '' }).response;
  expect(raw.usage?.input_tokens).toBe('abc'.length);
  const items = [{ role: 'user', content: 'abc' }];
  const atStart = await one.respond({ ...params, input: '' }).response;
  expect(atStart.usage?.input_tokens).toBe('defgh'.length + 3);
  for (const wrong of [{ input: items }, { instructions: 'be brief' }, { suffix: 1 }])
    await expect(one.respond({ ...params, ...wrong }).response).rejects.toMatchObject({
      facts: { status: 400, param: 'suffix' },
    });
});

it('goes on from an earlier response and from a warm-up, in lanes', async () => {
  const { url } = await testServer();
  const one = await client(url);
  const warm = await one.warmUp({ input: 'context', store: false });
  const next = await one.respond({
    input: 'a',
    previous_response_id: warm,
    store: false,
    max_output_tokens: 3,
  }).response;
  expect(next).toMatchObject({ previous_response_id: warm, text: words(3) });
  const lanes = ['x', 'y'].map(
    (lane) =>
      one.respond({ lane, input: lane, previous_response_id: next.id, store: false, max_output_tokens: 3 })
        .response,
  );
  for (const { text } of await Promise.all(lanes)) expect(text).toBe(words(3));
});

it('cancels, by call and by signal, also what waits in its lane', async () => {
  const { url, context } = await testServer({}, { tokensPerSecond: 200 });
  const one = await client(url);
  const controller = new AbortController();
  const running = one.respond({ input: 'x', max_output_tokens: 100_000 }, { signal: controller.signal });
  const waiting = one.respond({ input: 'y', max_output_tokens: 100_000 });
  for await (const event of running) {
    if (event.type !== 'text') continue;
    waiting.cancel();
    controller.abort();
    break;
  }
  expect((await running.response).status).toBe('cancelled');
  await expect(waiting.response).rejects.toMatchObject({ facts: { code: 'response_cancelled' } });
  await expect.poll(() => context.admission.load('interactive').inFlight).toBe(0);
});

it('steers, and gives the last response', async () => {
  const { url } = await testServer({}, { tokensPerSecond: 300 });
  const one = await client(url);
  const stream = one.respond({ input: 'x', max_output_tokens: 30 });
  const types: string[] = [];
  for await (const event of stream) {
    if (event.type === 'text' && !types.includes('text')) await stream.steer('the other way');
    if (types.at(-1) !== event.type) types.push(event.type);
  }
  expect(types).toEqual(['created', 'text', 'steered', 'created', 'text', 'end']);
  expect(await stream.response).toMatchObject({ text: words(30), status: 'incomplete' });
  await expect(stream.steer('too late')).rejects.toBeInstanceOf(ServerError);
});

it('tells the place in the queue, the limits of the key, and refusals with the time to wait', async () => {
  const key = { name: 'a', sha256: hashKey('good'), requestsPerMinute: 2, tokensPerMinute: null };
  const { url } = await testServer({ keys: [key] }, { tokensPerSecond: 100, maxRunning: 1 });
  await expect(connect({ url, apiKey: 'bad', reconnect: { attempts: 0 } })).rejects.toThrow();
  const one = await client(url, { apiKey: 'good' });
  const first = one.respond({ lane: 'a', input: 'x', max_output_tokens: 10 });
  const second = one.respond({ lane: 'b', input: 'x', max_output_tokens: 10 });
  const events = await eventsOf(second);
  expect(events).toContainEqual({ type: 'queued', position: 1 });
  expect(events).toContainEqual({
    type: 'rateLimits',
    headers: expect.objectContaining({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '0',
    }),
  });
  await first.response;
  const refused = one.respond({ input: 'x' });
  await expect(refused.response).rejects.toMatchObject({
    facts: { status: 429, code: 'rate_limit_exceeded', retryAfterMs: expect.any(Number) },
  });
});

it('gives the same text through random cuts as without any', async () => {
  const rng = new Rng(11);
  const { url } = await testServer({}, { tokensPerSecond: 20_000 });
  const proxy = await CuttingProxy.start(url);
  const random = (below: number): number => rng.below(below);
  // Of any size: less than a handshake, in the middle of a frame, between two.
  proxy.nextCutBytes = () => 100 + random(1 << (6 + random(10)));
  const one = await client(proxy.url, { reconnect: { attempts: 20, firstDelayMs: 1, maxDelayMs: 10 } });
  for (let round = 0; round < 6; round++) {
    const counts = Array.from({ length: 4 }, () => 500 + random(3000));
    const streams = counts.map((count, i) =>
      one.respond({ lane: `${i}`, input: 'x', max_output_tokens: count }),
    );
    for (const [i, stream] of streams.entries()) {
      const texts = (await eventsOf(stream)).flatMap((event) => (event.type === 'text' ? [event.text] : []));
      expect(texts.join('')).toBe(words(counts[i]!));
      expect((await stream.response).usage?.output_tokens).toBe(counts[i]);
    }
  }
  expect(proxy.cuts).toBeGreaterThan(10);
});

it('keeps what a session owes within its bound while nobody is there, and pauses the engine', async () => {
  const engine = new NullEngine();
  const sockets = { unreceivedBytes: 32 * 1024, graceMs: 60_000 };
  const { url } = await testServer({ load: () => Promise.resolve(engine), limits: { sockets } });
  const proxy = await CuttingProxy.start(url);
  const one = await client(proxy.url, { reconnect: { attempts: 20, firstDelayMs: 1500, maxDelayMs: 1500 } });
  const stream = one.respond({ input: 'x', max_output_tokens: 200_000 });
  let tokens = 0;
  let made = 0;
  for await (const event of stream) {
    if (event.type !== 'text') continue;
    tokens++;
    if (tokens !== 5000) continue;
    proxy.cut();
    for (made = -1; made !== engine.stats().generatedTokens; ) {
      made = engine.stats().generatedTokens;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    // 32 KiB of tokens of 6 bytes, what was on the way, and a frame more.
    expect(made - tokens).toBeLessThan(60_000);
  }
  expect((await stream.response).text).toBe(words(200_000));
});

it('fails what was under way when the session is gone, and goes on with a new one', async () => {
  const { url, context } = await testServer(
    { limits: { sockets: { graceMs: 20 } } },
    { tokensPerSecond: 100 },
  );
  const proxy = await CuttingProxy.start(url);
  const one = await client(proxy.url, { reconnect: { attempts: 500, firstDelayMs: 5, maxDelayMs: 20 } });
  const stream = one.respond({ input: 'x', max_output_tokens: 10_000 });
  for await (const event of stream) if (event.type === 'text') break;
  proxy.takesConnections = () => false;
  proxy.cut();
  await expect.poll(() => context.admission.load('interactive').inFlight).toBe(0);
  proxy.takesConnections = () => true;
  await expect(stream.response).rejects.toThrow('session');
  expect((await one.respond({ input: 'x', max_output_tokens: 2 }).response).text).toBe(words(2));
});

it('gives up when nobody answers any more', async () => {
  const server = await testServer({}, { tokensPerSecond: 100 });
  const states: string[] = [];
  const one = await client(server.url, {
    reconnect: { attempts: 2, firstDelayMs: 5, maxDelayMs: 5 },
    onState: (state) => states.push(state),
  });
  const stream = one.respond({ input: 'x', max_output_tokens: 10_000 });
  for await (const event of stream) if (event.type === 'text') break;
  await server.close();
  await expect(stream.response).rejects.toThrow();
  await expect.poll(() => one.state).toBe('closed');
  expect(states).toEqual(['open', 'connecting', 'closed']);
});

it('ends at once what a client without a session ran when it goes, and what a closed client ran', async () => {
  const { url, context } = await testServer({}, { tokensPerSecond: 100 });
  const one = await client(url);
  const stream = one.respond({ input: 'x', max_output_tokens: 10_000 });
  for await (const event of stream) if (event.type === 'text') break;
  one.close();
  await expect(stream.response).rejects.toThrow('closed');
  await expect.poll(() => context.admission.load('interactive').inFlight).toBe(0);
});

it.each([
  [
    'http://127.0.0.1:1',
    /^ws:\/\/127\.0\.0\.1:1\/v1\/responses: got .*127\.0\.0\.1:1.*, expected a WebSocket/,
  ],
  ['not an address', /^url: got "not an address", expected the address of a server/],
])('a connection to %s is refused in words, at once', async (url, message) => {
  const failed = connect({ url, reconnect: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } });
  await expect(failed).rejects.toThrow(message);
  await expect(failed).rejects.toBeInstanceOf(ConnectionError);
});
