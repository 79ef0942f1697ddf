/** `/v1/responses` over HTTP, without a model: order of events, objects, storage, refusals. */
import { createParser } from 'eventsource-parser';
import { expect, it } from 'vitest';
import type { ResponseEvent, ResponseObject } from '#src/protocol/protocol.js';
import { hashKey } from '#src/server/gate/keys.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { testServer, textEvents, words } from './server.js';

async function post(url: string, body: unknown, key?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
  return await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function create(url: string, body: object, key?: string): Promise<ResponseObject> {
  const response = await post(`${url}/v1/responses`, { input: 'hi', max_output_tokens: 4, ...body }, key);
  expect(response.status).toBe(200);
  return (await response.json()) as ResponseObject;
}

async function errorOf(response: Response): Promise<{ status: number; code: string; param: string | null }> {
  const { error } = (await response.json()) as { error: { code: string; param: string | null } };
  return { status: response.status, code: error.code, param: error.param };
}

async function streamed(url: string, body: object): Promise<ResponseEvent[]> {
  const response = await post(`${url}/v1/responses`, {
    input: 'hi',
    max_output_tokens: 4,
    ...body,
    stream: true,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const data: string[] = [];
  const events: ResponseEvent[] = [];
  const parser = createParser({
    onEvent: (event) => {
      data.push(event.data);
      if (event.data === '[DONE]') return;
      const parsed = JSON.parse(event.data) as ResponseEvent;
      expect(event.event).toBe(parsed.type);
      expect(event.id).toBeUndefined();
      events.push(parsed);
    },
  });
  parser.feed(await response.text());
  expect(data.at(-1)).toBe('[DONE]');
  expect(data.filter((one) => one === '[DONE]')).toHaveLength(1);
  return events;
}

it('answers with every field of the official schema', async () => {
  const { url } = await testServer();
  const response = await create(url, {});
  expect(new Set(Object.keys(response))).toEqual(
    new Set([
      ...[
        'background',
        'completed_at',
        'created_at',
        'error',
        'frequency_penalty',
        'id',
        'incomplete_details',
      ],
      ...['instructions', 'max_output_tokens', 'max_tool_calls', 'metadata', 'model', 'object', 'output'],
      ...['parallel_tool_calls', 'presence_penalty', 'previous_response_id', 'prompt_cache_key', 'reasoning'],
      ...[
        'safety_identifier',
        'service_tier',
        'status',
        'store',
        'temperature',
        'text',
        'tool_choice',
        'tools',
      ],
      ...['top_logprobs', 'top_p', 'truncation', 'usage', 'user', 'waferflow'],
    ]),
  );
  expect(response).toMatchObject({
    object: 'response',
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    model: 'null',
    usage: { output_tokens: 4, total_tokens: response.usage!.input_tokens + 4 },
    text: { format: { type: 'text' }, verbosity: 'medium' },
  });
  expect(response.output).toMatchObject([
    {
      type: 'message',
      role: 'assistant',
      status: 'incomplete',
      content: [{ type: 'output_text', text: words(4) }],
    },
  ]);
});

it('streams the events of a text in their order, numbered from 0', async () => {
  const { url } = await testServer();
  const events = await streamed(url, {});
  expect(events.map(({ type }) => type)).toEqual(textEvents(4));
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
  const deltas = events.flatMap((event) =>
    event.type === 'response.output_text.delta' ? [event.delta] : [],
  );
  const last = events.at(-1);
  expect(last?.type === 'response.incomplete' && last.response.output[0]).toMatchObject({
    content: [{ text: deltas.join('') }],
  });
});

it('says the same streamed and not', async () => {
  const { url } = await testServer();
  const body = { max_output_tokens: 9, top_logprobs: 2, include: ['message.output_text.logprobs'] };
  const plain = await create(url, body);
  const last = (await streamed(url, body)).at(-1);
  if (last?.type !== 'response.incomplete') throw new Error(`ended with ${last?.type}`);
  const content = (response: ResponseObject): unknown => (response.output[0] as { content: unknown }).content;
  expect(content(last.response)).toEqual(content(plain));
  expect({ ...last.response.usage, waferflow: null }).toEqual({ ...plain.usage, waferflow: null });
  expect(content(plain)).toMatchObject([{ logprobs: { length: 9 } }]);
});

it('goes on from a previous response with only the new input', async () => {
  const { url } = await testServer();
  const first = await create(url, { input: 'one' });
  const second = await create(url, { input: 'two', previous_response_id: first.id });
  const whole = await create(url, {
    input: [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: words(4) },
      { role: 'user', content: 'two' },
    ],
  });
  expect(second.previous_response_id).toBe(first.id);
  expect(second.usage?.input_tokens).toBe(whole.usage?.input_tokens);
  const unknown = await post(`${url}/v1/responses`, { input: 'x', previous_response_id: 'resp_none' });
  expect(await errorOf(unknown)).toMatchObject({ status: 400, code: 'previous_response_not_found' });
});

it('keeps responses for their owner alone, until they are deleted', async () => {
  const keys = ['alice', 'bob'].map((name) => ({
    name,
    sha256: hashKey(`key-${name}`),
    requestsPerMinute: null,
    tokensPerMinute: null,
  }));
  const { url } = await testServer({ keys });
  const { id } = await create(url, { input: 'secret' }, 'key-alice');
  const ask = (path: string, key: string, method = 'GET'): Promise<Response> =>
    fetch(`${url}/v1/responses/${path}`, { method, headers: { authorization: `Bearer ${key}` } });
  for (const [path, method] of [
    [id],
    [`${id}/input_items`],
    [`${id}/cancel`, 'POST'],
    [id, 'DELETE'],
  ] as const) {
    expect((await ask(path, 'key-bob', method)).status).toBe(404);
    expect((await ask(path, 'key-nobody', method)).status).toBe(401);
  }
  const stolen = await post(`${url}/v1/responses`, { input: 'x', previous_response_id: id }, 'key-bob');
  expect(stolen.status).toBe(400);
  expect(await (await ask(id, 'key-alice')).json()).toMatchObject({ id, status: 'incomplete' });
  expect(await (await ask(`${id}/input_items`, 'key-alice')).json()).toMatchObject({
    object: 'list',
    data: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'secret' }] }],
    has_more: false,
  });
  expect(await (await ask(id, 'key-alice', 'DELETE')).json()).toEqual({
    id,
    object: 'response',
    deleted: true,
  });
  expect((await ask(id, 'key-alice')).status).toBe(404);
});

