/** The Responses WebSocket, JSON form, without a model. */
import { request } from 'node:http';
import { expect, it } from 'vitest';
import { hashKey } from '#src/server/gate/keys.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { testServer, textEvents, words } from './server.js';
import { connect, type Frame, isTerminal, responseOf } from './socket-client.js';

const inputTokens = ({ usage }: { readonly [field: string]: unknown }): number =>
  (usage as { input_tokens: number }).input_tokens;
const typesOf = (frames: readonly Frame[]): string[] => frames.map(({ type }) => type);

it('answers with the events of SSE, in order, without [DONE], several times', async () => {
  const { url } = await testServer();
  const client = await connect(url);
  for (let turn = 0; turn < 3; turn++) {
    const frames = await client.respond({});
    expect(typesOf(frames)).toEqual(textEvents(4));
    expect(frames.map((frame) => frame.sequence_number)).toEqual(frames.map((_, i) => i));
    expect(responseOf(frames)).toMatchObject({
      object: 'response',
      output: [{ content: [{ text: words(4) }] }],
    });
  }
});

it('goes on from its own responses with store: false, and forgets them with the connection', async () => {
  const { url } = await testServer();
  const client = await connect(url);
  const first = responseOf(await client.respond({ store: false, input: 'one' }));
  const second = responseOf(
    await client.respond({ store: false, input: 'two', previous_response_id: first.id }),
  );
  const whole = responseOf(
    await client.respond({
      input: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: words(4) },
        { role: 'user', content: 'two' },
      ],
    }),
  );
  expect(inputTokens(second)).toBe(inputTokens(whole));
  // The lane keeps its latest response only.
  const [old] = await client.respond({ previous_response_id: first.id });
  expect(old).toMatchObject({ type: 'error', status: 400, error: { code: 'previous_response_not_found' } });
  const other = await connect(url);
  const [lost] = await other.respond({ previous_response_id: second.id });
  expect(lost).toMatchObject({ type: 'error', status: 400, error: { code: 'previous_response_not_found' } });
});

it('evicts what a failed continuation built on, and goes on', async () => {
  const { url } = await testServer();
  const client = await connect(url);
  const { id } = responseOf(await client.respond({ store: false }));
  const bad = [{ type: 'function_call_output', call_id: 'none', output: 'x' }];
  const [failed] = await client.respond({ store: false, previous_response_id: id, input: bad });
  expect(failed).toMatchObject({ type: 'error', status: 400, error: { param: 'input[0].call_id' } });
  const [evicted] = await client.respond({ store: false, previous_response_id: id });
  expect(evicted).toMatchObject({ type: 'error', error: { code: 'previous_response_not_found' } });
  expect(responseOf(await client.respond({}))).toMatchObject({ status: 'incomplete' });
});

it('evicts what a continuation built on that was refused for want of room, with 503 and with 429', async () => {
  const keys = ['a', 'b'].map((name) => ({
    name,
    sha256: hashKey(name),
    requestsPerMinute: null,
    tokensPerMinute: null,
  }));
  const limits = { maxInFlight: 2, maxPerCaller: 1, maxWaitingTokens: 1000 };
  const { url } = await testServer({ keys, admission: { interactive: limits } }, { tokensPerSecond: 50 });
  const open = (name: string) => connect(url, { headers: { authorization: `Bearer ${name}` } });
  const client = await open('a');
  const [others, another] = [await open('a'), await open('b')];
  for (const [status, busy] of [
    [429, [others]],
    [503, [others, another]],
  ] as const) {
    const { id } = responseOf(await client.respond({ store: false, max_output_tokens: 1 }));
    for (const one of busy) {
      one.send({ type: 'response.create', input: 'x' });
      await one.until(({ type }) => type === 'response.output_text.delta');
    }
    const [refused] = await client.respond({ store: false, previous_response_id: id });
    expect(refused).toMatchObject({ type: 'error', status });
    for (const one of busy) {
      one.send({ type: 'response.cancel' });
      await one.until(isTerminal);
    }
    const [evicted] = await client.respond({ store: false, previous_response_id: id });
    expect(evicted).toMatchObject({ type: 'error', error: { code: 'previous_response_not_found' } });
  }
});

