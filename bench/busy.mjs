/**
 * Decode while another program holds a core: one worker and all of them, with the machine to itself and beside a thread
 * that never rests, in turns.
 *
 *   node bench/busy.mjs FILE [ROUNDS]
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { load } from '#src/index.js';

const [path, rounds = '5'] = process.argv.slice(2);
const tokens = 128;
const answers = 4;
let salt = 0;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function decode(engine) {
  salt++;
  const ids = Array.from({ length: 8 }, (_, i) => 3 + (((i + 1) * 7919 * salt) % 400));
  for await (const chunk of engine.generate(ids, {
    maxTokens: tokens + 1,
    temperature: 0,
    ignoreEos: true,
  })) {
    if (chunk.done) return chunk.timings.decodeTokensPerSecond;
  }
}

const seen = new Map();
const counts = [1, availableParallelism()];
const engines = await Promise.all(counts.map((workers) => load(path, { workers })));
for (let round = 0; round < Number(rounds); round++) {
  for (const isBusy of [false, true]) {
    const busy = isBusy ? new Worker('for (;;);', { eval: true }) : null;
    for (const [i, engine] of engines.entries()) {
      const name = `${counts[i]} workers, ${isBusy ? 'one core taken' : 'alone'}`;
      if (!seen.has(name)) seen.set(name, []);
      for (let answer = 0; answer < answers; answer++) seen.get(name).push(await decode(engine));
    }
    await busy?.terminate();
  }
}
await Promise.all(engines.map((engine) => engine.close()));
for (const [name, rates] of seen) {
  console.log(
    `${name}: ${median(rates).toFixed(0)} tokens/s (${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)})`,
  );
}
