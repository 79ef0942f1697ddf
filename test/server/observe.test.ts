/** What operators see: metrics, log lines and spans, and never a word of what was said. */
import { type Span, type Tracer, trace } from '@opentelemetry/api';
import OpenAI from 'openai';
import { expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type ClientSocket, connect as connectClient } from '#src/client/index.js';
import { binarySubprotocol } from '#src/protocol/protocol.js';
import { metric, testServer } from './server.js';
import { connect } from './socket-client.js';

const secret = 'the-secret-prompt';

it('counts and times requests under the names that dashboards know', async () => {
  const server = await testServer({}, { tokensPerSecond: 1000, prefillMs: 20 });
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  await client.completions.create({ model: 'null', prompt: secret, max_tokens: 20 });
  const stream = await client.completions.create({
    model: 'null',
    prompt: secret,
    max_tokens: 20,
    stream: true,
  });
  for await (const _ of stream);
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const text = await response.text();
  expect(text).not.toContain(secret);
  expect(await metric(server, 'request_success_total{finished_reason="length"}')).toBe(2);
  expect(await metric(server, 'prompt_tokens_total')).toBe(2 * secret.length);
  expect(await metric(server, 'generation_tokens_total')).toBe(40);
  for (const name of [
    'time_to_first_token_seconds',
    'e2e_request_latency_seconds',
    'request_queue_time_seconds',
    'request_prefill_time_seconds',
    'request_decode_time_seconds',
    'request_inference_time_seconds',
    'request_time_per_output_token_seconds',
    'request_prompt_tokens',
    'request_generation_tokens',
    'request_params_max_tokens',
  ])
    expect(await metric(server, `${name}_count`), name).toBe(2);
  expect(await metric(server, 'request_prefill_time_seconds_sum')).toBeGreaterThan(0.035);
  // Every token after the first of each request counts, alone or with others.
  expect(await metric(server, 'inter_token_latency_seconds_count')).toBeGreaterThan(0);
  expect(text).toContain('waferflow:inter_token_latency_seconds_bucket{le="0.00005"}');
  expect(text).toContain('waferflow:num_requests_running 0');
  expect(text).toContain('waferflow:kv_cache_usage_perc 0');
});

it('counts sockets, what goes over them, and sessions that were cut off', async () => {
  const server = await testServer();
  const count = (name: string): Promise<number> => metric(server, `websocket_${name}`);
  const plain = await connect(server.url);
  const frames = await plain.respond({});
  expect(await count('connections')).toBe(1);
  expect(await count('frames_total{direction="received"}')).toBe(1);
  expect(await count('frames_total{direction="sent"}')).toBe(frames.length);
  const bytes = frames.reduce((sum, frame) => sum + Buffer.byteLength(JSON.stringify(frame)), 0);
  expect(await count('bytes_total{direction="sent"}')).toBe(bytes);
  const options = { url: server.url, reconnect: { attempts: 0 } };
  let socket: WebSocket | undefined;
  const client = await connectClient({
    ...options,
    openSocket: (url) => {
      socket = new WebSocket(url, binarySubprotocol);
      return Promise.resolve(socket as unknown as ClientSocket);
    },
  });
  onTestFinished(() => client.close());
  await client.respond({ input: secret, max_output_tokens: 1 }).response;
  expect(await count('connections')).toBe(2);
  expect(await count('sessions_detached')).toBe(0);
  socket?.terminate();
  await vi.waitFor(async () => expect(await count('connections')).toBe(1));
  expect(await count('sessions_detached')).toBe(1);
});

it('logs a line per request with its id and no prompt, and traces it', async () => {
  const spans: { name: string; attributes: Record<string, unknown>; isEnded: boolean }[] = [];
  const tracer = {
    startSpan(name: string, { attributes = {} }: { attributes?: Record<string, unknown> } = {}) {
      const seen = { name, attributes: { ...attributes }, isEnded: false };
      spans.push(seen);
      const span = {
        setAttribute: (key: string, value: unknown) => Object.assign(seen.attributes, { [key]: value }),
        setAttributes: (more: Record<string, unknown>) => Object.assign(seen.attributes, more),
        addEvent: () => span,
        setStatus: () => span,
        end: () => {
          seen.isEnded = true;
        },
      };
      return span as unknown as Span;
    },
  };
  trace.setGlobalTracerProvider({ getTracer: () => tracer as unknown as Tracer });
  onTestFinished(() => trace.disable());
  const server = await testServer();
  const info = vi.spyOn(server.context.log, 'info');
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'x-request-id': 'mine-7' },
    body: JSON.stringify({ messages: [{ role: 'user', content: secret }], max_tokens: 3 }),
  });
  expect(answer.status).toBe(200);
  expect(info).toHaveBeenCalledOnce();
  const [line] = info.mock.calls[0] as unknown as [Record<string, unknown>];
  expect(line).toMatchObject({ requestId: 'mine-7', caller: 'anonymous', completionTokens: 3 });
  expect(JSON.stringify([line, spans])).not.toContain(secret);
  expect(spans).toMatchObject([
    {
      name: 'chat null',
      isEnded: true,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'null',
        'gen_ai.usage.output_tokens': 3,
        'gen_ai.response.finish_reasons': ['length'],
      },
    },
  ]);
});
