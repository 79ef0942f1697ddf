/** What OpenAI's clients rely on in chat and text completions, with its SDK or the bytes that they send. */
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { testServer } from '../server/server.js';
import { post, scriptedServer } from './scripted.js';

const clientOf = (url: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'x' }];
const ask = { model: 'null', messages } as const;
const call = '{"name": "weather", "arguments": {"city": "Bern"}}';
const weather = {
  name: 'weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

describe('tools', () => {
  it('functions, as they were before tools, whole and streamed', async () => {
    const { url, seen } = await scriptedServer(call);
    const client = clientOf(url);
    const history: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'user', content: 'warm?' },
      { role: 'assistant', content: null, function_call: { name: 'weather', arguments: '{"city":"Genf"}' } },
      { role: 'function', name: 'weather', content: 'sunny' },
    ];
    const body = { model: 'null', messages: history, functions: [weather], function_call: 'auto' as const };
    const { choices } = await client.chat.completions.create(body);
    expect(choices[0]).toMatchObject({
      finish_reason: 'function_call',
      message: { content: null, function_call: { name: 'weather', arguments: '{"city": "Bern"}' } },
    });
    expect(seen[0]!.prompt).toContain('sunny');
    const final = await client.chat.completions.stream(body).finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      finish_reason: 'function_call',
      message: { function_call: { name: 'weather', arguments: '{"city": "Bern"}' } },
    });
  });

  it('a result of a function without its call is refused with its place', async () => {
    const { url } = await testServer();
    const history = [{ role: 'function', name: 'weather', content: 'sunny' }];
    expect(await post(`${url}/v1/chat/completions`, { messages: history })).toMatchObject({
      status: 400,
      body: { error: { param: 'messages[0]' } },
    });
  });

  it('allowed_tools shows the model no others', async () => {
    const { url, seen } = await scriptedServer(call);
    const answer = await clientOf(url).chat.completions.create({
      ...ask,
      tools: [
        { type: 'function', function: weather },
        { type: 'function', function: { name: 'launch' } },
      ],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'weather' } }] },
      },
    });
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
    expect(seen[0]!.prompt).not.toContain('launch');
    expect(seen[0]!.options.grammar).toBeDefined();
  });

  it('custom tools take and give texts, whole and streamed', async () => {
    const { url, seen } = await scriptedServer('{"name": "shell", "arguments": {"input": "ls -l"}}');
    const client = clientOf(url);
    const body = {
      model: 'null',
      messages: [
        ...messages,
        {
          role: 'assistant',
          tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'shell', input: 'pwd' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: '/home' },
      ],
      tools: [{ type: 'custom', custom: { name: 'shell', description: 'Runs a command' } }],
    } satisfies OpenAI.ChatCompletionCreateParamsNonStreaming;
    const whole = await client.chat.completions.create(body);
    const wanted = [{ type: 'custom', custom: { name: 'shell', input: 'ls -l' } }];
    expect(whole.choices[0]?.message.tool_calls).toMatchObject(wanted);
    expect(seen[0]!.prompt).toContain('pwd');
    let input = '';
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }))
      for (const one of chunk.choices[0]?.delta.tool_calls ?? [])
        input += (one as { custom?: { input?: string } }).custom?.input ?? '';
    expect(input).toBe('ls -l');
  });

  it('a function without parameters is called with none', async () => {
    for (const parameters of [undefined, null, {}]) {
      const { url, seen } = await scriptedServer('{"name": "now", "arguments": {}}');
      const tools = [{ type: 'function', function: { name: 'now', parameters } }];
      await post(`${url}/v1/chat/completions`, { ...ask, tools, tool_choice: 'required' });
      const { grammar } = seen[0]!.options;
      if (grammar?.type !== 'framed') throw new Error('not bound');
      expect(grammar.ways.map((way) => JSON.parse(way.schema) as unknown)).toEqual([
        { type: 'object', properties: {}, additionalProperties: false },
      ]);
    }
  });

  it('a call that must be has no empty text in front of it', async () => {
    const { url } = await scriptedServer(call);
    const stream = await clientOf(url).chat.completions.create({
      ...ask,
      tools: [{ type: 'function', function: weather }],
      tool_choice: 'required',
      stream: true,
    });
    const contents: unknown[] = [];
    for await (const chunk of stream) contents.push(chunk.choices[0]?.delta.content ?? null);
    expect(new Set(contents)).toEqual(new Set([null]));
  });
});