it('warms up with generate: false: a whole response without output, to go on from', async () => {
  const { url } = await testServer();
  const client = await connect(url);
  const warm = await client.respond({
    generate: false,
    store: false,
    input: 'a long prompt',
    max_output_tokens: null,
  });
  expect(typesOf(warm)).toEqual(['response.created', 'response.in_progress', 'response.completed']);
  expect(responseOf(warm)).toMatchObject({ status: 'completed', output: [], usage: { output_tokens: 0 } });
  const next = responseOf(
    await client.respond({ store: false, previous_response_id: responseOf(warm).id, input: 'go' }),
  );
  const input = ['a long prompt', 'go'].map((content) => ({ role: 'user', content }));
  expect(inputTokens(next)).toBe(inputTokens(responseOf(await client.respond({ input }))));
});

it('runs lanes side by side, each in order, and every event names its lane', async () => {
  const { url } = await testServer({}, { tokensPerSecond: 200 });
  const client = await connect(url);
  const lanes = ['a', 'b', 'c'];
  for (const stream_id of [...lanes, ...lanes])
    client.send({ type: 'response.create', stream_id, input: stream_id, max_output_tokens: 20 });
  let left = 6;
  const frames = await client.until((frame) => isTerminal(frame) && --left === 0);
  for (const lane of lanes) {
    const own = frames.filter(({ stream_id }) => stream_id === lane);
    expect(typesOf(own.filter((frame) => frame.type === 'response.created' || isTerminal(frame)))).toEqual([
      'response.created',
      'response.incomplete',
      'response.created',
      'response.incomplete',
    ]);
  }
  const firstEnd = frames.findIndex(isTerminal);
  expect(new Set(frames.slice(0, firstEnd).map(({ stream_id }) => stream_id))).toEqual(new Set(lanes));
});

it('lets one lane go on from the response of another', async () => {
  const { url } = await testServer();
  const client = await connect(url);
  const base = responseOf(await client.respond({ store: false, stream_id: 'main' }));
  const fork = await client.respond({ store: false, stream_id: 'fork', previous_response_id: base.id });
  expect(responseOf(fork)).toMatchObject({ previous_response_id: base.id, status: 'incomplete' });
});

it('takes 16 responses in flight and 32 named lanes, no more', async () => {
  const { url } = await testServer({}, { tokensPerSecond: 10 });
  const client = await connect(url);
  for (let i = 0; i < 17; i++)
    client.send({ type: 'response.create', stream_id: `${i}`, input: 'x', max_output_tokens: 1000 });
  const [error] = (await client.until(isTerminal)).slice(-1);
  expect(error).toMatchObject({
    status: 429,
    stream_id: '16',
    error: { code: 'websocket_stream_limit_reached' },
  });
  for (let i = 0; i < 16; i++) client.send({ type: 'response.cancel', stream_id: `${i}` });
  let left = 16;
  await client.until((frame) => isTerminal(frame) && --left === 0);
  for (let i = 16; i < 32; i++) await client.respond({ stream_id: `${i}`, generate: false });
  const [last] = (await client.respond({ stream_id: '32' })).slice(-1);
  expect(last).toMatchObject({ type: 'error', error: { code: 'websocket_stream_limit_reached' } });
});

it('cancels by id, and what was cancelled can be gone on from', async () => {
  const { url, context } = await testServer({}, { tokensPerSecond: 200 });
  const client = await connect(url);
  client.send({ type: 'response.create', input: 'x', max_output_tokens: 100_000, store: false });
  const created = (await client.until(({ type }) => type === 'response.output_text.delta'))[0]!;
  const { id } = created.response as { id: string };
  client.send({ type: 'response.cancel', response_id: id });
  const frames = await client.until(isTerminal);
  expect(frames.at(-1)).toMatchObject({ type: 'response.incomplete', response: { id, status: 'cancelled' } });
  expect(context.admission.load('interactive').inFlight).toBe(0);
  expect(responseOf(await client.respond({ previous_response_id: id, store: false }))).toMatchObject({
    status: 'incomplete',
  });
  client.send({ type: 'response.cancel', response_id: id });
  expect((await client.until(isTerminal)).at(-1)).toMatchObject({ error: { code: 'response_not_active' } });
});

