/** What comes over the wire: bodies and frames. An answer or an error of the client's kind, and nobody else notices. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect } from 'vitest';
import WebSocket from 'ws';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { target } from './fuzz.js';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({
    load: () => Promise.resolve(new NullEngine({ context: 256 })),
    model: { id: 'null' },
    port: 0,
    logLevel: 'silent',
  });
  await server.ready;
});
afterAll(() => server.close());

const noise = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(-1, 0, 1e308, 2 ** 53, '', 'x', [], {}, [null], { type: 'x' }, '__proto__'),
);
const routes = [
  ['/v1/chat/completions', { model: 'null', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 }],
  ['/v1/completions', { model: 'null', prompt: 'hi', max_tokens: 3 }],
  ['/v1/responses', { model: 'null', input: 'hi', max_output_tokens: 3 }],
  ['/v1/messages', { model: 'null', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 }],
  ['/api/chat', { model: 'null', messages: [{ role: 'user', content: 'hi' }], options: { num_predict: 3 } }],
  ['/api/generate', { model: 'null', prompt: 'hi', options: { num_predict: 3 } }],
  ['/tokenize', { content: 'hi' }],
] as const;
const fields = [
  ...[
    'messages',
    'prompt',
    'input',
    'content',
    'model',
    'max_tokens',
    'max_output_tokens',
    'stop',
    'stream',
    'n',
    'seed',
  ],
  ...[
    'tools',
    'tool_choice',
    'response_format',
    'text',
    'logit_bias',
    'logprobs',
    'top_logprobs',
    'temperature',
    'top_p',
  ],
  ...[
    'options',
    'format',
    'system',
    'instructions',
    'thinking',
    'reasoning',
    'stop_sequences',
    'metadata',
    'grammar',
  ],
];

target(
  'a body with anything in any field',
  fc.tuple(
    fc.nat(routes.length - 1),
    fc.dictionary(fc.constantFrom(...fields), noise, { maxKeys: 4, noNullPrototype: true }),
  ),
  async ([route, changes]) => {
    const [path, body] = routes[route]!;
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({ ...body, ...changes }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    expect(response.status, text.slice(0, 300)).toBeLessThan(500);
    expect(text).not.toMatch(/internal error|Cannot read|is not a function|undefined \(reading/);
    if (response.status >= 400) expect(() => JSON.parse(text) as unknown).not.toThrow();
  },
);

const frame = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom(
        'response.create',
        'response.cancel',
        'response.steer',
        'response.processed',
        'x',
      ),
      input: noise,
      stream_id: noise,
      response_id: noise,
      previous_response_id: noise,
      max_output_tokens: fc.oneof(fc.nat(4), noise),
    },
    { requiredKeys: [] },
  ),
  noise,
);

target(
  'frames of a session',
  fc.array(frame, { maxLength: 5 }),
  async (frames) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/responses`);
    const texts: string[] = [];
    socket.on('message', (data) => texts.push(String(data)));
    await new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    for (const each of frames) socket.send(JSON.stringify(each));
    socket.send(JSON.stringify({ type: 'response.create', input: 'hi', max_output_tokens: 2 }));
    // Whatever came before, the server goes on, or has closed the socket with a reason.
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    const deadline = Date.now() + 20_000;
    while (
      socket.readyState === WebSocket.OPEN &&
      !texts.some((text) => /"response\.(incomplete|completed)"|error/.test(text))
    ) {
      expect(Date.now(), `an answer to ${JSON.stringify(frames)}`).toBeLessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    socket.close();
    expect(await closed).not.toBe(1011);
    expect(texts.join('\n')).not.toMatch(/internal error|Cannot read|is not a function/);
  },
  0.5,
);
