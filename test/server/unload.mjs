/** A server that has a model of the file given answer, and unload it, twice: what it takes before, with it, and after, as JSON. */
import { load } from '#src/index.js';
import { startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';

const [, , path] = process.argv;
const server = await startServer({
  load: () => Promise.resolve(new NullEngine()),
  model: { id: 'null' },
  models: [{ id: 'large', load: () => load(path, { workers: 1, kvTokens: 256 }) }],
  port: 0,
  logLevel: 'silent',
});
const { pool, served } = server.context.models;
const megabytes = () => process.memoryUsage.rss() / 1e6;

async function ask(model) {
  const body = JSON.stringify({ model, prompt: 'a', max_tokens: 2 });
  const answer = await fetch(`${server.url}/v1/completions`, { method: 'POST', body });
  if (!answer.ok) throw new Error(await answer.text());
  await answer.arrayBuffer();
}

/** What it takes as soon as that is little enough, or after some seconds. */
async function settled(enough) {
  const endMs = performance.now() + 15_000;
  while (megabytes() > enough && performance.now() < endMs)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return megabytes();
}

await ask('null');
const start = megabytes();
await ask('large');
await pool.unload(served[1]);
// Code and heap of a first time stay.
const before = await settled(start + 60);
await ask('large');
const during = megabytes();
await pool.unload(served[1]);
const after = await settled(before + 50);
process.stdout.write(JSON.stringify({ start, before, during, after }));
await server.close();
