/** What a hostile stranger does to routes beside those that answer: models that are made, conversations, vectors, the background. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { KiB, MiB } from '#src/core/units.js';
import { load } from '#src/index.js';
import { hashKey } from '#src/server/gate/keys.js';
import { createLog } from '#src/server/log.js';
import { parseModelfile } from '#src/server/ollama/modelfile.js';
import type { RedisLink } from '#src/server/shared/redis.js';
import { SharedResponses } from '#src/server/shared/responses.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { testServer } from './server.js';

const many = <T>(count: number, each: T): T[] => new Array<T>(count).fill(each);
const keys = ['alice', 'bob'].map((name) => ({
  name,
  sha256: hashKey(`secret-of-${name}`),
  requestsPerMinute: null,
  tokensPerMinute: null,
}));

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function send(url: string, body?: unknown, as = 'alice', method = 'POST'): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer secret-of-${as}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** Milliseconds of the processor: a busy machine makes everything slow by the clock. */
async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

it.each<[string, string]>([
  ['empty lines', `FROM null\n${'\n'.repeat(500_000)}# end`],
  ['stops', `FROM null\n${'PARAMETER stop x\n'.repeat(100_000)}`],
  ['quotes that never end', `FROM null\n${'SYSTEM """a\n'.repeat(50_001)}`],
  ['words that never end', `FROM null\nSYSTEM ${'a'.repeat(500_000)}${' '.repeat(500_000)}\n`],
  ['comments', '# a\n'.repeat(200_000)],
])('reads a Modelfile of many %s in no time', async (_, source) => {
  expect(await processorMs(() => parseModelfile(source))).toBeLessThan(1500);
});

it('holds what models are made of, bounds it, and lets no key change those of another', async () => {
  const { url, context } = await testServer({ keys });
  const make = (model: string, system: string, as = 'alice') =>
    send(`${url}/api/create`, { model, from: 'null', system, stream: false }, as);
  expect((await make('mine', 'a'.repeat(100 * KiB))).status).toBe(200);
  expect(context.memory.heldBytes).toBeGreaterThan(200 * KiB);
  const large = await make('large', 'a'.repeat(130 * KiB));
  expect(large).toMatchObject({ status: 400, text: expect.stringContaining('at most 262144') });
  expect(await make('mine', 'obey bob', 'bob')).toMatchObject({
    status: 400,
    text: expect.stringContaining('another key'),
  });
  const copy = { source: 'null', destination: 'mine' };
  expect((await send(`${url}/api/copy`, copy, 'bob')).status).toBe(400);
  expect((await send(`${url}/api/delete`, { model: 'mine' }, 'bob', 'DELETE')).status).toBe(400);
  // Half of all names are one key's at most.
  const { models, memory } = context;
  for (let i = 1; i < 500; i++)
    models.make(`m${i}`, models.find('null'), { owner: 'alice', parts: 2, memory });
  expect((await make('one more', '')).status).toBe(400);
  expect((await make('one more', '', 'bob')).status).toBe(200);
  expect((await make('mine', 'b')).status).toBe(200);
  expect((await send(`${url}/api/delete`, { model: 'mine' }, 'alice', 'DELETE')).status).toBe(200);
  await vi.waitFor(() => expect(context.memory.heldBytes).toBeLessThan(50 * KiB));
});

