/** The server over TLS: HTTPS, and WebSockets in both forms. */
import { request } from 'node:https';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type ClientSocket, connect as connectClient } from '#src/client/index.js';
import { binarySubprotocol } from '#src/protocol/protocol.js';
import { hashKey } from '#src/server/gate/keys.js';
import { nullWord } from '#src/testing/null-engine.js';
import { selfSigned } from '../../bench/server/self-signed.js';
import { testServer } from './server.js';
import { connect, responseOf } from './socket-client.js';

const authorization = 'Bearer secret';
const keys = [{ name: 'one', sha256: hashKey('secret'), requestsPerMinute: null, tokensPerMinute: null }];

function post(url: string, ca: string, body: object): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', ca, headers: { authorization } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

it('answers over HTTPS, streamed as well, and speaks no plain HTTP there', async () => {
  const tls = selfSigned();
  const { url } = await testServer({ tls, keys });
  expect(url).toMatch(/^https:/);
  const body = { input: 'hi', max_output_tokens: 3 };
  const { status, text } = await post(`${url}/v1/responses`, tls.cert, body);
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ status: 'incomplete', usage: { output_tokens: 3 } });
  const streamed = await post(`${url}/v1/responses`, tls.cert, { ...body, stream: true });
  expect(streamed.text).toContain(JSON.stringify(nullWord(2)));
  expect(streamed.text).toContain('data: [DONE]');
  await expect(post(`${url}/v1/responses`, selfSigned().cert, body)).rejects.toThrow(/self.signed/i);
  await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
});

it('answers on WebSockets over TLS, in both forms', async () => {
  const tls = selfSigned();
  const { url } = await testServer({ tls, keys });
  const json = await connect(url, { ca: tls.cert, headers: { authorization } });
  expect(responseOf(await json.respond({}))).toMatchObject({ status: 'incomplete' });
  const client = await connectClient({
    url,
    apiKey: 'secret',
    openSocket: (target) => {
      const socket = new WebSocket(target, binarySubprotocol, { ca: tls.cert, headers: { authorization } });
      return Promise.resolve(socket as unknown as ClientSocket);
    },
  });
  onTestFinished(() => client.close());
  const { text } = await client.respond({ input: 'hi', max_output_tokens: 3 }).response;
  expect(text).toBe([0, 1, 2].map(nullWord).join(''));
});
