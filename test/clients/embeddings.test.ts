/** Embeddings as the clients of OpenAI and Ollama ask for them, on the embedded model and on one that is made for them. */
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { post } from './scripted.js';

let server: RunningServer;
let openai: OpenAI;
let ollama: Ollama;

beforeAll(async () => {
  server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  ollama = new Ollama({ host: server.url });
  await server.ready;
});

afterAll(() => server.close());

const texts = [
  'export function add(a, b) {',
  'const sum = (a, b) => a + b;',
  'class Tree { insert(key) {} }',
];
const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector);

describe('OpenAI', () => {
  it('gives floats that its client decodes from base64, the same for a text, a list and ids', async () => {
    // The client asks for base64 where nothing is said.
    const all = await openai.embeddings.create({ model: 'glint', input: texts });
    expect(all).toMatchObject({ object: 'list', model: 'glint' });
    expect(all.data.map(({ index, object }) => [index, object])).toEqual(
      texts.map((_, index) => [index, 'embedding']),
    );
    const floats = await openai.embeddings.create({ model: 'glint', input: texts, encoding_format: 'float' });
    expect(floats.data).toEqual(all.data);
    for (const { embedding } of all.data) expect(lengthOf(embedding)).toBeCloseTo(1, 5);
    const { tokens } = (await post(`${server.url}/tokenize`, { prompt: texts[0] })).body as {
      tokens: number[];
    };
    for (const input of [texts[0]!, tokens, [tokens]]) {
      const { data, usage } = await openai.embeddings.create({ model: 'glint', input });
      expect(data).toEqual(all.data.slice(0, 1));
      expect(usage).toEqual({ prompt_tokens: tokens.length, total_tokens: tokens.length });
    }
  });

  it('keeps the first dimensions, with a length of 1', async () => {
    const whole = await openai.embeddings.create({ model: 'glint', input: texts[0]! });
    const cut = await openai.embeddings.create({ model: 'glint', input: texts[0]!, dimensions: 16 });
    const first = whole.data[0]!.embedding.slice(0, 16);
    const scale = lengthOf(first);
    expect(cut.data[0]!.embedding).toHaveLength(16);
    for (const [i, value] of cut.data[0]!.embedding.entries())
      expect(value).toBeCloseTo(first[i]! / scale, 5);
  });

  it.each([
    ['an input that is empty', { input: '' }, 'input'],
    ['one of several that is empty', { input: ['a', ''] }, 'input[1]'],
    ['no inputs', { input: [] as string[] }, 'input'],
    ['more inputs than one request may have', { input: Array.from({ length: 2049 }, () => 'a') }, 'input'],
    ['more dimensions than there are', { input: 'a', dimensions: 1e6 }, 'dimensions'],
    ['an input beyond the context', { input: 'const x = 1;\n'.repeat(1000) }, 'maximum context length'],
    ['ids beyond the vocabulary', { input: [999_999] }, '999999'],
  ])('says what is wrong with %s', async (_, body, what) => {
    const failed = await openai.embeddings
      .create({ model: 'glint', ...body })
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(OpenAI.BadRequestError);
    expect((failed as Error).message).toContain(what);
  });
});

