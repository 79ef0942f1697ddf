/**
 * The servers of the transport bench, in a process of their own: a null engine over TCP and over TLS, one that is full,
 * and the CPU time of them all on request.
 */

import { startServer } from '../../dist/src/server/serve.js';
import { NullEngine } from '../../dist/src/testing/null-engine.js';
import { selfSigned } from './self-signed.js';

const start = async (options = {}, engine = {}) => {
  const server = await startServer({
    load: () => Promise.resolve(new NullEngine(engine)),
    model: { id: 'null' },
    port: 0,
    logLevel: 'silent',
    ...options,
  });
  await server.ready;
  return server;
};

const tls = selfSigned();
const plain = await start();
const secure = await start({ tls });
// One request that takes an hour is all that fits.
const one = { maxInFlight: 1, maxWaitingTokens: 1 };
const full = await start({ admission: { interactive: one } }, { tokensPerSecond: 1, maxRunning: 1 });
await fetch(`${full.url}/v1/responses`, {
  method: 'POST',
  body: JSON.stringify({ input: 'wait', max_output_tokens: 3600, stream: true }),
});

process.on('message', async (message) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuMs: (user + system) / 1000 });
  }
  if (message === 'close') {
    await Promise.all([plain, secure, full].map((server) => server.close()));
    process.disconnect();
  }
});
// A bench that failed leaves nothing behind.
process.on('disconnect', () => process.exit());
process.send({ url: plain.url, secureUrl: secure.url, fullUrl: full.url, ca: tls.cert });
