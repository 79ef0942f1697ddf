/** Upgrades that the server does not know are ignored, and the request is answered as HTTP/1.1. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RunningServer } from '#src/server/serve.js';
import { testServer, words } from './server.js';

const h2c = {
  connection: 'Upgrade, HTTP2-Settings',
  upgrade: 'h2c',
  'http2-settings': 'AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA',
};

/** Sends a completion in two halves; the status and the text, or the body of an error. */
async function complete({ url }: RunningServer, agent: Agent, headers: Record<string, string>) {
  const body = JSON.stringify({ model: 'null', prompt: 'x'.repeat(100), max_tokens: 3 });
  const sent = request(`${url}/v1/completions`, {
    method: 'POST',
    agent,
    headers: { ...headers, 'content-length': body.length },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) =>
    sent.once('response', resolve).once('error', reject),
  );
  sent.write(body.slice(0, 20));
  await setTimeout(20);
  sent.end(body.slice(20));
  const response = await answer;
  let text = '';
  for await (const chunk of response) text += chunk;
  const { choices } = JSON.parse(text) as { choices?: { text: string }[] };
  return { status: response.statusCode, text: choices?.[0]?.text ?? text };
}

it.each(['h2c', 'TLS/1.0', 'foo/2, bar', 'HTTP/2.0'])(
  'answers a request that asks for %s',
  async (upgrade) => {
    const server = await testServer();
    // One socket, so that the second request comes after the first on what was put back.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i++)
      expect(await complete(server, agent, { ...h2c, upgrade })).toEqual({ status: 200, text: words(3) });
    expect(await complete(server, agent, {})).toEqual({ status: 200, text: words(3) });
    agent.destroy();
  },
);

it('says where no WebSocket is spoken', async () => {
  const server = await testServer();
  const agent = new Agent();
  const { status, text } = await complete(server, agent, { connection: 'upgrade', upgrade: 'WebSocket' });
  expect(status).toBe(404);
  expect(text).toContain('No WebSocket is spoken at /v1/completions.');
});