describe('Ollama', () => {
  it('embeds a text and a list, and cuts what is too long unless told not to', async () => {
    const { model, embeddings, prompt_eval_count } = await ollama.embed({ model: 'glint', input: texts });
    expect([model, embeddings.length]).toEqual(['glint', 3]);
    expect(prompt_eval_count).toBeGreaterThan(3);
    const same = await openai.embeddings.create({ model: 'glint', input: texts });
    for (const [i, { embedding }] of same.data.entries()) {
      for (const [at, value] of embedding.entries()) expect(embeddings[i]![at]!).toBeCloseTo(value, 6);
    }
    const long = 'const x = 1;\n'.repeat(1000);
    expect((await ollama.embed({ model: 'glint', input: long })).embeddings).toHaveLength(1);
    await expect(ollama.embed({ model: 'glint', input: long, truncate: false })).rejects.toThrow(/context/);
    expect((await ollama.embed({ model: 'glint', input: '' })).embeddings).toEqual([]);
  });

  it('embeds a prompt as it was before, not normalised', async () => {
    const { embedding } = await ollama.embeddings({ model: 'glint', prompt: texts[0]! });
    const { embeddings } = await ollama.embed({ model: 'glint', input: texts[0]! });
    const scale = lengthOf(embedding);
    expect(Math.abs(scale - 1)).toBeGreaterThan(1e-3);
    for (const [i, value] of embeddings[0]!.entries()) expect(embedding[i]! / scale).toBeCloseTo(value, 5);
  });
});

describe('llama.cpp', () => {
  it.each([
    [2, (v: readonly number[]) => lengthOf(v)],
    [1, (v: readonly number[]) => v.reduce((sum, x) => sum + Math.abs(x), 0)],
    [0, (v: readonly number[]) => Math.max(...v.map(Math.abs)) / 32760],
  ])('gives a list of lists with norm %i', async (embd_normalize, norm) => {
    const response = await post(`${server.url}/embedding`, { content: texts, embd_normalize });
    const answers = response.body as { index: number; embedding: number[][] }[];
    expect(answers.map(({ index }) => index)).toEqual([0, 1, 2]);
    for (const { embedding } of answers) expect(norm(embedding[0]!)).toBeCloseTo(1, 5);
  });
});

describe('rerank', () => {
  it('orders documents by their vectors, the query itself first', async () => {
    const [query, ...others] = texts as [string, ...string[]];
    const documents = [...others, { text: query }];
    const response = await post(`${server.url}/v1/rerank`, { query, documents, return_documents: true });
    const { results, usage } = response.body as {
      results: { index: number; relevance_score: number; document: { text: string } }[];
      usage: { prompt_tokens: number; total_tokens: number };
    };
    expect(results[0]).toMatchObject({ index: 2, document: { text: query } });
    expect(results[0]!.relevance_score).toBeCloseTo(1, 5);
    expect(results.map(({ relevance_score }) => relevance_score)).toEqual(
      results.map(({ relevance_score }) => relevance_score).sort((a, b) => b - a),
    );
    expect(usage.total_tokens).toBe(usage.prompt_tokens);
    const top = await post(`${server.url}/rerank`, { query, texts: others, top_n: 1 });
    expect(top.body).toEqual([{ index: expect.any(Number), score: expect.any(Number) }]);
  });

  it('wants documents', async () => {
    const response = await post(`${server.url}/v1/rerank`, { query: 'a' });
    expect(response.status).toBe(400);
    expect(JSON.stringify(response.body)).toContain('documents');
  });
});

it('takes the forms of llama.cpp: texts in objects, and texts between token ids', async () => {
  const [text] = texts;
  const content = [
    { type: 'text', text: text!.slice(0, 7) },
    { type: 'text', text: text!.slice(7) },
  ];
  const { tokens } = (await post(`${server.url}/tokenize`, { content: text })).body as { tokens: number[] };
  const [first, ...rest] = tokens;
  const tail = ((await post(`${server.url}/detokenize`, { tokens: rest })).body as { content: string })
    .content;
  const answer = await post(`${server.url}/v1/embeddings`, {
    input: [text, { prompt_string: text }, { content }, tokens, [first, tail]],
  });
  const { data } = answer.body as { data: { embedding: number[] }[] };
  const [plain, object, parts, ids, mixed] = data.map(({ embedding }) => embedding);
  expect(object).toEqual(plain);
  expect(parts).toEqual(plain);
  expect(mixed).toEqual(ids);
  for (const input of [[], { content: 'x' }, { content: [{ type: 'image_url' }] }])
    expect((await post(`${server.url}/v1/embeddings`, { input })).status).toBe(400);
});
