/** A replica of a server in a process of its own, to be killed: a null engine, keys and a Redis. Its address is its first line. */
import { createHash } from 'node:crypto';
import { startServer } from '../../dist/src/server/serve.js';
import { NullEngine } from '../../dist/src/testing/null-engine.js';

const { redis, tokensPerSecond, port = 0, key } = JSON.parse(process.argv[2]);
const keys = key && [{ ...key, sha256: createHash('sha256').update('secret').digest() }];
const server = await startServer({
  load: () => Promise.resolve(new NullEngine({ tokensPerSecond, maxRunning: 256 })),
  model: { id: 'null' },
  port,
  redis,
  logLevel: 'silent',
  ...(keys && { keys }),
});
await server.ready;
process.on('SIGTERM', () => server.close(30_000).then(() => process.exit(0)));
process.stdout.write(`${server.url}\n`);