it('does not keep what says store: false', async () => {
  const { url } = await testServer();
  const { id } = await create(url, { store: false });
  expect((await fetch(`${url}/v1/responses/${id}`)).status).toBe(404);
});

it('pages through input items', async () => {
  const { url } = await testServer();
  const input = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }));
  const { id } = await create(url, { input });
  const page = async (
    query: string,
  ): Promise<{ data: { id: string; content: { text: string }[] }[]; has_more: boolean }> =>
    (await (await fetch(`${url}/v1/responses/${id}/input_items?${query}`)).json()) as never;
  const first = await page('limit=2&order=asc');
  expect(first.data.map(({ content }) => content[0]?.text)).toEqual(['a', 'b']);
  expect(first.has_more).toBe(true);
  const second = await page(`limit=2&order=asc&after=${first.data[1]?.id}`);
  expect(second.data.map(({ content }) => content[0]?.text)).toEqual(['c']);
  expect(second.has_more).toBe(false);
  expect((await page('')).data.map(({ content }) => content[0]?.text)).toEqual(['c', 'b', 'a']);
});

it('cancels a response under way, which then stays cancelled', async () => {
  const { url } = await testServer({}, { tokensPerSecond: 100 });
  const body = { input: 'hi', max_output_tokens: 100_000, stream: true };
  const response = await post(`${url}/v1/responses`, body);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('output_text.delta')) text += (await reader.read()).value ?? '';
  const id = /"id":"(resp_\w+)"/.exec(text)![1];
  expect(await (await fetch(`${url}/v1/responses/${id}`)).json()).toMatchObject({ status: 'in_progress' });
  const cancelled = await post(`${url}/v1/responses/${id}/cancel`, {});
  expect(await cancelled.json()).toMatchObject({ id, status: 'cancelled' });
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(text).toContain('event: response.incomplete');
  expect(text).toContain('"reason":"cancelled"');
  expect(await (await post(`${url}/v1/responses/${id}/cancel`, {})).json()).toMatchObject({
    status: 'cancelled',
  });
});