it('steers: the response stops, and its successor goes on with the new input', async () => {
  const { url } = await testServer({}, { tokensPerSecond: 200 });
  const client = await connect(url);
  client.send({
    type: 'response.create',
    input: 'one',
    max_output_tokens: 50,
    store: false,
    temperature: 0.5,
  });
  const { id } = (await client.until(({ type }) => type === 'response.output_text.delta'))[0]!.response as {
    id: string;
  };
  client.send({ type: 'response.steer', previous_response_id: id, input: 'other way' });
  const first = await client.until(isTerminal);
  expect(first).toContainEqual(
    expect.objectContaining({
      type: 'response.steer.accepted',
      steer: { id: expect.any(String), previous_response_id: id },
    }),
  );
  expect(responseOf(first)).toMatchObject({
    id,
    status: 'incomplete',
    incomplete_details: { reason: 'steered' },
  });
  const second = await client.until(isTerminal);
  expect(second[0]).toMatchObject({
    type: 'response.created',
    response: { previous_response_id: id, temperature: 0.5 },
  });
  expect(responseOf(second)).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
  });
  for (const [body, code] of [
    [{ previous_response_id: id, input: 'late' }, 'response_not_found'],
    [{ previous_response_id: responseOf(second).id, input: 'late' }, 'response_already_completed'],
  ] as const) {
    client.send({ type: 'response.steer', ...body });
    const failed = (await client.until(({ type }) => type === 'response.steer.failed')).at(-1);
    expect(failed).toMatchObject({ error: { code }, steer: { input: 'late' } });
  }
});

it('says how many wait in front', async () => {
  const { url } = await testServer({}, { tokensPerSecond: 100, maxRunning: 1 });
  const client = await connect(url);
  for (const stream_id of ['a', 'b'])
    client.send({ type: 'response.create', stream_id, input: 'x', max_output_tokens: 10 });
  let left = 2;
  const frames = await client.until((frame) => isTerminal(frame) && --left === 0);
  const waited = frames.filter(({ stream_id }) => stream_id === 'b');
  expect(typesOf(waited).slice(0, 3)).toEqual([
    'response.created',
    'response.queued',
    'response.in_progress',
  ]);
  expect(waited[0]).toMatchObject({ response: { status: 'queued' } });
  expect(waited[1]).toMatchObject({ position: 1, response: { status: 'queued' } });
});

it('answers what it does not know with an error, and lives on', async () => {
  const { url } = await testServer();
  const client = await connect(url);
  client.send({ type: 'response.processed', response_id: 'x' });
  client.send({ type: 'session.update' });
  expect((await client.until(isTerminal))[0]).toMatchObject({
    type: 'error',
    status: 400,
    error: { code: 'unknown_event' },
  });
  client.ws.send('{"type":');
  expect((await client.until(isTerminal))[0]).toMatchObject({
    type: 'error',
    status: 400,
    error: { code: 'invalid_json' },
  });
  client.ws.send('[1]');
  expect((await client.until(isTerminal))[0]).toMatchObject({ type: 'error', status: 400 });
  const [refused] = await client.respond({ stream_id: 'l', model: 'gpt-7' });
  expect(refused).toMatchObject({
    type: 'error',
    status: 404,
    stream_id: 'l',
    error: { code: 'model_not_found', param: 'model' },
  });
  const [background] = await client.respond({ background: true });
  expect(background).toMatchObject({ type: 'error', status: 400 });
  expect(responseOf(await client.respond({}))).toMatchObject({ status: 'incomplete' });
});

it('ends a response whose engine broke with an error and response.failed', async () => {
  const engine = new NullEngine({ tokensPerSecond: 1000 });
  const { url } = await testServer({ load: () => Promise.resolve(engine) });
  const client = await connect(url);
  client.send({ type: 'response.create', input: 'x', max_output_tokens: 100_000 });
  await client.until(({ type }) => type === 'response.output_text.delta');
  engine.break(new Error('a worker died'));
  const frames = await client.until(({ type }) => type === 'response.failed');
  expect(typesOf(frames.slice(-2))).toEqual(['error', 'response.failed']);
});

