/** A server for a test, closed with it. */
import { onTestFinished } from 'vitest';
import { NullEngine, type NullEngineOptions } from '#src/server/null-engine.js';
import { type RunningServer, type ServerOptions, startServer } from '#src/server/serve.js';

export async function testServer(
  options: Partial<ServerOptions> = {},
  engine: NullEngineOptions = {},
): Promise<RunningServer> {
  const server = await startServer({
    load: () => Promise.resolve(new NullEngine(engine)),
    model: { id: 'null' },
    port: 0,
    logLevel: 'silent',
    ...options,
  });
  onTestFinished(() => server.close());
  await server.ready;
  return server;
}