it('ends a stream that breaks with an error, then response.failed', async () => {
  const engine = new NullEngine({ tokensPerSecond: 1000 });
  const { url } = await testServer({ load: () => Promise.resolve(engine) });
  const timer = setInterval(() => {
    if (engine.stats().generatedTokens === 0) return;
    clearInterval(timer);
    engine.break(new Error('a worker died'));
  }, 5);
  const events = await streamed(url, { max_output_tokens: 100_000 });
  expect(events.slice(-2).map(({ type }) => type)).toEqual(['error', 'response.failed']);
  const last = events.at(-1);
  expect(last?.type === 'response.failed' && last.response).toMatchObject({
    status: 'failed',
    error: { code: expect.any(String) },
  });
});

it('counts the tokens of an input without answering it', async () => {
  const { url } = await testServer();
  const body = { input: 'how long am I?', instructions: 'be brief' };
  const { usage } = await create(url, body);
  const counted = await post(`${url}/v1/responses/input_tokens`, body);
  expect(await counted.json()).toEqual({
    object: 'response.input_tokens',
    input_tokens: usage?.input_tokens,
  });
});

it('takes items and tools that it does not know, and says which it left out', async () => {
  const { url } = await testServer();
  const response = await create(url, {
    input: [
      { type: 'reasoning', id: 'rs_1', summary: [] },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'look' },
          { type: 'input_image', image_url: 'data:' },
        ],
      },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'done' },
    ],
    tools: [{ type: 'web_search' }, { type: 'function', name: 'f', parameters: { type: 'object' } }],
  });
  expect(response.waferflow.ignored).toEqual([
    'input[0]: reasoning',
    'input[1].content[1]: input_image',
    'tools[0]: web_search',
  ]);
  expect(response.tools).toEqual([
    { type: 'function', name: 'f', description: null, parameters: { type: 'object' }, strict: true },
  ]);
});

it.each([
  [{ background: true, store: false }, 'background'],
  [{ conversation: 'conv_1' }, 'conversation'],
  [{ input: undefined }, 'input'],
  [{ input: [{ role: 'robot', content: 'x' }] }, 'input[0].role'],
  [{ input: [{ role: 'user' }] }, 'input[0].content'],
  [{ input: [{ type: 'function_call', name: 'f' }] }, 'input[0]'],
  [{ temperature: 'hot' }, 'temperature'],
  [{ max_output_tokens: 0 }, 'max_output_tokens'],
  [{ tool_choice: 'required' }, 'tool_choice'],
  [{ tool_choice: { type: 'function', name: 'f' } }, 'tool_choice'],
  [{ tools: [{ type: 'function', name: 'bad name' }] }, 'tools[0].name'],
  [{ text: { format: { type: 'json_schema', name: 'x' } } }, 'text.format.schema'],
  [{ metadata: { a: 1 } }, 'metadata.a'],
  [{ model: 'gpt-7' }, 'model'],
])('refuses %j and names the field', async (body, param) => {
  const { url } = await testServer();
  const refused = await post(`${url}/v1/responses`, { input: 'hi', ...body });
  expect((await errorOf(refused)).param).toBe(param);
  expect(refused.status).toBe('model' in body || 'conversation' in body ? 404 : 400);
});

it('refuses a body nested beyond reason', async () => {
  const { url } = await testServer();
  const deep = `{"input":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/responses`, { method: 'POST', headers, body: deep });
  expect(response.status).toBe(400);
});

it('drops the oldest items where truncation is "auto", and refuses where it is not', async () => {
  const { url } = await testServer({}, { context: 300 });
  const input = Array.from({ length: 10 }, (_, i) => ({ role: 'user', content: `${i}`.repeat(50) }));
  const refused = await post(`${url}/v1/responses`, { input });
  expect(await errorOf(refused)).toMatchObject({ status: 400, code: 'context_length_exceeded' });
  const response = await create(url, { input, truncation: 'auto' });
  expect(response.usage?.input_tokens).toBeGreaterThan(200);
  expect(response.usage?.input_tokens).toBeLessThan(300);
});

it('keeps within its bounds, oldest out first', async () => {
  const { ResponseStore } = await import('#src/server/responses/store.js');
  const store = new ResponseStore({ responses: 3, bytes: 1000 });
  const put = (id: string, bytes: number): void =>
    store.put({
      owner: 'a',
      response: { id, output: [] as unknown } as ResponseObject,
      input: [],
      conversation: [],
      joined: 0,
      bytes,
    });
  for (const id of ['1', '2', '3', '4']) put(id, 10);
  expect(store.get('1', 'a')).toBeNull();
  expect(store.size).toBe(3);
  put('5', 985);
  expect(store.size).toBe(2);
  expect(store.get('5', 'b')).toBeNull();
  put('6', 2000);
  expect(store.size).toBe(0);
});
