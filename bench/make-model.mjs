// Writes a Llama model with seeded random weights as GGUF: `node bench/make-model.mjs 15M Q8_0 model.gguf [seed]`.

import { closeSync, openSync, writeSync } from 'node:fs';
import { quantOf, weightTypes } from '#kernels/quants/index.js';
import { randomModel } from '#src/formats/random-model.js';

/** hidden, layers, heads, KV heads, FFN, vocabulary */
const shapes = {
  '1M': [128, 4, 4, 2, 320, 2048],
  '15M': [288, 6, 6, 6, 768, 32000],
  '135M': [576, 30, 9, 3, 1536, 49152],
};
const types = weightTypes.filter((type) => quantOf(type).pack !== null);
const [shape, weightType, path, seed = '1'] = process.argv.slice(2);

if (!(shape in shapes) || !types.includes(weightType) || path === undefined) {
  console.error(
    `usage: node bench/make-model.mjs ${Object.keys(shapes).join('|')} ${types.join('|')} FILE [SEED]`,
  );
  process.exit(2);
}
const [hiddenSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, intermediateSize, vocabSize] =
  shapes[shape];
const model = randomModel({
  hiddenSize,
  numHiddenLayers,
  numAttentionHeads,
  numKeyValueHeads,
  intermediateSize,
  vocabSize,
  weightType,
  context: 8192,
  seed: Number(seed),
});
const file = openSync(path, 'w');
for (const chunk of model.chunks()) writeSync(file, chunk);
closeSync(file);
console.log(`${path}: ${model.fileBytes} bytes`);
