/** Replicas of a server over a real Redis: limits, stored responses and streams in common, and what happens without it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hashKey } from '#src/server/gate/keys.js';
import type { RunningServer, ServerOptions } from '#src/server/serve.js';
import type { NullEngineOptions } from '#src/testing/null-engine.js';
import { freePort, hasRedis, type Run, start, startRedis, until } from '../cli/capacity-runs.js';
import { eventually, testServer } from './server.js';

const REPLICA = join(import.meta.dirname, 'replica.mjs');

/** The numbered events of a stream. */
interface Event {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly code?: string;
  readonly response?: { readonly id: string };
}

async function* eventsOf(response: Response): AsyncGenerator<Event, void, void> {
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const data = /^data: (\{.*)$/m.exec(event)?.[1];
      if (data !== undefined) yield JSON.parse(data) as Event;
    }
  }
}

const all = async (response: Response): Promise<Event[]> => {
  const events: Event[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
};
const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/responses`, { method: 'POST', body: JSON.stringify(body), headers });
const again = (url: string, id: string, after: number) =>
  fetch(`${url}/v1/responses/${id}?stream=true&starting_after=${after}`);
const textOf = (events: readonly Event[]): string => events.map(({ delta = '' }) => delta).join('');

describe.skipIf(!hasRedis)('replicas', () => {
  let folder = '';
  let port = 0;
  let redis: Run;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waferflow-replicas-'));
    port = await freePort();
    redis = await startRedis(port, folder);
  });
  afterAll(async () => {
    redis.child.kill('SIGKILL');
    await redis.ended;
    rmSync(folder, { recursive: true });
  });

  const replica = (
    options: Partial<ServerOptions> = {},
    engine: NullEngineOptions = {},
  ): Promise<RunningServer> => testServer({ redis: `redis://127.0.0.1:${port}`, ...options }, engine);
  const startReplica = async (options: object): Promise<Run & { url: string }> => {
    const given = JSON.stringify({ redis: `redis://127.0.0.1:${port}`, ...options });
    const run = start(process.execPath, [REPLICA, given]);
    onTestFinished(() => void run.child.kill('SIGKILL'));
    await until('a replica', () => run.stdout().includes('\n'));
    return { ...run, url: run.stdout().trim() };
  };
  const command = async (...args: string[]): Promise<void> => {
    const run = start('redis-cli', ['-p', String(port), ...args]);
    expect(await run.ended).toBe(0);
  };
  const limited = (name: string, requestsPerMinute: number | null, tokensPerMinute: number | null) => ({
    keys: [{ name, sha256: hashKey(`key-of-${name}`), requestsPerMinute, tokensPerMinute }],
  });
  const clientOf = ({ url }: RunningServer, name: string) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: `key-of-${name}`, maxRetries: 0 });
  const ask = (client: OpenAI, max_tokens = 1) =>
    client.completions.create({ model: 'null', prompt: 'a', max_tokens }).then(
      () => 200,
      (error: { status: number }) => error.status,
    );

  it('keep the limits of a key together, within five percent', async () => {
    const keys = limited('counted', 200, null);
    const clients = [clientOf(await replica(keys), 'counted'), clientOf(await replica(keys), 'counted')];
    const startMs = performance.now();
    const statuses = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(clients[i % 2]!)));
    const filled = ((performance.now() - startMs) * 200) / 60_000;
    const taken = statuses.filter((status) => status === 200).length;
    expect(taken).toBeGreaterThanOrEqual(200);
    // The bucket fills while they are asked.
    expect(taken).toBeLessThanOrEqual(1.05 * (200 + filled));
    expect(statuses.filter((status) => status === 429)).toHaveLength(300 - taken);
  });

  it('count generated tokens together, and say what is left', async () => {
    const keys = limited('spender', null, 1000);
    const [one, two] = [await replica(keys), await replica(keys)];
    expect(await ask(clientOf(one, 'spender'), 600)).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await ask(clientOf(two, 'spender'), 600)).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await ask(clientOf(one, 'spender'))).toBe(429);
    const headers = { authorization: 'Bearer key-of-spender' };
    const refused = await post(two.url, { input: 'a', stream: true }, headers);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('x-ratelimit-remaining-tokens'))).toBe(0);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(5);
  });

  it('find each other’s responses, go on from them, and forget them together', async () => {
    const [one, two] = [await replica(), await replica()];
    const first = (await (await post(one.url, { input: 'first', max_output_tokens: 3 })).json()) as {
      id: string;
    };
    await eventually(async () =>
      expect((await fetch(`${two.url}/v1/responses/${first.id}`)).status).toBe(200),
    );
    const next = await post(two.url, {
      input: 'second',
      previous_response_id: first.id,
      max_output_tokens: 3,
    });
    expect(next.status).toBe(200);
    const items = (await (await fetch(`${two.url}/v1/responses/${first.id}/input_items`)).json()) as {
      data: { id: string }[];
    };
    const referred = { type: 'item_reference', id: items.data[0]!.id };
    expect((await post(two.url, { input: [referred], max_output_tokens: 1 })).status).toBe(200);
    expect((await fetch(`${two.url}/v1/responses/${first.id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(`${one.url}/v1/responses/${first.id}`)).status).toBe(404);
    const gone = await post(one.url, { input: 'third', previous_response_id: first.id });
    expect(gone.status).toBe(400);
  });

  it('go on with each other’s streams, nothing twice and nothing left out', async () => {
    const [one, two] = [await replica({}, { tokensPerSecond: 100 }), await replica()];
    const whole = eventsOf(await post(one.url, { input: 'a', max_output_tokens: 60, stream: true }));
    const seen: Event[] = [];
    for await (const event of whole) {
      seen.push(event);
      if (seen.length === 20) break;
      if (seen.length === 10) {
        const { id } = seen[0]!.response!;
        const rest = all(await again(two.url, id, 9));
        for await (const more of whole) seen.push(more);
        const tail = await rest;
        expect(tail.map(({ sequence_number }) => sequence_number)).toEqual(
          seen.slice(10).map(({ sequence_number }) => sequence_number),
        );
        expect(textOf(seen.slice(0, 10)) + textOf(tail)).toBe(textOf(seen));
        expect(tail.at(-1)?.type).toBe('response.incomplete');
        return;
      }
    }
    expect.fail('the stream was too short');
  });

  it('go on with a response in the background, wherever it is made', async () => {
    const [one, two] = [await replica({}, { tokensPerSecond: 100 }), await replica()];
    const body = { input: 'a', max_output_tokens: 30, background: true };
    const { id } = (await (await post(one.url, body)).json()) as { id: string };
    await eventually(async () => expect((await again(two.url, id, -1)).status).toBe(200));
    const [here, there] = await Promise.all([one, two].map(async ({ url }) => all(await again(url, id, 4))));
    expect(there).toEqual(here);
    expect(there?.at(-1)?.type).toBe('response.incomplete');
  });

  it('tell who follows the stream of a replica that was killed that it is gone', async () => {
    const killed = await startReplica({ tokensPerSecond: 50 });
    const other = await replica();
    const events = eventsOf(await post(killed.url, { input: 'a', max_output_tokens: 1000, stream: true }));
    const seen: Event[] = [];
    const read = async () => {
      for await (const event of events) {
        seen.push(event);
        if (seen.length === 15) killed.child.kill('SIGKILL');
      }
    };
    await expect(read()).rejects.toThrow();
    const { id } = seen[0]!.response!;
    const rest = await all(await again(other.url, id, seen.at(-1)!.sequence_number));
    expect(rest.at(-1)).toMatchObject({ type: 'error', code: 'response_cut_off' });
    const numbers = [...seen, ...rest.slice(0, -1)].map(({ sequence_number }) => sequence_number);
    expect(numbers).toEqual(numbers.map((_, i) => i));
  });

  it('of other models on one Redis answer for their own, and go on from each other’s words', async () => {
    const [one, two] = [await replica({ model: { id: 'one' } }), await replica({ model: { id: 'two' } })];
    const first = (await (
      await post(one.url, { model: 'one', input: 'a', max_output_tokens: 2 })
    ).json()) as {
      id: string;
    };
    await eventually(async () =>
      expect((await fetch(`${two.url}/v1/responses/${first.id}`)).status).toBe(200),
    );
    const next = { input: 'b', previous_response_id: first.id, max_output_tokens: 2 };
    expect((await post(two.url, { ...next, model: 'one' })).status).toBe(404);
    expect(await (await post(two.url, { ...next, model: 'two' })).json()).toMatchObject({ model: 'two' });
  });

  it('say so while Redis is slow or full, lose nothing, and go on', async () => {
    const server = await replica(limited('slow', 1000, null));
    const client = clientOf(server, 'slow');
    const failure = async () => client.completions.create({ model: 'null', prompt: 'a', max_tokens: 1 });
    await command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(failure()).rejects.toMatchObject({
      status: 503,
      code: 'shared_state_unavailable',
      message: expect.stringMatching(/full/),
    });
    const headers = { authorization: 'Bearer key-of-slow' };
    await command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await ask(client)).toBe(200);
    await command('CLIENT', 'PAUSE', '1500', 'ALL');
    const startMs = performance.now();
    await expect(failure()).rejects.toMatchObject({ status: 503, message: expect.stringMatching(/in time/) });
    expect(performance.now() - startMs).toBeLessThan(4000);
    await eventually(async () => expect(await ask(client)).toBe(200));
    expect((await fetch(`${server.url}/v1/models`, { headers })).status).toBe(200);
  });

  it('say so while Redis is gone, keep what they have answered, and share it when it is back', async () => {
    const [one, two] = [await replica(), await replica(limited('gone', 1000, null))];
    redis.child.kill('SIGKILL');
    await redis.ended;
    expect(await ask(clientOf(two, 'gone'))).toBe(503);
    // Who has no limit is answered all the same.
    const made = await post(one.url, { input: 'a', max_output_tokens: 2 });
    expect(made.status).toBe(200);
    const { id } = (await made.json()) as { id: string };
    expect((await fetch(`${one.url}/v1/responses/${id}`)).status).toBe(200);
    const headers = { authorization: 'Bearer key-of-gone' };
    expect((await fetch(`${two.url}/v1/responses/${id}`, { headers })).status).toBe(503);
    redis = await startRedis(port, folder);
    const three = await replica();
    await eventually(async () => expect((await fetch(`${three.url}/v1/responses/${id}`)).status).toBe(200));
    await eventually(async () => expect(await ask(clientOf(two, 'gone'))).toBe(200));
  });
});
