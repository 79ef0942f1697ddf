/** Bounds of docs/serving.md that no other test has, each at its value and beyond. */
import { expect, it, vi } from 'vitest';
import { KiB, MiB } from '#src/core/units.js';
import { load } from '#src/index.js';
import { mostQuickLength } from '#src/runtime/engine/texts.js';
import { nothingHeld } from '#src/server/gate/memory.js';
import { Turns } from '#src/server/gate/turns.js';
import type { KeptResponse } from '#src/server/responses/store.js';
import { type Channel, Connection } from '#src/server/socket/connection.js';
import { ConnectionState } from '#src/server/socket/lane.js';
import { defaultSocketLimits } from '#src/server/socket/limits.js';
import { testServer } from './server.js';
import { connect } from './socket-client.js';

async function statusOf(url: string, body: object | string): Promise<number> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method: 'POST', body: text });
  await response.arrayBuffer();
  return response.status;
}

const bodyOf = (length: number): string => {
  const body = JSON.stringify({ prompt: 'a', max_tokens: 1 });
  return body + ' '.repeat(length - body.length);
};

it('reads bodies and frames of 64 KiB at once, and larger ones by turns, two for each', async () => {
  const { url, context } = await testServer();
  const next = vi.spyOn(context.turns, 'next');
  const again = vi.spyOn(context.turns, 'again');
  expect(await statusOf(`${url}/v1/completions`, bodyOf(64 * KiB))).toBe(200);
  const client = await connect(url);
  client.ws.send('{"type":"response.processed"}'.padEnd(64 * KiB));
  client.send({ type: 'response.create', input: 'a', max_output_tokens: 1 });
  await client.until(({ type }) => type === 'response.incomplete');
  expect(next).not.toHaveBeenCalled();
  expect(await statusOf(`${url}/v1/completions`, bodyOf(64 * KiB + 1))).toBe(200);
  expect([next.mock.calls.length, again.mock.calls.length]).toEqual([1, 1]);
  client.ws.send('{"type":"response.processed"}'.padEnd(64 * KiB + 1));
  await vi.waitFor(() => expect([next.mock.calls.length, again.mock.calls.length]).toEqual([2, 2]));
  client.ws.close();
});

it('takes 32 frames of a socket at once, and the others by turns', async () => {
  const taken: unknown[] = [];
  const channel: Channel = {
    isBinary: false,
    isBusy: false,
    waitingBytes: 0,
    heldBytes: 0,
    holding: nothingHeld,
    read: (data) => data.toString(),
    receive: (message) => taken.push(message) > 0,
    refuse: () => undefined,
    event: () => undefined,
    lost: () => undefined,
  };
  const socket = { bufferedBytes: 0, pause: vi.fn(), resume: vi.fn() };
  const turns = new Turns();
  const connection = new Connection(
    socket as unknown as ConstructorParameters<typeof Connection>[0],
    channel,
    defaultSocketLimits,
    { turns, owner: 'one', onEnd: () => undefined },
  );
  const send = (count: number): void => {
    for (let i = 0; i < count; i++) connection.onMessage(Buffer.from(`${i}`), false);
  };
  send(32);
  expect([taken.length, socket.pause.mock.calls.length]).toEqual([32, 0]);
  send(8);
  expect([taken.length, socket.pause.mock.calls.length]).toEqual([32, 1]);
  await vi.waitFor(() => expect(socket.resume).toHaveBeenCalledOnce());
  expect(taken).toHaveLength(40);
  send(32);
  expect([taken.length, socket.pause.mock.calls.length]).toEqual([72, 1]);
});

it('encodes 8,192 characters of one turn at once, and what is beyond on a thread', async () => {
  const engine = await load(undefined, { workers: 1 });
  const half = 'a '.repeat(mostQuickLength / 4);
  expect(engine.encode(half)).toBeInstanceOf(Array);
  expect(engine.encode(half)).toBeInstanceOf(Array);
  const third = engine.encode('b');
  expect(third).toBeInstanceOf(Promise);
  expect(await third).toEqual(engine.tokenizer.encode('b'));
  expect(engine.encode('b')).toBeInstanceOf(Array);
  await engine.close();
});

it('counts a text of 262,144 characters, and none longer', async () => {
  const { url } = await testServer({}, { context: 4096 });
  const body = (length: number) => ({ model: 'null', content: 'a'.repeat(length) });
  expect(await statusOf(`${url}/tokenize`, body(262_144))).toBe(200);
  expect(await statusOf(`${url}/tokenize`, body(262_145))).toBe(400);
  const counted = (length: number) => ({
    model: 'null',
    messages: [{ role: 'user', content: 'a'.repeat(length) }],
  });
  expect(await statusOf(`${url}/v1/messages/count_tokens`, counted(262_144))).toBe(200);
  expect(await statusOf(`${url}/v1/messages/count_tokens`, counted(262_145))).toBe(400);
});

it('takes a thousand tools, and texts of biases of 8,192 characters', async () => {
  const { url } = await testServer({}, { context: 1_000_000 });
  const chat = (count: number) => ({
    messages: [{ role: 'user', content: 'a' }],
    max_tokens: 1,
    tools: Array.from({ length: count }, (_, i) => ({ type: 'function', function: { name: `f${i}` } })),
  });
  expect(await statusOf(`${url}/v1/chat/completions`, chat(1000))).toBe(200);
  expect(await statusOf(`${url}/v1/chat/completions`, chat(1001))).toBe(400);
  const biased = (length: number) => ({ prompt: 'a', n_predict: 1, logit_bias: [['a'.repeat(length), 1]] });
  expect(await statusOf(`${url}/completion`, biased(8192))).toBe(200);
  expect(await statusOf(`${url}/completion`, biased(8193))).toBe(400);
});

it('keeps conversations of 16 MiB for a socket, and lets the oldest go', () => {
  expect(defaultSocketLimits.stateBytes).toBe(16 * MiB);
  const state = new ConnectionState(defaultSocketLimits.stateBytes);
  const put = (lane: string, bytes: number): void =>
    state.put(lane, { response: { id: lane }, bytes } as unknown as KeptResponse, []);
  for (const lane of ['a', 'b', 'c', 'd']) put(lane, 4 * MiB);
  expect(state.find('a')).not.toBeNull();
  put('e', 1);
  expect(['a', 'b', 'e'].map((lane) => state.find(lane) !== null)).toEqual([false, true, true]);
  // A lane's next one takes the place of its last.
  put('b', 4 * MiB);
  expect(state.find('c')).not.toBeNull();
  expect(state.heldBytes).toBe(12 * MiB + 1);
});
