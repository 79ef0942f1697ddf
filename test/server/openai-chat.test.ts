/** `/v1/chat/completions` through OpenAI's own client, on the embedded model. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';

let server: RunningServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startServer({
    load: () => load(),
    model: { id: 'glint', aliases: ['gpt-tiny'] },
    port: 0,
    logLevel: 'silent',
  });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  await server.ready;
});

afterAll(() => server.close());

const request = {
  model: 'glint',
  messages: [{ role: 'user', content: 'export function add(' }],
  max_tokens: 24,
  temperature: 0,
} as const satisfies OpenAI.ChatCompletionCreateParamsNonStreaming;

describe('an answer in one piece', () => {
  it('has the text, the finish reason and the usage, with measured and simulated time apart', async () => {
    const answer = await client.chat.completions.create({ ...request });
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'glint', service_tier: 'default' });
    const [choice] = answer.choices;
    expect(choice?.message.role).toBe('assistant');
    expect(choice?.message.content).not.toBe('');
    expect(choice?.finish_reason).toBe('length');
    const { usage } = answer;
    expect(usage?.completion_tokens).toBe(24);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + 24);
    const { waferflow } = usage as unknown as { waferflow: Record<string, unknown> };
    expect(Object.keys(waferflow)).toEqual(['measured', 'simulated']);
    expect(waferflow.simulated).toMatchObject([{ machine: 'wse-3' }, { machine: 'h100' }]);
  });

  it('is the same for the same seed, and n choices differ', async () => {
    const ask = () =>
      client.chat.completions.create({ ...request, temperature: 1.2, seed: 7, n: 3, max_tokens: 12 });
    const [a, b] = [await ask(), await ask()];
    const texts = a.choices.map(({ message }) => message.content);
    expect(b.choices.map(({ message }) => message.content)).toEqual(texts);
    expect(new Set(texts).size).toBe(3);
    expect(a.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(a.usage?.completion_tokens).toBeGreaterThan(12);
  });

  it('stops at a stop string without it', async () => {
    const whole = (await client.chat.completions.create({ ...request })).choices[0]!.message.content!;
    const stop = whole.slice(6, 9);
    const answer = await client.chat.completions.create({ ...request, stop: [stop] });
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(answer.choices[0]?.message.content).toBe(whole.slice(0, whole.indexOf(stop)));
  });

  it('obeys a bias that forbids a token', async () => {
    const free = await client.chat.completions.create({ ...request });
    const start = free.choices[0]!.message.content!.slice(0, 4);
    const response = await fetch(`${server.url}/tokenize`, {
      method: 'POST',
      body: JSON.stringify({ content: free.choices[0]?.message.content }),
    });
    const { tokens } = (await response.json()) as { tokens: number[] };
    const logit_bias = { [String(tokens[0])]: -100 };
    const biased = await client.chat.completions.create({ ...request, logit_bias });
    expect(biased.choices[0]?.message.content?.slice(0, 4)).not.toBe(start);
  });

  it('has log-probabilities: a sum, alternatives best first, bytes', async () => {
    const answer = await client.chat.completions.create({ ...request, logprobs: true, top_logprobs: 3 });
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content.length).toBe(24);
    expect(content.map(({ token }) => token).join('')).toBe(answer.choices[0]?.message.content);
    for (const { token, logprob, bytes, top_logprobs } of content) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(bytes).toEqual([...Buffer.from(token)]);
      expect(top_logprobs.length).toBe(3);
      // Greedy: the token taken is the likeliest.
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
    }
  });
});

describe('a streamed answer', () => {
  it('is the same text, with the role first, null until the finish reason, and usage last', async () => {
    const whole = await client.chat.completions.create({ ...request });
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: null, refusal: null });
    const last = chunks.at(-1);
    expect(last?.choices).toEqual([]);
    expect(last?.usage).toMatchObject({ completion_tokens: 24 });
    const rest = chunks.slice(0, -1);
    expect(rest.every(({ usage }) => usage === null)).toBe(true);
    expect(rest.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
      ...rest.slice(1).map(() => null),
      'length',
    ]);
    const text = rest.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it('streams n choices side by side', async () => {
    const ask = { ...request, temperature: 1, seed: 3, n: 2 };
    const whole = await client.chat.completions.create(ask);
    const texts = ['', ''];
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }))
      for (const { index, delta } of chunk.choices) texts[index] += delta.content ?? '';
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
  });

  it('is framed as event streams are, through proxies too', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'mine-1' },
      body: JSON.stringify({ ...request, max_tokens: 2, stream: true }),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('cache-control')).toContain('no-cache');
    expect(response.headers.get('x-request-id')).toBe('mine-1');
    const text = await response.text();
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text.split('\n\n').every((frame) => frame === '' || frame.startsWith('data: '))).toBe(true);
  });

  it("works in the client's own helper", async () => {
    const stream = client.chat.completions.stream({ ...request });
    const final = await stream.finalChatCompletion();
    const whole = await client.chat.completions.create({ ...request });
    expect(final.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
  });
});

describe('what is wrong', () => {
  const wrong: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['a temperature out of range', { temperature: 3 }, 'temperature'],
    ['a role that does not exist', { messages: [{ role: 'nobody', content: 'a' }] }, 'messages[0].role'],
    ['no message', { messages: [] }, 'messages'],
    [
      'a part without text',
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages[0].content',
    ],
    ['too many choices', { n: 1000 }, 'n'],
    ['an empty stop string', { stop: [''] }, 'stop'],
    ['a token that is none', { logit_bias: { word: 1 } }, 'logit_bias'],
    ['top_logprobs alone', { top_logprobs: 2 }, 'top_logprobs'],
    [
      'a tool that is not there',
      { tool_choice: { type: 'function', function: { name: 'f' } } },
      'tool_choice',
    ],
  ];
  it.each(wrong)('%s is a 400 that names the field', async (_, fields, param) => {
    const body = { ...request, ...fields } as unknown as typeof request;
    const error: unknown = await client.chat.completions.create(body).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    const refused = error as InstanceType<typeof OpenAI.BadRequestError>;
    expect(refused.type).toBe('invalid_request_error');
    expect(refused.param).toMatch(param);
    expect(refused.requestID).toMatch(/^req_/);
  });

  it('an unknown field is ignored, a null one is none', async () => {
    const body = { ...request, max_tokens: 1, mystery: { a: 1 }, stop: null, seed: null };
    const answer = await client.chat.completions.create(body as typeof request);
    expect(answer.usage?.completion_tokens).toBe(1);
  });

  it('an unknown model is a 404, an alias is not', async () => {
    const error: unknown = await client.chat.completions
      .create({ ...request, model: 'gpt-4' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'model_not_found', param: 'model' });
    const answer = await client.chat.completions.create({ ...request, model: 'gpt-tiny', max_tokens: 1 });
    expect(answer.model).toBe('gpt-tiny');
  });

  it('a prompt longer than the context is a 400 with a code', async () => {
    for (const length of [20_000, 2_000_000]) {
      const messages = [{ role: 'user' as const, content: 'const a = 1;'.repeat(length / 12) }];
      const error: unknown = await client.chat.completions
        .create({ ...request, messages })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded' });
    }
  });

  it('no JSON is a 400, too much of it a 413', async () => {
    const post = (body: string) =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    expect((await post('{')).status).toBe(400);
    expect((await post('[1')).status).toBe(400);
    expect((await post('null')).status).toBe(400);
    expect((await post(`"${'a'.repeat(17 << 20)}"`)).status).toBe(413);
    expect((await post('['.repeat(100_000))).status).toBe(400);
    const deep = `{"messages":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect((await post(deep)).status).toBe(400);
  });
});
