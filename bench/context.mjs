/**
 * Decode at growing lengths of a 128k context: time per token against length, and the KV cache against its prediction.
 * The model is small and random, with stretched positions; each length goes on from the one before in the prefix cache.
 *
 *   node bench/context.mjs [LONGEST]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomModelBytes } from '#src/formats/random-model.js';
import { load } from '#src/index.js';

const longest = Number(process.argv[2] ?? 131072);
const shape = { hiddenSize: 64, numHiddenLayers: 1, numAttentionHeads: 2, numKeyValueHeads: 1 };
const directory = mkdtempSync(join(tmpdir(), 'waferflow-context-'));
const path = join(directory, 'model.gguf');
writeFileSync(
  path,
  randomModelBytes({ ...shape, intermediateSize: 128, vocabSize: 512, weightType: 'Q8_0', context: 2048 }),
);
const engine = await load(path, {
  context: longest,
  ropeScaling: { type: 'yarn', factor: longest / 2048 },
  prefillChunk: 256,
});
console.log(`KV cache ${engine.info.kvBytes} bytes, predicted ${longest * 2 * 32 * 4}`);
const tokens = 64;
for (let length = Math.min(2048, longest / 2); length <= longest; length *= 2) {
  const ids = Array.from({ length: length - tokens - 1 }, (_, i) => 3 + ((i * 7919) % 500));
  const start = performance.now();
  for await (const chunk of engine.generate(ids, { maxTokens: tokens, temperature: 0, ignoreEos: true })) {
    if (!chunk.done) continue;
    const { decodeMs, cachedTokens } = chunk.timings;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(
      `${length} tokens: ${(decodeMs / (tokens - 1)).toFixed(3)} ms a token; ${cachedTokens} cached, ${seconds} s in all; ` +
        `resident ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`,
    );
  }
}
await engine.close();
rmSync(directory, { recursive: true });
