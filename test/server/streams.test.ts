/** Streams to clients that are slow, silent or gone. */
import OpenAI from 'openai';
import { describe, expect, it, vi } from 'vitest';
import type { RunningServer } from '#src/server/serve.js';
import { nullWord } from '#src/testing/null-engine.js';
import { rawPost, readUntil } from './raw.js';
import { testServer, words } from './server.js';

async function stats({ ready }: RunningServer) {
  return (await ready).stats();
}

/** Whether nothing is left of any request. */
async function isEmpty(server: RunningServer): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await stats(server)).toMatchObject({ running: 0, waiting: 0 });
      expect(server.context.admission.load('interactive')).toEqual({
        inFlight: 0,
        waiting: 0,
        waitingTokens: 0,
      });
    },
    { timeout: 20_000 },
  );
}

function complete(server: RunningServer, max_tokens: number) {
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  return client.completions.create({ model: 'null', prompt: 'a', max_tokens });
}

describe('a client that does not read', () => {
  it('is not generated for, and is cut off at last; others are not held up', async () => {
    const server = await testServer({ limits: { stallMs: 5000 } });
    const body = { prompt: 'a', max_tokens: 10_000_000, stream: true };
    const socket = await rawPost(server, '/v1/completions', body);
    await vi.waitFor(async () => expect((await stats(server)).running).toBe(1));
    // What was generated fills the buffers of both sides, some MiB at most, and stays there.
    let before = -1;
    const isStill = async (): Promise<void> => {
      const { generatedTokens } = await stats(server);
      const change = generatedTokens - before;
      before = generatedTokens;
      expect(change).toBe(0);
    };
    await vi.waitFor(isStill, { interval: 250, timeout: 60_000 });
    const bytes = before * 200;
    expect(bytes).toBeLessThan(32 << 20);
    expect((await complete(server, 50)).choices[0]?.text).toBe(words(50));
    await isEmpty(server);
    socket.destroy();
  });

  it('gets everything when it reads again in time', async () => {
    const server = await testServer({ limits: { stallMs: 20_000 } });
    const tokens = 20_000;
    const socket = await rawPost(server, '/v1/completions', {
      prompt: 'a',
      max_tokens: tokens,
      stream: true,
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const text = await readUntil(socket, (got) => got.endsWith('data: [DONE]\n\n\r\n0\r\n\r\n'));
    const found = [...text.matchAll(/"text":"([^"]*)"/g)].map(([, piece]) => piece).join('');
    expect(found).toBe(words(tokens));
    socket.destroy();
  });
});

describe('a client that vanishes', () => {
  const body = { prompt: 'a', max_tokens: 100_000, stream: true };

  it('while it is queued: the one that runs is not touched', async () => {
    const server = await testServer({}, { maxRunning: 1, tokensPerSecond: 100 });
    const running = complete(server, 60);
    await vi.waitFor(async () => expect((await stats(server)).running).toBe(1));
    const socket = await rawPost(server, '/v1/completions', body);
    await vi.waitFor(async () => expect((await stats(server)).waiting).toBe(1));
    socket.destroy();
    await vi.waitFor(async () => expect((await stats(server)).waiting).toBe(0));
    expect((await running).choices[0]?.text).toBe(words(60));
    await isEmpty(server);
  });

  it('in prefill, in decode, and without a stream', async () => {
    const server = await testServer({}, { prefillMs: 300, tokensPerSecond: 50 });
    const prefill = await rawPost(server, '/v1/completions', body);
    await vi.waitFor(async () => expect((await stats(server)).running).toBe(1));
    prefill.destroy();
    await isEmpty(server);
    const decode = await rawPost(server, '/v1/completions', body);
    await readUntil(decode, (text) => text.includes(nullWord(3)));
    decode.destroy();
    await isEmpty(server);
    const whole = await rawPost(server, '/v1/completions', { ...body, stream: false });
    await vi.waitFor(async () => expect((await stats(server)).running).toBe(1));
    whole.destroy();
    await isEmpty(server);
  });

  it('at the last token, or half way through its request', async () => {
    const server = await testServer();
    for (let i = 0; i < 20; i++) {
      const socket = await rawPost(server, '/v1/completions', { ...body, max_tokens: 1 });
      if (i % 2 === 0) await readUntil(socket, (text) => text.includes('finish_reason":"length'));
      socket.destroy();
    }
    const socket = await rawPost(server, '/v1/completions', 'x');
    socket.write('POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{"pro');
    socket.destroy();
    await isEmpty(server);
    expect((await complete(server, 5)).choices[0]?.text).toBe(words(5));
  });
});

it('a silent stream carries comments, which clients pass over', async () => {
  const server = await testServer({ limits: { pingMs: 50 } }, { prefillMs: 800 });
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ messages: [{ role: 'user', content: 'a' }], max_tokens: 3, stream: true }),
  });
  const text = await response.text();
  expect(text.split('\n\n').filter((frame) => frame === ': ping').length).toBeGreaterThan(2);
  expect(text).toContain('data: [DONE]');
});

it('two hundred streams at once each get their own text, in bounded memory', async () => {
  const server = await testServer({}, { maxRunning: 256, tokensPerSecond: 100 });
  const tokens = 100;
  const stream = async (): Promise<string> => {
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ prompt: 'a', max_tokens: tokens, stream: true }),
    });
    const text = await response.text();
    return [...text.matchAll(/"text":"([^"]*)"/g)].map(([, piece]) => piece).join('');
  };
  const before = process.memoryUsage().heapUsed;
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().heapUsed);
  }, 50);
  const texts = await Promise.all(Array.from({ length: 200 }, stream));
  clearInterval(sampler);
  expect(new Set(texts)).toEqual(new Set([words(tokens)]));
  // Both sides are in this process: 200 connections, and all the text.
  expect(peak - before).toBeLessThan(200 << 20);
  await isEmpty(server);
});
