/**
 * Predicted outputs: tokens per second when the answer is known but for some edits, with and without the prediction,
 * alternating. The text is the same, which is checked.
 *
 *   node bench/speculation.mjs [FILE]
 */
import { load } from '#src/index.js';

const engine = await load(process.argv[2], { context: 512 });
const prompt = 'import { readFile } from "node:fs/promises";\n\nexport async function load(path: string) {\n';
const base = { maxTokens: 256, ignoreEos: true, frequencyPenalty: 0.2 };
const run = async (options) => {
  for await (const chunk of engine.generate(prompt, { ...base, ...options })) if (chunk.done) return chunk;
};
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const plain = await run({});
for (const every of [0, 64, 16, 4]) {
  // Every so many tokens one is another: what an edit does to a prediction.
  const prediction = plain.ids.map((id, i) => (every > 0 && i % every === every - 1 ? id + 1 : id));
  const ratios = [];
  let last;
  for (let round = 0; round < 5; round++) {
    const without = await run({});
    last = await run({ prediction });
    if (last.text !== plain.text) throw new Error('the prediction changed the text');
    ratios.push(last.timings.decodeTokensPerSecond / without.timings.decodeTokensPerSecond);
  }
  const { draftTokens, acceptedTokens } = last.timings;
  console.log(
    `${every === 0 ? 'no edit' : `an edit every ${every} tokens`}: ${median(ratios).toFixed(2)} times the speed, ` +
      `${acceptedTokens} of ${draftTokens} drafts accepted`,
  );
}
await engine.close();
