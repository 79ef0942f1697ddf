/**
 * What a model costs that is loaded on demand, beside another one that stays: its first token over the time of the very
 * load that it waited for, and the server's memory before, with, and after it. Exits with 1 where a bar is missed.
 *
 *     node bench/server/load.mjs STAYS.gguf COMES-AND-GOES.gguf [rounds, 5]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MOST_OVER = 0.1;
const MOST_KEPT_MIB = 50;
/** Memory goes step by step. */
const SETTLE_MS = 6000;

/** The server, in a process of its own: says its address, then how long each load took. */
async function serve([stays, comes]) {
  const { load } = await import('../../dist/src/index.js');
  const { startServer } = await import('../../dist/src/server/serve.js');
  const server = await startServer({
    load: () => load(stays),
    model: { id: 'stays' },
    models: [
      {
        id: 'comes',
        load: async () => {
          const engine = await load(comes);
          process.send({ loadMs: engine.info.loadMs });
          return engine;
        },
      },
    ],
    port: 0,
    logLevel: 'silent',
  });
  await server.ready;
  process.send({ url: server.url });
  process.once('disconnect', () => process.exit());
}

async function measure(files, rounds) {
  const child = fork(fileURLToPath(import.meta.url), ['--serve', ...files]);
  const [{ url }] = await once(child, 'message');
  /** Resident, without the pages of files. */
  const residentMiB = () =>
    Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024 +
    Number(/^RssShmem:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024;
  const post = async (path, body) => {
    const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return response;
  };
  /** Milliseconds to the first text of a stream. */
  const firstMs = async (model, prompt) => {
    const startMs = performance.now();
    const { body } = await post('/v1/completions', { model, prompt, max_tokens: 4, stream: true });
    let text = '';
    let ms = null;
    for await (const bytes of body) {
      text += new TextDecoder().decode(bytes);
      if (/"text":"[^"]/.test(text)) ms ??= performance.now() - startMs;
    }
    if (ms === null) throw new Error(`no text in ${text}`);
    return ms;
  };
  await firstMs('stays', 'The sea is');
  await firstMs('stays', 'The sky is');
  await pause(SETTLE_MS);
  const before = residentMiB();
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const loaded = once(child, 'message');
    const cold = await firstMs('comes', 'The sky is');
    const [{ loadMs }] = await loaded;
    const warm = await firstMs('comes', 'A tree is');
    const withIt = residentMiB();
    await post('/api/generate', { model: 'comes', keep_alive: 0, stream: false });
    await pause(SETTLE_MS);
    results.push({ loadMs, cold, warm, over: cold / loadMs - 1, withIt, after: residentMiB() });
  }
  child.disconnect();
  return { before, results };
}

async function main(files, rounds) {
  const { before, results } = await measure(files, rounds);
  const write = (line) => process.stdout.write(`${line}\n`);
  write('| load | first token | over the load | warm | resident before | with it | after |');
  write('| --- | --- | --- | --- | --- | --- | --- |');
  for (const { loadMs, cold, warm, over, withIt, after } of results) {
    const times = `${loadMs.toFixed(0)} ms | ${cold.toFixed(0)} ms | ${(100 * over).toFixed(1)} % | ${warm.toFixed(0)} ms`;
    write(`| ${times} | ${[before, withIt, after].map((one) => `${one.toFixed(0)} MiB`).join(' | ')} |`);
  }
  const over = results.map((one) => one.over).toSorted((a, b) => a - b)[results.length >> 1];
  const kept = Math.max(...results.map(({ after }) => after - before));
  write(
    `\nfirst token: ${(100 * over).toFixed(1)} % over the load, median of ${results.length} (at most ${100 * MOST_OVER})`,
  );
  write(`kept after an unload: ${kept.toFixed(0)} MiB at most (at most ${MOST_KEPT_MIB})`);
  process.exitCode = over <= MOST_OVER && kept <= MOST_KEPT_MIB ? 0 : 1;
}

const [stays, comes, rounds = 5] = process.argv.slice(2);
if (stays === '--serve') await serve(process.argv.slice(3));
else if (comes === undefined) {
  process.stderr.write('give two models: node bench/server/load.mjs STAYS.gguf COMES-AND-GOES.gguf\n');
  process.exitCode = 2;
} else await main([stays, comes], Number(rounds));
