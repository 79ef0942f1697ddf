/** A server for a test, closed with it. */
import { onTestFinished, vi } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '#src/server/serve.js';
import { NullEngine, type NullEngineOptions, nullWord } from '#src/testing/null-engine.js';

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

/** A server whose engine breaks when asked to, slow enough to be in the middle of an answer then. */
export async function breakableServer(): Promise<RunningServer & { readonly breakEngine: () => void }> {
  const engine = new NullEngine({ tokensPerSecond: 50 });
  const server = await testServer({ load: () => Promise.resolve(engine) });
  return { ...server, breakEngine: () => engine.break(new Error('gone')) };
}

/** Waits for what comes soon, on a machine that may be busy with other tests. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 });
}

/** The first `count` words that the null engine answers with. */
export function words(count: number): string {
  return Array.from({ length: count }, (_, i) => nullWord(i)).join('');
}

/** The types of the events of an answer of text, `pieces` of it, that meets its limit of tokens. */
export function textEvents(pieces: number): string[] {
  return [
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    ...Array.from({ length: pieces }, () => 'response.output_text.delta'),
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.incomplete',
  ];
}

/** The value of one of our metrics, `name{label="value"}`; 0 where it is not there yet. */
export async function metric({ context }: RunningServer, name: string): Promise<number> {
  const text = await context.metrics.registry.metrics();
  const line = text.split('\n').find((each) => each.startsWith(`waferflow:${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}
