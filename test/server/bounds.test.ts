/** What one client may take: each bound at its value and beyond, and what other clients see meanwhile. */
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { KiB, MiB } from '#src/core/units.js';
import { load } from '#src/index.js';
import { hashKey } from '#src/server/gate/keys.js';
import { type KeptResponse, ResponseStore } from '#src/server/responses/store.js';
import { rawPost, readUntil } from './raw.js';
import { testServer } from './server.js';
import { connect } from './socket-client.js';

async function post(url: string, path: string, body: string | object, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}${path}`, { method: 'POST', body: text, headers });
  return { status: response.status, text: await response.text() };
}

interface Usage {
  readonly usage: { readonly prompt_tokens_details: { readonly cached_tokens: number } };
}

const chat = (content: string) => ({ messages: [{ role: 'user', content }], max_tokens: 1 });
/** Stands in a body for what is too deep to be written by `JSON.stringify`. */
const deep = { deep: true };
const deepText = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
const many = <T>(count: number, each: T): T[] => new Array<T>(count).fill(each);
const biases = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, id) => [id, 1]));
const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };

it.each<[string, string, object | string]>([
  ['a body beyond its size', '/v1/chat/completions', ' '.repeat(4 * MiB + 1)],
  ['a list of what is no message', '/v1/chat/completions', `{"messages":[${many(9_000, '1').join()}]}`],
  [
    'a long list of what is no message',
    '/v1/chat/completions',
    `{"messages":[${many(2_000_000, '1').join()}]}`,
  ],
  ['a list of what is no item', '/v1/responses', `{"input":[${many(2_000_000, '1').join()}]}`],
  ['a list of what is no prompt', '/v1/completions', `{"prompt":[${many(1_000_000, '{}').join()}]}`],
  ['brackets without end', '/v1/completions', `{"prompt":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`],
  ['a bias for too many tokens', '/v1/chat/completions', { ...chat('a'), logit_bias: biases(16_385) }],
  ['objects without number', '/v1/responses', { input: 'a', metadata: { a: many(200_000, {}) } }],
  ['values without number', '/v1/completions', { prompt: many(600_000, 1) }],
  ['too many turns', '/v1/chat/completions', { messages: many(4_097, { role: 'user', content: '' }) }],
  ['too many calls', '/v1/responses', { input: many(4_097, call) }],
  ['too many tools', '/v1/responses', { input: 'a', tools: many(1_001, { type: 'function', name: 'f' }) }],
  ['a long stop string', '/v1/completions', { prompt: 'a', stop: ['x'.repeat(513)] }],
  ['many stop strings', '/v1/completions', { prompt: 'a', stop: many(17, 'x') }],
  [
    'a long stop sequence',
    '/v1/messages',
    { model: 'null', ...chat('a'), stop_sequences: ['x'.repeat(513)] },
  ],
  [
    'a long stop option',
    '/api/generate',
    { model: 'null', prompt: 'a', options: { stop: ['x'.repeat(513)] } },
  ],
  [
    'a prediction longer than any answer',
    '/v1/chat/completions',
    { ...chat('a'), prediction: { type: 'content', content: 'x'.repeat(3 * MiB) } },
  ],
  [
    'a long description of a function',
    '/v1/chat/completions',
    {
      ...chat('a'),
      tools: [{ type: 'function', function: { name: 'f', description: 'x'.repeat(3 * MiB) } }],
    },
  ],
  [
    'a prompt too long to count',
    '/v1/messages/count_tokens',
    { model: 'null', ...chat('x'.repeat(3 * MiB)) },
  ],
  ['an input too long to count', '/v1/responses/input_tokens', { input: 'x'.repeat(3 * MiB) }],
  [
    'a deep schema',
    '/v1/chat/completions',
    {
      ...chat('a'),
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: deep } },
    },
  ],
  [
    'deep parameters',
    '/v1/messages',
    { model: 'null', ...chat('a'), tools: [{ name: 'f', input_schema: deep }] },
  ],
  ['a deep format', '/api/chat', { model: 'null', ...chat('a'), format: deep }],
  [
    'an output with a part that is none',
    '/v1/responses',
    { input: [call, { type: 'function_call_output', call_id: 'c', output: [null] }] },
  ],
])('refuses %s soon, as the fault of the client', async (_, path, body) => {
  const server = await testServer({}, { context: 4096 });
  const written = typeof body === 'string' ? body : JSON.stringify(body);
  const text = written.replace(JSON.stringify(deep), deepText);
  const before = process.cpuUsage();
  const { status, text: answer } = await post(server.url, path, text);
  expect([400, 413]).toContain(status);
  expect(answer.length).toBeLessThan(2 * KiB);
  // Of the processor and not of the clock, which a busy machine lets run.
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(2000);
});

it('takes what is at its bound', async () => {
  const { url } = await testServer({}, { context: 1_000_000 });
  const stop = many(16, 'x'.repeat(512));
  expect((await post(url, '/v1/completions', { prompt: 'a', max_tokens: 2, stop })).status).toBe(200);
  const messages = many(4_096, { role: 'user', content: 'a' });
  expect((await post(url, '/v1/chat/completions', { messages, max_tokens: 1 })).status).toBe(200);
  const input = [...many(4_095, call), { role: 'user', content: 'a' }];
  expect((await post(url, '/v1/responses', { input, max_output_tokens: 1 })).status).toBe(200);
  const body = JSON.stringify(chat('a'));
  expect((await post(url, '/v1/chat/completions', body.padEnd(4 * MiB))).status).toBe(200);
  const named =
    '{"messages":[{"role":"user","content":"a","__proto__":{"a":1}}],"__proto__":1,"max_tokens":1}';
  expect((await post(url, '/v1/chat/completions', named)).status).toBe(200);
});

it('counts every route that encodes against the limits of its key', async () => {
  const keys = [{ name: 'one', sha256: hashKey('secret'), requestsPerMinute: 4, tokensPerMinute: null }];
  const { url } = await testServer({ keys });
  const headers = { authorization: 'Bearer secret' };
  const asks: readonly (readonly [string, object])[] = [
    ['/v1/messages/count_tokens', { model: 'null', ...chat('a') }],
    ['/v1/responses/input_tokens', { input: 'a' }],
    ['/tokenize', { prompt: 'a' }],
    ['/detokenize', { tokens: [1] }],
  ];
  for (const expected of [200, 429])
    for (const [path, body] of asks) expect((await post(url, path, body, headers)).status).toBe(expected);
});

it('has room for so many bytes of bodies at a time, announced ones too', async () => {
  const server = await testServer({ limits: { memoryBytes: 8 * MiB } });
  const { hostname, port } = new URL(server.url);
  const half = async (): Promise<string> => {
    const socket = connectTcp(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.write(`POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${4 * MiB}\r\n\r\n{`);
    const answer = readUntil(socket, (text) => text.includes('\r\n'));
    return await Promise.race([answer, setTimeout(300, 'waits')]);
  };
  expect(await half()).toBe('waits');
  expect(await half()).toBe('waits');
  expect(await half()).toContain('HTTP/1.1 503');
  const whole = { prompt: 'a', max_tokens: 1 };
  expect((await post(server.url, '/v1/completions', whole)).status).toBe(503);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

it('cuts off a socket whose client sends and does not read', async () => {
  const { url, context } = await testServer({ limits: { sockets: { waitingBytes: 4 * MiB } } });
  const client = await connect(url);
  client.ws.pause();
  const event = JSON.stringify({
    type: 'response.steer',
    previous_response_id: 'x',
    input: 'y'.repeat(2 * MiB),
  });
  for (let i = 0; i < 16 && client.ws.readyState === client.ws.OPEN; i++) {
    client.ws.send(event);
    await setTimeout(20);
  }
  // A paused socket does not learn of its end, and one that reads too soon is no slow one.
  await vi.waitFor(() => expect(context.metrics.sockets.connections()).toBe(0), { timeout: 60_000 });
  client.ws.resume();
  expect((await client.closed).code).toBe(1006);
});

it('lets no owner push out the responses of another', () => {
  const store = new ResponseStore({ responses: 100, bytes: 1000 }, 2);
  const kept = (owner: string, id: string): KeptResponse =>
    ({
      owner,
      response: { id, output: [] },
      input: [],
      conversation: [],
      joined: 0,
      bytes: 100,
    }) as unknown as KeptResponse;
  for (let i = 0; i < 5; i++) store.put(kept('alice', `a${i}`));
  for (let i = 0; i < 50; i++) store.put(kept('bob', `b${i}`));
  for (let i = 0; i < 5; i++) expect(store.get(`a${i}`, 'alice')).not.toBeNull();
  expect(store.get('b49', 'bob')).not.toBeNull();
  expect(store.get('b44', 'bob')).toBeNull();
  expect(store.size).toBe(10);
});

it('cuts off a client that takes no whole answer, and has its room for others again', async () => {
  const server = await testServer({ limits: { stallMs: 300 } });
  const { memory } = server.context;
  const ask = { prompt: 'a', max_tokens: 4_000, n: 16, logprobs: 5 };
  const sockets = await Promise.all([1, 2].map(() => rawPost(server, '/v1/completions', ask)));
  await vi.waitFor(() => expect(memory.heldBytes).toBeGreaterThan(20 * MiB), { timeout: 60_000 });
  // A paused socket does not even learn of its end.
  await vi.waitFor(() => expect(memory.heldBytes).toBe(0), { timeout: 60_000 });
  for (const socket of sockets) socket.resume();
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
});

it('refuses a whole answer that there is no room for, as no fault of its client', async () => {
  const { url, context } = await testServer({ limits: { memoryBytes: 8 * MiB } });
  const ask = { prompt: 'a', max_tokens: 4_000, n: 16, logprobs: 5 };
  expect((await post(url, '/v1/completions', ask)).status).toBe(503);
  expect((await post(url, '/v1/completions', { ...ask, max_tokens: 20 })).status).toBe(200);
  // A stream holds only what its client has not read.
  expect((await post(url, '/v1/completions', { ...ask, max_tokens: 1_000, stream: true })).text).toMatch(
    /\[DONE\]\s*$/,
  );
  await vi.waitFor(() => expect(context.memory.heldBytes).toBe(0));
});

it('counts the parts of messages that sockets have not sent whole, and cuts off who sends too much', async () => {
  const { url, context } = await testServer({ limits: { memoryBytes: 8 * MiB } });
  const clients = [await connect(url), await connect(url), await connect(url)];
  for (const { ws } of clients) ws.send(' '.repeat(3 * MiB), { fin: false });
  const { code } = await Promise.race(clients.map(({ closed }) => closed));
  expect(code).toBe(1006);
  await vi.waitFor(() => expect(context.memory.heldBytes).toBeGreaterThan(3 * MiB));
  expect(context.memory.heldBytes).toBeLessThanOrEqual(8 * MiB);
  for (const { ws } of clients) ws.terminate();
  await vi.waitFor(() => expect(context.memory.heldBytes).toBe(0));
});

it('forgets kept responses before it refuses work', async () => {
  const { url, context } = await testServer({ limits: { memoryBytes: 16 * MiB } }, { context: 8_000_000 });
  const said = 'a'.repeat(256 * KiB);
  const ids: string[] = [];
  for (let i = 0; i < 30; i++) {
    const { status, text } = await post(url, '/v1/responses', { input: said, max_output_tokens: 1 });
    expect(status).toBe(200);
    ids.push((JSON.parse(text) as { id: string }).id);
  }
  expect(context.memory.heldBytes).toBeGreaterThan(7 * MiB);
  const large = { prompt: 'a'.repeat(3 * MiB + 512 * KiB), max_tokens: 1 };
  expect((await post(url, '/v1/completions', large)).status).toBe(200);
  expect((await fetch(`${url}/v1/responses/${ids[0]}`)).status).toBe(404);
});

it('tells one key nothing of the prompts of another', async () => {
  const keys = ['alice', 'bob'].map((name) => ({
    name,
    sha256: hashKey(`secret-of-${name}`),
    requestsPerMinute: null,
    tokensPerMinute: null,
  }));
  const { url } = await testServer({ keys, load: () => load(undefined, { workers: 1 }) });
  const cachedFor = async (name: string): Promise<number> => {
    const ask = { prompt: 'export const x = 1; '.repeat(30), max_tokens: 1 };
    const headers = { authorization: `Bearer secret-of-${name}` };
    const { text } = await post(url, '/v1/completions', ask, headers);
    return (JSON.parse(text) as Usage).usage.prompt_tokens_details.cached_tokens;
  };
  expect(await cachedFor('alice')).toBe(0);
  expect(await cachedFor('alice')).toBeGreaterThan(0);
  expect(await cachedFor('bob')).toBe(0);
});
