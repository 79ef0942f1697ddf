// Writes a Llama model with seeded random weights as GGUF: `node bench/make-model.mjs 15M Q8_0 model.gguf [SEED [CONTEXT]]`;
// a shape is a name or its six numbers, such as 768,12,12,4,2048,32000.

import { closeSync, openSync, writeSync } from 'node:fs';
import { quantOf, weightTypes } from '#kernels/quants/index.js';
import { randomModel } from '#src/formats/random-model.js';

/** hidden, layers, heads, KV heads, FFN, vocabulary */
const shapes = {
  '1M': [128, 4, 4, 2, 320, 2048],
  '15M': [288, 6, 6, 6, 768, 32000],
  '135M': [576, 30, 9, 3, 1536, 49152],
  // Rows of whole blocks of 256.
  '160M': [768, 24, 12, 4, 2048, 32000],
  '1B': [2048, 16, 32, 8, 8192, 128256],
  '7B': [4096, 32, 32, 8, 14336, 32000],
};
const types = [...weightTypes.filter((type) => quantOf(type).pack !== null), 'Q4_K_M'];

/** As llama.cpp mixes Q4_K_M: what loses most by fewer bits, and in some layers more, has six. */
function typeInMix(tensor, layers) {
  const layer = Number(/^blk\.(\d+)/.exec(tensor)?.[1]);
  const eighth = Math.floor(layers / 8);
  const isCareful = layer < eighth || layer >= layers - eighth || (layer - eighth) % 3 === 2;
  const isSix = tensor === 'output.weight' || (/attn_v|ffn_down/.test(tensor) && isCareful);
  return isSix ? 'Q6_K' : 'Q4_K';
}
const [shape = '', weightType, path, seed = '1', context = '8192'] = process.argv.slice(2);
const sizes = shapes[shape] ?? shape.split(',').map(Number);

if (
  sizes.length !== 6 ||
  !sizes.every((size) => Number.isInteger(size) && size > 0) ||
  !types.includes(weightType) ||
  path === undefined
) {
  console.error(
    `usage: node bench/make-model.mjs ${Object.keys(shapes).join('|')}|SIZES ${types.join('|')} FILE [SEED [CONTEXT]]`,
  );
  process.exit(2);
}
const [hiddenSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, intermediateSize, vocabSize] = sizes;
const model = randomModel({
  hiddenSize,
  numHiddenLayers,
  numAttentionHeads,
  numKeyValueHeads,
  intermediateSize,
  vocabSize,
  weightType: weightType === 'Q4_K_M' ? (tensor) => typeInMix(tensor, numHiddenLayers) : weightType,
  ...(shape === '7B' ? { tieWordEmbeddings: false, pieces: { elements: 4096, count: 32 } } : {}),
  context: Number(context),
  seed: Number(seed),
});
const file = openSync(path, 'w');
for (const chunk of model.chunks()) writeSync(file, chunk);
closeSync(file);
console.log(`${path}: ${model.fileBytes} bytes`);