describe('what binds an answer is kept or refused', () => {
  const schema = { type: 'object', properties: { a: { type: 'boolean' } }, required: ['a'] };
  const asSchema = { type: 'jsonSchema', schema: JSON.stringify(schema) };
  const forms: readonly (readonly [object, object])[] = [
    [{ response_format: { type: 'json_object', schema } }, asSchema],
    [{ response_format: { type: 'json_schema', schema } }, asSchema],
    [{ response_format: { type: 'json_object' } }, { type: 'json' }],
    [{ json_schema: schema }, asSchema],
    [{ guided_json: schema }, asSchema],
    [{ guided_regex: 'a+' }, { type: 'regex', pattern: 'a+' }],
    [{ guided_choice: ['a', 'b.'] }, { type: 'regex', pattern: 'a|b\\.' }],
    [{ grammar: 'root ::= "a"' }, { type: 'ebnf', text: 'root ::= "a"' }],
    [{ guided_grammar: 'root ::= "a"' }, { type: 'ebnf', text: 'root ::= "a"' }],
  ];
  const routes = [
    ['/v1/chat/completions', { messages }],
    ['/v1/completions', { prompt: 'x' }],
    ['/v1/responses', { input: 'x' }],
    ['/v1/messages', { model: 'null', max_tokens: 9, messages }],
    ['/api/chat', { model: 'null', messages, stream: false }],
    ['/api/generate', { model: 'null', prompt: 'x', stream: false }],
  ] as const;

  it.each(routes)('%s', async (path, body) => {
    const { url, seen } = await scriptedServer('ok');
    for (const [form, grammar] of forms) {
      expect((await post(`${url}${path}`, { ...body, ...form })).status, JSON.stringify(form)).toBe(200);
      expect(seen.at(-1)!.options.grammar).toEqual(grammar);
    }
    const two = { ...body, grammar: 'root ::= "a"', json_schema: schema };
    expect((await post(`${url}${path}`, two)).status).toBe(400);
  });

  it('a schema or grammar that makes no sense is a 400', async () => {
    const server = await testServer({ load: () => load(undefined, { workers: 1, kvTokens: 1024 }) });
    for (const form of [
      { response_format: { type: 'json_object', schema: { $ref: '#/nowhere' } } },
      { json_schema: { type: 'no such type' } },
      { grammar: 'root ::= nothing' },
      { guided_regex: '(' },
      { min_tokens: 4 },
      { stop_token_ids: [3] },
    ])
      expect((await post(`${server.url}/v1/completions`, { prompt: 'x', ...form })).status).toBe(400);
  });
});

