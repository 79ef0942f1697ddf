/**
 * What company costs: decode throughput of one stream and of eight, alternating, on one worker and on all.
 *
 *   node bench/streams.mjs FILE [ROUNDS]
 */
import { availableParallelism } from 'node:os';
import { load } from '#src/index.js';

const [path, rounds = '4'] = process.argv.slice(2);
const tokens = 48;
let salt = 0;
/** Ids spread over the vocabulary, others in every call, so that no prefix is cached. */
const promptIds = (vocabSize) => {
  salt++;
  return Array.from({ length: 8 }, (_, i) => 3 + (((i + 1) * 7919 * salt) % (vocabSize - 3)));
};
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

for (const workers of new Set([1, availableParallelism()])) {
  const engine = await load(path, { workers, context: 512, kvTokens: 4096, maxRunning: 8 });
  const decode = async () => {
    const options = { maxTokens: tokens + 1, temperature: 0, ignoreEos: true };
    for await (const chunk of engine.generate(promptIds(engine.tokenizer.vocabSize), options)) {
      if (chunk.done) return chunk.timings;
    }
  };
  const run = async (streams) => {
    const start = performance.now();
    const all = await Promise.all(Array.from({ length: streams }, decode));
    // Without the time to the first token, which is the prompts'.
    const prefillMs = Math.min(...all.map(({ ttftMs }) => ttftMs));
    return (1000 * streams * tokens) / (performance.now() - start - prefillMs);
  };
  const seen = { 1: [], 8: [] };
  for (let round = 0; round < Number(rounds); round++) {
    for (const streams of [1, 8]) seen[streams].push(await run(streams));
  }
  await engine.close();
  const ratios = seen[8].map((rate, i) => rate / seen[1][i]);
  const show = (list) =>
    `${median(list).toFixed(0)} (${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)})`;
  console.log(
    `${workers} workers: one stream ${show(seen[1])} tokens/s, eight ${show(seen[8])}, ratio ${median(ratios).toFixed(2)}`,
  );
}
