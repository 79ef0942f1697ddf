#!/usr/bin/env node
/**
 * The server under llama-server's options, for llama.cpp's own server tests (llama-server-tests.sh): whatever model
 * they name, it is the one of LLAMA_TEST_MODEL.
 */
import { load } from '../../dist/src/index.js';
import { hashKey } from '../../dist/src/server/gate/keys.js';
import { startServer } from '../../dist/src/server/serve.js';

const given = process.argv.slice(2);
const value = (name, otherwise) => (given.includes(name) ? given[given.indexOf(name) + 1] : otherwise);
const slots = Number(value('--parallel', 1));
const context = Math.min(512, Math.floor(Number(value('--ctx-size', 512)) / slots));
const key = value('--api-key', null);
// They ask as soon as there is an answer, so the model comes first.
const engine = await load(process.env.LLAMA_TEST_MODEL, {
  context,
  kvTokens: context * slots,
  maxRunning: slots,
  workers: 1,
});
const [id, ...aliases] = value('--alias', 'stories').split(',');
const server = await startServer({
  load: () => Promise.resolve(engine),
  model: { id, aliases, takesAnyName: true },
  port: Number(value('--port', 8080)),
  host: value('--host', '127.0.0.1').split(',')[0],
  logLevel: 'silent',
  keys:
    key === null
      ? []
      : [{ name: 'test', sha256: hashKey(key), requestsPerMinute: null, tokensPerMinute: null }],
});
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => server.close().then(() => process.exit(0)));