it('refuses an upgrade without a good key as HTTP would', async () => {
  const key = { name: 'a', sha256: hashKey('good'), requestsPerMinute: null, tokensPerMinute: null };
  const { url } = await testServer({ keys: [key] });
  const statusOf = (headers: Record<string, string>): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const upgrade = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      };
      const asked = request(`${url}/v1/responses`, { headers: { ...upgrade, ...headers } });
      asked.on('response', (response) => {
        let body = '';
        response.on('data', (data) => {
          body += String(data);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asked.on('upgrade', (_response, socket) => {
        socket.destroy();
        resolve({ status: 101, body: '' });
      });
      asked.on('error', reject);
      asked.end();
    });
  const refused = await statusOf({ authorization: 'Bearer bad' });
  expect(refused.status).toBe(401);
  expect(JSON.parse(refused.body)).toMatchObject({ error: { code: 'invalid_api_key' } });
  expect((await statusOf({})).status).toBe(401);
  expect((await statusOf({ cookie: 'key=good' })).status).toBe(401);
  expect((await statusOf({ authorization: 'Bearer good' })).status).toBe(101);
  const carrier = `waferflow.key.${Buffer.from('good').toString('base64url')}`;
  expect((await statusOf({ 'sec-websocket-protocol': `waferflow.v1.json, ${carrier}` })).status).toBe(101);
});

it('sends a slow reader no more than its bound, and stops pulling from the engine', async () => {
  const engine = new NullEngine();
  const { url } = await testServer({ load: () => Promise.resolve(engine) });
  const client = await connect(url);
  client.ws.pause();
  client.send({ type: 'response.create', input: 'x', max_output_tokens: 1_000_000 });
  let before = -1;
  while (engine.stats().generatedTokens !== before || before === 0) {
    before = engine.stats().generatedTokens;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  // What the kernel's buffers take, and 64 KiB of ours.
  expect(before).toBeLessThan(100_000);
  client.ws.resume();
  await client.until(({ type }) => type === 'response.output_text.delta');
  await expect.poll(() => engine.stats().generatedTokens).toBeGreaterThan(before);
  client.ws.terminate();
});

it('frees what a vanished client ran', async () => {
  const { url, context } = await testServer({}, { tokensPerSecond: 100, maxRunning: 1 });
  const client = await connect(url);
  for (const stream_id of ['a', 'b', 'b'])
    client.send({ type: 'response.create', stream_id, input: 'x', max_output_tokens: 100_000 });
  await client.until(({ type }) => type === 'response.output_text.delta');
  client.ws.terminate();
  await expect.poll(() => context.admission.load('interactive').inFlight).toBe(0);
  expect(context.host.require().stats()).toMatchObject({ running: 0, waiting: 0 });
});

it.each([
  ['no first frame', { firstFrameMs: 60 }, 1008],
  ['idle', { idleMs: 60 }, 1001],
  ['too old', { lifetimeMs: 60 }, 1001],
] as const)('closes a connection: %s', async (name, sockets, code) => {
  const { url } = await testServer({ limits: { sockets } });
  const client = await connect(url);
  if (name !== 'no first frame') await client.respond({});
  expect(await client.closed).toMatchObject({ code });
  if (name === 'too old')
    expect(client.frames.at(-1)).toMatchObject({
      type: 'error',
      error: { code: 'websocket_connection_limit_reached' },
    });
});

it('pings, and drops who does not answer', async () => {
  const { url } = await testServer({ limits: { sockets: { pingMs: 50 } } });
  const alive = await connect(url);
  const dead = await connect(url, { autoPong: false });
  expect((await dead.closed).code).toBe(1006);
  expect(responseOf(await alive.respond({}))).toMatchObject({ status: 'incomplete' });
});

it('lets what runs end when the server drains, then says goodbye', async () => {
  const server = await testServer({}, { tokensPerSecond: 200 });
  const busy = await connect(server.url);
  const idle = await connect(server.url);
  await idle.respond({});
  busy.send({ type: 'response.create', input: 'x', max_output_tokens: 60 });
  await busy.until(({ type }) => type === 'response.output_text.delta');
  const closing = server.close(10_000);
  expect(await idle.closed).toMatchObject({ code: 1001 });
  const frames = await busy.until(isTerminal);
  expect(frames.at(-1)).toMatchObject({
    type: 'response.incomplete',
    response: { usage: { output_tokens: 60 } },
  });
  expect(await busy.closed).toMatchObject({ code: 1001 });
  await closing;
});