describe('fields', () => {
  it('images are left out with a note', async () => {
    const { url, seen } = await scriptedServer('ok');
    const content: OpenAI.ChatCompletionContentPart[] = [
      { type: 'text', text: 'see' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,aa' } },
      { type: 'input_audio', input_audio: { data: 'aa', format: 'wav' } },
    ];
    await clientOf(url).chat.completions.create({ model: 'null', messages: [{ role: 'user', content }] });
    const note = (what: string): string => `(${what} left out: this model reads text only)`;
    expect(seen[0]!.prompt).toContain(`see${note('image')}${note('audio')}`);
  });

  it('continue_final_message goes on with the last message', async () => {
    const { url, seen } = await scriptedServer(' and more');
    const begun = [...messages, { role: 'assistant', content: 'Once' }];
    const path = `${url}/v1/chat/completions`;
    expect((await post(path, { messages: begun, continue_final_message: true })).status).toBe(200);
    expect(seen[0]!.prompt).toMatch(/Once$/);
    expect((await post(path, { messages, continue_final_message: true })).status).toBe(400);
  });

  it('seeds of 64 bits, -1 for all tokens, -1 for no limit, biases as a list', async () => {
    const { url, seen } = await scriptedServer('ok');
    const body = {
      ...ask,
      seed: 9_007_199_254_740_993_000,
      top_k: -1,
      max_tokens: -1,
      logit_bias: [
        [5, false],
        [6, 2],
      ],
    };
    expect((await post(`${url}/v1/chat/completions`, body)).status).toBe(200);
    const { topK, seed, logitBias } = seen[0]!.options;
    expect(topK).toBe(0);
    expect(Number.isSafeInteger(seed)).toBe(true);
    expect(logitBias).toEqual({ 5: Number.NEGATIVE_INFINITY, 6: 2 });
  });

  it('a prompt that is too long is refused in the words that clients look for', async () => {
    const { url } = await testServer({}, { context: 100 });
    const content = 'word '.repeat(200);
    await expect(
      clientOf(url).chat.completions.create({ model: 'null', messages: [{ role: 'user', content }] }),
    ).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      param: 'messages',
      message: expect.stringMatching(
        /maximum context length is 100 tokens\. However, your messages resulted in \d+ tokens/,
      ),
    });
    await expect(clientOf(url).completions.create({ model: 'null', prompt: content })).rejects.toMatchObject({
      param: 'prompt',
    });
  });

  it('more prompts than are taken at once are named so', async () => {
    const { url } = await testServer();
    const prompt = Array.from({ length: 65 }, () => 'x');
    expect(await post(`${url}/v1/completions`, { prompt })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('64') } },
    });
  });

  it('every name of the model is listed, and answers carry the one that was asked for', async () => {
    const { url } = await testServer({ model: { id: 'null', aliases: ['other'] } });
    const client = clientOf(url);
    const names = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toEqual(['null', 'other']);
    for (const model of ['other', 'null:latest'])
      expect((await client.completions.create({ model, prompt: 'x', max_tokens: 1 })).model).toBe(model);
    await expect(client.completions.create({ model: 'gpt-4o', prompt: 'x' })).rejects.toThrow('not served');
    const any = await testServer({ model: { id: 'null', takesAnyName: true } });
    const answer = await clientOf(any.url).completions.create({ model: 'gpt-4o', prompt: 'x' });
    expect(answer.model).toBe('gpt-4o');
  });
});

describe('HTTP', () => {
  it('an empty body counts as none where none is needed', async () => {
    const { url } = await testServer();
    const client = clientOf(url);
    const { id } = await client.responses.create({ model: 'null', input: 'x', max_output_tokens: 2 });
    await client.responses.cancel(id);
    await client.responses.delete(id);
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    const empty = await fetch(`${url}/v1/completions`, { method: 'POST' });
    expect(empty.status).toBe(400);
    expect(await empty.text()).toContain('body is empty');
  });

  it('absent routes are not there, whatever is sent to them', async () => {
    const { url } = await testServer();
    const client = clientOf(url);
    const file = new File(['{}'], 'batch.jsonl');
    await expect(client.files.create({ file, purpose: 'batch' })).rejects.toMatchObject({ status: 404 });
    await expect(client.models.delete('null')).rejects.toMatchObject({ status: 404 });
    const form = new FormData();
    form.set('prompt', 'x');
    expect((await fetch(`${url}/v1/completions`, { method: 'POST', body: form })).status).toBe(415);
  });

  it('a body that is too large is refused so that the client sees it', async () => {
    const { url } = await testServer({ limits: { bodyBytes: 1 << 20 } });
    const prompt = 'x'.repeat(24 << 20);
    await expect(clientOf(url).completions.create({ model: 'null', prompt })).rejects.toMatchObject({
      status: 413,
    });
  });

  it('the chat starts before its prompt is read', async () => {
    const { url } = await scriptedServer('hello', { engine: { delayMs: 3000 } });
    const startMs = performance.now();
    const stream = await clientOf(url).chat.completions.create({ ...ask, stream: true });
    for await (const chunk of stream) {
      expect(chunk.choices[0]?.delta.role).toBe('assistant');
      break;
    }
    expect(performance.now() - startMs).toBeLessThan(2500);
  });
});

