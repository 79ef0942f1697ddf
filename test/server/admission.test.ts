/** The bounded queue: who is let in, who is refused and how. */
import OpenAI from 'openai';
import { expect, it, vi } from 'vitest';
import { ApiError } from '#src/server/errors.js';
import { Admission } from '#src/server/gate/admission.js';
import type { RunningServer } from '#src/server/serve.js';
import { metric, testServer } from './server.js';

const small = { maxInFlight: 2, maxWaitingTokens: 100 };
const slow = { tokensPerSecond: 20, maxRunning: 1 };

function clientOf({ url }: RunningServer, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries });
}

/** Starts a request that goes on until it is aborted. */
async function occupy(server: RunningServer, prompt = 'a', tier: 'default' | 'flex' = 'default') {
  const { inFlight } = server.context.admission.load(tier === 'flex' ? 'batch' : 'interactive');
  const controller = new AbortController();
  const body = { model: 'null', prompt, max_tokens: 10_000, stream: true, service_tier: tier } as const;
  const ended = clientOf(server)
    .completions.create(body, { signal: controller.signal })
    .then(async (stream) => {
      for await (const _ of stream);
    })
    .catch(() => undefined);
  await vi.waitFor(() =>
    expect(server.context.admission.load(tier === 'flex' ? 'batch' : 'interactive').inFlight).toBe(
      inFlight + 1,
    ),
  );
  return async () => {
    controller.abort();
    await ended;
  };
}

it('refuses what is over the bound with 503 and the time to wait, before it tokenises', async () => {
  const server = await testServer({ admission: { interactive: small } }, slow);
  const leave = [await occupy(server), await occupy(server)];
  const { tokenizer } = await server.ready;
  const encode = vi.spyOn(tokenizer, 'encode');
  const error: unknown = await clientOf(server)
    .completions.create({ model: 'null', prompt: 'b'.repeat(100_000) })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OpenAI.InternalServerError);
  const refused = error as InstanceType<typeof OpenAI.InternalServerError>;
  expect(refused).toMatchObject({
    status: 503,
    code: 'server_is_overloaded',
    type: 'service_unavailable_error',
  });
  expect(refused.headers?.get('retry-after')).toBe('1');
  expect(refused.headers?.get('retry-after-ms')).toBe('1000');
  expect(encode).not.toHaveBeenCalled();
  expect(await metric(server, 'admission_rejections_total{reason="server_is_overloaded"}')).toBe(1);
  for (const end of leave) await end();
  await vi.waitFor(() =>
    expect(server.context.admission.load('interactive')).toEqual({
      inFlight: 0,
      waiting: 0,
      waitingTokens: 0,
    }),
  );
});

it('counts n choices as n, and takes all or none', async () => {
  const server = await testServer({ admission: { interactive: small } });
  const ask = (n: number) => clientOf(server).completions.create({ model: 'null', prompt: 'a', n });
  await expect(ask(3)).rejects.toMatchObject({ status: 503 });
  expect(server.context.admission.load('interactive')).toEqual({ inFlight: 0, waiting: 0, waitingTokens: 0 });
  expect((await ask(2)).choices.length).toBe(2);
});

it('bounds the prompt tokens that wait', async () => {
  const server = await testServer({ admission: { interactive: { ...small, maxInFlight: 10 } } }, slow);
  const leave = [await occupy(server), await occupy(server, 'b'.repeat(80))];
  const ask = (length: number) =>
    clientOf(server).completions.create({ model: 'null', prompt: 'c'.repeat(length), max_tokens: 1 });
  await expect(ask(21)).rejects.toMatchObject({ status: 503, code: 'server_is_overloaded' });
  expect(server.context.admission.load('interactive')).toEqual({
    inFlight: 2,
    waiting: 1,
    waitingTokens: 80,
  });
  for (const end of leave) await end();
  await vi.waitFor(() => expect(server.context.admission.load('interactive').inFlight).toBe(0));
  // Alone, a prompt may be longer than the bound.
  expect((await ask(500)).usage?.prompt_tokens).toBe(500);
});

it('keeps the tiers apart', async () => {
  const server = await testServer({ admission: { batch: small } }, { ...slow, maxRunning: 3 });
  const leave = [await occupy(server, 'a', 'flex'), await occupy(server, 'a', 'flex')];
  const ask = (service_tier: 'flex' | 'default') =>
    clientOf(server).chat.completions.create({
      model: 'null',
      messages: [{ role: 'user', content: 'a' }],
      max_tokens: 1,
      service_tier,
    });
  await expect(ask('flex')).rejects.toMatchObject({ status: 503 });
  expect((await ask('default')).service_tier).toBe('default');
  for (const end of leave) await end();
  await vi.waitFor(() => expect(server.context.admission.load('batch').inFlight).toBe(0));
  expect((await ask('flex')).service_tier).toBe('flex');
});

it('lets a client in that tries again as it was told', async () => {
  const server = await testServer({ admission: { interactive: small } }, slow);
  const leave = [await occupy(server), await occupy(server)];
  const again = clientOf(server, 2).completions.create({ model: 'null', prompt: 'a', max_tokens: 1 });
  setTimeout(() => void Promise.all(leave.map((end) => end())), 100);
  expect((await again).usage?.completion_tokens).toBe(1);
});

it('tells a waiting stream its place', async () => {
  const server = await testServer({}, slow);
  const leave = await occupy(server);
  const controller = new AbortController();
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'a', stream: true }),
    signal: controller.signal,
  });
  const { value } = await response.body!.getReader().read();
  expect(new TextDecoder().decode(value)).toBe(': queued, 1 in front\n\n');
  controller.abort();
  await leave();
});

it('leaves places for others where one key has its part, and gives every place back', () => {
  const limits = { maxInFlight: 4, maxPerCaller: 2, maxWaitingTokens: 100 };
  const admission = new Admission({ interactive: limits, batch: limits });
  const tickets = [admission.admit('interactive', 'a'), admission.admit('interactive', 'a')];
  const refusal = (caller: string) => {
    try {
      tickets.push(admission.admit('interactive', caller));
      return null;
    } catch (error) {
      return error instanceof ApiError ? error.facts : error;
    }
  };
  expect(refusal('a')).toMatchObject({
    status: 429,
    code: 'too_many_concurrent_requests',
    retryAfterMs: 1000,
  });
  expect([refusal('b'), refusal('b')]).toEqual([null, null]);
  expect(refusal('c')).toMatchObject({ status: 503, code: 'server_is_overloaded' });
  tickets[0]?.start();
  tickets[0]?.release();
  tickets[0]?.release();
  expect(refusal('b')).toMatchObject({ status: 429 });
  expect(refusal('a')).toBeNull();
  for (const ticket of tickets) ticket.release();
  expect(admission.load('interactive')).toEqual({ inFlight: 0, waiting: 0, waitingTokens: 0 });
});