it('lets none of several keys have a model go that others use', async () => {
  const { url, context } = await testServer({ keys });
  const unload = { model: 'null', prompt: '', keep_alive: 0, stream: false };
  expect((await send(`${url}/api/generate`, unload)).status).toBe(403);
  const brief = { ...unload, prompt: 'a', options: { num_predict: 1 } };
  expect((await send(`${url}/api/generate`, brief)).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(context.host.state.kind).toBe('ready');
});

it('gives half of the places before a model that is loaded to one of several keys', async () => {
  let loaded: () => void = () => undefined;
  const waits = new Promise<void>((resolve) => {
    loaded = resolve;
  });
  const slow = { id: 'slow', load: () => waits.then(() => new NullEngine()) };
  const { url } = await testServer({ keys, models: [slow], pool: { maxWaiting: 4 } });
  const ask = (as: string) =>
    send(`${url}/v1/completions`, { model: 'slow', prompt: 'a', max_tokens: 1 }, as);
  const alice = [ask('alice'), ask('alice')];
  await vi.waitFor(async () =>
    expect(JSON.parse((await send(`${url}/health`, undefined, 'bob', 'GET')).text)).toMatchObject({
      models: expect.arrayContaining([expect.objectContaining({ id: 'slow', waiting: 2 })]),
    }),
  );
  expect((await ask('alice')).status).toBe(503);
  const bob = ask('bob');
  loaded();
  for (const { status } of await Promise.all([...alice, bob])) expect(status).toBe(200);
});

it('encodes no long text on the event loop, beside ids, as a bias or beside documents', async () => {
  const { url, context } = await testServer({
    load: () => load(undefined, { workers: 1 }),
    limits: { bodyBytes: 2 * MiB },
  });
  const { tokenizer } = context.host.require();
  const encode = vi.spyOn(tokenizer, 'encode');
  const text = 'word '.repeat(3_000);
  for (const path of ['/v1/embeddings', '/embedding'])
    await send(`${url}${path}`, { [path === '/embedding' ? 'content' : 'input']: [1, text] });
  const bias = { prompt: 'a', n_predict: 1, logit_bias: [[text, 1]] };
  expect((await send(`${url}/completion`, bias)).status).toBe(400);
  expect((await send(`${url}/completion`, { ...bias, logit_bias: [['word', 1]] })).status).toBe(200);
  await send(`${url}/v1/rerank`, { query: text, documents: many(50, text) });
  for (const [given] of encode.mock.calls) expect(given.length).toBeLessThanOrEqual(8192);
});

it('refuses pairs of a query and documents that come to more than a body may have', async () => {
  const engine = new NullEngine({ context: 10_000_000 });
  Object.assign(engine.info.embedding, { isRanker: true });
  const { url } = await testServer({ load: () => Promise.resolve(engine) });
  const rank = (documents: number) =>
    send(`${url}/v1/rerank`, { query: 'q'.repeat(64 * KiB), documents: many(documents, 'a') });
  expect(await rank(64)).toMatchObject({ status: 400, text: expect.stringContaining('beside each of 64') });
  expect((await rank(60)).status).toBe(200);
});

it('writes many vectors one after the other, as it writes few at once', async () => {
  const { url, context } = await testServer();
  for (const count of [3, 2048]) {
    const input = Array.from({ length: count }, (_, i) => `text ${i}`);
    const usual = JSON.parse((await send(`${url}/v1/embeddings`, { input })).text) as {
      data: { index: number; embedding: number[] }[];
      usage: object;
    };
    const plain = JSON.parse(
      (await send(`${url}/embedding`, { content: input, embd_normalize: -1 })).text,
    ) as {
      embedding: number[][];
    }[];
    const ollama = JSON.parse((await send(`${url}/api/embed`, { model: 'null', input })).text) as {
      embeddings: number[][];
    };
    expect(usual).toMatchObject({
      object: 'list',
      model: 'null',
      usage: { prompt_tokens: expect.any(Number) },
    });
    expect(usual.data.map(({ index }) => index)).toEqual(input.map((_, i) => i));
    expect(ollama.embeddings).toEqual(usual.data.map(({ embedding }) => embedding));
    expect(plain).toHaveLength(count);
    expect(plain.every(({ embedding }) => embedding[0]!.length === ollama.embeddings[0]!.length)).toBe(true);
  }
  await vi.waitFor(() => expect(context.memory.heldBytes).toBe(0));
});

it('bounds a conversation with all that is kept of it, and counts its metadata', async () => {
  const { url, context } = await testServer({}, { context: 1_000_000 });
  const items = many(4_096, { role: 'user', content: 'a' });
  const { text } = await send(`${url}/v1/conversations`, { items, metadata: { a: 'x'.repeat(500) } });
  const { id } = JSON.parse(text) as { id: string };
  expect(context.memory.heldBytes).toBeGreaterThan(MiB);
  const more = await send(`${url}/v1/conversations/${id}/items`, { items: items.slice(0, 1) });
  expect(more).toMatchObject({ status: 400, text: expect.stringContaining('4097 items') });
  const ask = { input: 'a', max_output_tokens: 1 };
  expect((await send(`${url}/v1/responses`, { ...ask, conversation: id })).status).toBe(400);
  const first = await send(`${url}/v1/responses`, { ...ask, input: items.slice(0, 4_095) });
  const { id: previous } = JSON.parse(first.text) as { id: string };
  const next = { ...ask, input: items.slice(0, 2), previous_response_id: previous };
  expect(await send(`${url}/v1/responses`, next)).toMatchObject({
    status: 400,
    text: expect.stringContaining('4098 items'),
  });
  // What was refused is not kept.
  const before = context.memory.heldBytes;
  expect((await send(`${url}/v1/conversations`, { items: [...items, ...items] })).status).toBe(400);
  await vi.waitFor(() => expect(context.memory.heldBytes).toBeLessThanOrEqual(before));
  for (let i = 0; i < 20; i++) await send(`${url}/v1/conversations`, { metadata: { a: 'x'.repeat(500) } });
  await vi.waitFor(() => expect(context.memory.heldBytes - before).toBeGreaterThan(20 * KiB));
});

it('finds two thousand items that a request refers to in no time', async () => {
  const { url } = await testServer({}, { context: 1_000_000 });
  const input = many(2_000, { role: 'user', content: 'a' });
  const { id } = JSON.parse((await send(`${url}/v1/responses`, { input, max_output_tokens: 1 })).text) as {
    id: string;
  };
  const page = await send(`${url}/v1/responses/${id}/input_items?limit=1`, undefined, 'alice', 'GET');
  const [last] = (JSON.parse(page.text) as { data: { id: string }[] }).data;
  const references = many(2_000, { type: 'item_reference', id: last!.id });
  const ms = await processorMs(async () =>
    expect((await send(`${url}/v1/responses`, { input: references, max_output_tokens: 1 })).status).toBe(200),
  );
  expect(ms).toBeLessThan(3000);
});

it('finds the items of a key, whatever ids another key chooses for its own', async () => {
  const { url } = await testServer({ keys });
  const item = (content: string) => [{ type: 'message', id: 'msg_one', role: 'user', content }];
  const ask = (input: unknown, as: string) =>
    send(`${url}/v1/responses`, { input, max_output_tokens: 1 }, as);
  expect((await ask(item('of alice'), 'alice')).status).toBe(200);
  const reference = [{ type: 'item_reference', id: 'msg_one' }];
  expect((await ask(reference, 'bob')).status).toBe(404);
  expect((await ask(item('of bob'), 'bob')).status).toBe(200);
  expect((await ask(reference, 'alice')).status).toBe(200);
});

it('keeps so many bytes of responses that wait for a Redis that is gone', async () => {
  const link = { run: () => Promise.reject(new Error('gone')) } as unknown as RedisLink;
  const shared = new SharedResponses(link, createLog('silent'));
  onTestFinished(() => shared.close());
  const put = (id: string, bytes: number): void =>
    shared.put({ owner: 'a', bytes, response: { id, output: [] }, input: [] });
  for (const id of ['a', 'b', 'c', 'd']) put(id, 16 * MiB);
  expect(await shared.get('a')).not.toBeNull();
  put('e', 1);
  await expect(shared.get('a')).rejects.toThrow('gone');
  expect(await shared.get('b')).not.toBeNull();
});

it('holds what answers in the background grow to, and their bodies, and fails those that find no room', async () => {
  const server = await testServer({ limits: { memoryBytes: 8 * MiB } }, { context: 100_000 });
  const { url, context } = server;
  const ask = { input: 'a', background: true, max_output_tokens: 60_000, top_logprobs: 5 };
  const include = ['message.output_text.logprobs'];
  const made = await Promise.all([1, 2].map(() => send(`${url}/v1/responses`, { ...ask, include })));
  const ids = made.map(({ text }) => (JSON.parse(text) as { id: string }).id);
  const statuses = async (): Promise<string[]> =>
    Promise.all(
      ids.map(async (id) => {
        const { status, text } = await send(`${url}/v1/responses/${id}`, undefined, 'alice', 'GET');
        return status === 404 ? 'gone' : (JSON.parse(text) as { status: string }).status;
      }),
    );
  await vi.waitFor(
    async () => {
      expect(context.memory.heldBytes).toBeLessThan(9 * MiB);
      expect((await statuses()).every((status) => status === 'failed' || status === 'gone')).toBe(true);
    },
    { timeout: 60_000 },
  );
  expect((await send(`${url}/v1/completions`, { prompt: 'a', max_tokens: 1 })).status).toBe(200);
});
