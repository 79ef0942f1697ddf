/** The road of embeddings: limits, metrics, and models that make vectors alone. */
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { smallModel } from '../helpers/architecture.js';
import { encoders } from '../helpers/encoders.js';
import { temporaryFile } from '../helpers/tiny-model.js';
import { metric, testServer } from './server.js';

const clientOf = (url: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });

async function post(url: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

it('counts requests for vectors as it counts others', async () => {
  const server = await testServer();
  await clientOf(server.url).embeddings.create({ model: 'null', input: ['ab', 'abc'] });
  expect(await metric(server, 'request_prompt_tokens_sum')).toBe(5);
  expect(await metric(server, 'request_success_total{finished_reason="stop"}')).toBe(1);
  await clientOf(server.url)
    .embeddings.create({ model: 'null', input: 'x', dimensions: 9 })
    .catch(() => undefined);
  expect(await metric(server, 'request_failure_total{code="invalid_value"}')).toBe(1);
});

it('refuses what is beyond the limits before anything is computed', async () => {
  const admission = {
    interactive: { maxInFlight: 1, maxWaitingTokens: 10 },
    batch: { maxInFlight: 1, maxWaitingTokens: 10 },
  };
  const server = await testServer({ admission }, { context: 8 });
  const long = await post(`${server.url}/v1/embeddings`, { input: 'nine bytes' });
  expect(long).toMatchObject({
    status: 400,
    body: { error: { code: 'context_length_exceeded', param: 'input' } },
  });
  server.context.admission.admit('interactive', 'someone');
  expect(await post(`${server.url}/v1/embeddings`, { input: 'a' })).toMatchObject({ status: 503 });
  expect(await metric(server, 'admission_rejections_total{reason="server_is_overloaded"}')).toBe(1);
});

describe('a model that makes vectors alone', () => {
  it('says so to whoever asks it for text', async () => {
    const path = temporaryFile(await smallModel(encoders[0]!));
    const server = await testServer({ load: () => load(path), model: { id: 'bert' } });
    const { data } = await clientOf(server.url).embeddings.create({ model: 'bert', input: [3, 4, 5] });
    expect(data[0]!.embedding).toHaveLength(48);
    const { body: shown } = await post(`${server.url}/api/show`, { model: 'bert' });
    expect(shown.capabilities).toEqual(['embedding']);
    for (const [route, body] of [
      ['/v1/completions', { prompt: 'a' }],
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }] }],
      ['/api/generate', { model: 'bert', prompt: 'a', stream: false }],
    ] as const) {
      const answer = await post(`${server.url}${route}`, body);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).toContain('/v1/embeddings');
    }
  });

  it('ranks by its classifier where it has one', async () => {
    const ranker = encoders.find(({ keys }) => keys?.pooling_type === 4)!;
    const path = temporaryFile(await smallModel(ranker));
    const server = await testServer({ load: () => load(path), model: { id: 'ranker' } });
    const documents = ['one', 'quite another', 'a third'];
    const { body } = await post(`${server.url}/v1/rerank`, { query: 'a query', documents });
    const results = body.results as readonly { index: number; relevance_score: number }[];
    expect(results.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    await using engine = await load(path);
    for (const { index, relevance_score } of results) {
      const ids = ['a query', documents[index]!].flatMap((text) => engine.tokenizer.encode(text));
      const { bosId } = engine.tokenizer;
      const pair = ids.filter((id, at) => at === 0 || id !== bosId);
      const [logit] = (await engine.embed([pair], { normalize: false })).embeddings[0]!;
      expect(relevance_score).toBeCloseTo(1 / (1 + Math.exp(-logit!)), 6);
    }
  });

  it('puts query and document together as its file says', async () => {
    const ranker = encoders.find(({ architecture }) => architecture === 'qwen3')!;
    const metadata = { 'tokenizer.chat_template.rerank': 'Q: {query}\nD: {document}\n' };
    const path = temporaryFile(await smallModel({ ...ranker, metadata }));
    const server = await testServer({ load: () => load(path), model: { id: 'ranker' } });
    const { body } = await post(`${server.url}/v1/rerank`, { query: 'a query', documents: ['one'] });
    const [{ relevance_score }] = body.results as [{ relevance_score: number }];
    await using engine = await load(path);
    const ids = engine.tokenizer.encode('Q: a query\nD: one\n', { bos: false });
    const [yes, no] = (await engine.embed([ids], { normalize: false })).embeddings[0]!;
    expect(relevance_score).toBeCloseTo(1 / (1 + Math.exp(no! - yes!)), 5);
  });
});
