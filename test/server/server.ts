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

/** The value of one of our metrics, `name{label="value"}`; 0 where it is not there yet. */
export async function metric({ context }: RunningServer, name: string): Promise<number> {
  const text = await context.metrics.registry.metrics();
  const line = text.split('\n').find((each) => each.startsWith(`waferflow:${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}