describe('log-probabilities of a text', () => {
  const prompt = 'Once upon a time';
  const body = { model: 'null', prompt, echo: true, logprobs: 3, temperature: 0 } as const;

  it('stand there for the prompt, with and without an answer', async () => {
    const { url } = await testServer({ load: () => load(undefined, { workers: 1, kvTokens: 1024 }) });
    const client = clientOf(url);
    const read = async (max_tokens: number, ask: object = {}) => {
      const { choices, usage } = await client.completions.create({ ...body, max_tokens, ...ask });
      return { ...choices[0]!, usage };
    };
    const none = await read(0);
    expect(none.text).toBe(prompt);
    expect(none.usage?.completion_tokens).toBe(0);
    const { tokens = [], token_logprobs = [], top_logprobs = [], text_offset = [] } = none.logprobs!;
    expect(tokens).toHaveLength(none.usage!.prompt_tokens);
    expect(token_logprobs[0]).toBeNull();
    expect(top_logprobs[0]).toBeNull();
    for (let i = 1; i < tokens.length; i++) {
      expect(token_logprobs[i]).toBeLessThanOrEqual(0);
      expect(Object.keys(top_logprobs[i]!)).toHaveLength(3);
    }
    const one = await read(1);
    expect(one.logprobs?.tokens?.slice(0, -1)).toEqual(tokens);
    expect(one.logprobs?.token_logprobs).toHaveLength(tokens.length + 1);
    expect(one.logprobs?.text_offset?.slice(0, -1)).toEqual(text_offset);
    // What the model would write has the same log-probability when it stands in the prompt.
    const longer = await read(0, { prompt: one.text });
    if (longer.logprobs!.tokens!.length === tokens.length + 1)
      expect(longer.logprobs!.token_logprobs!.at(-1)).toBeCloseTo(one.logprobs!.token_logprobs!.at(-1)!, 5);
    const streamed: (number | null)[] = [];
    for await (const chunk of await client.completions.create({ ...body, max_tokens: 1, stream: true }))
      streamed.push(...(chunk.choices[0]?.logprobs?.token_logprobs ?? []));
    expect(streamed).toEqual(one.logprobs?.token_logprobs);
  });

  it('are as many as were asked for, and the chosen one has its own value', async () => {
    const { url } = await testServer({ load: () => load(undefined, { workers: 1, kvTokens: 1024 }) });
    const answer = await clientOf(url).completions.create({
      model: 'null',
      prompt,
      max_tokens: 24,
      temperature: 0,
      logprobs: 20,
    });
    const { tokens = [], token_logprobs = [], top_logprobs = [] } = answer.choices[0]!.logprobs!;
    expect(tokens).toHaveLength(24);
    for (const [i, token] of tokens.entries()) {
      expect(Object.keys(top_logprobs[i]!)).toHaveLength(20);
      expect(top_logprobs[i]![token]).toBe(token_logprobs[i]);
      expect(Math.max(...Object.values(top_logprobs[i]!))).toBe(token_logprobs[i]);
    }
  });

  it('rank the choices of best_of', async () => {
    const { url } = await testServer({ load: () => load(undefined, { workers: 1, kvTokens: 1024 }) });
    const client = clientOf(url);
    const sampled = { model: 'null', prompt, max_tokens: 6, seed: 7, logprobs: 0 } as const;
    const mean = (choice: OpenAI.CompletionChoice): number => {
      const { token_logprobs = [] } = choice.logprobs!;
      return token_logprobs.reduce((sum, value) => sum + value, 0) / token_logprobs.length;
    };
    const all = await client.completions.create({ ...sampled, n: 6 });
    const best = await client.completions.create({ ...sampled, n: 2, best_of: 6 });
    const ranked = all.choices.map(mean).sort((a, b) => b - a);
    expect(best.choices.map(mean)).toEqual(ranked.slice(0, 2));
    expect(best.choices.map(({ index }) => index)).toEqual([0, 1]);
    expect(best.usage?.completion_tokens).toBe(all.usage?.completion_tokens);
    const { logprobs: _, ...plain } = sampled;
    const bare = await client.completions.create({ ...plain, best_of: 6 });
    expect(bare.choices).toMatchObject([{ text: best.choices[0]!.text, logprobs: null }]);
  });
});
