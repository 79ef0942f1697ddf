/** The server of the transport benches, in a process of its own: a null engine, and its CPU time on request. */
import { NullEngine } from '../../dist/src/server/null-engine.js';
import { startServer } from '../../dist/src/server/serve.js';

const server = await startServer({
  load: () => Promise.resolve(new NullEngine()),
  model: { id: 'null' },
  port: 0,
  logLevel: 'silent',
});
await server.ready;
process.on('message', async (message) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuMs: (user + system) / 1000 });
  }
  if (message === 'close') {
    await server.close();
    process.disconnect();
  }
});
process.send({ url: server.url });
