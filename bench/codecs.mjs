// Text and frames: the tokenizer on the embedded model's vocabulary, JSON and MessagePack frames of a stream:
// `node bench/codecs.mjs` after `npm run build`.
import { readFileSync } from 'node:fs';
import { Packr } from 'msgpackr';
import { readGguf } from '#src/formats/gguf.js';
import { bytesSource } from '#src/formats/source.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import { resolveModel } from '#src/platform/node/models.js';
import { printBench } from './table.js';

const tokenizer = createTokenizer(await readGguf(bytesSource(readFileSync(resolveModel(undefined)))));
const text = readFileSync(new URL('../src/runtime/leader/sampler.ts', import.meta.url), 'utf8');
const ids = tokenizer.encode(text);
const bytes = Buffer.byteLength(text);

const delta = (i) => ({
  type: 'response.output_text.delta',
  sequence_number: i,
  item_id: 'msg_0123456789abcdef',
  output_index: 0,
  content_index: 0,
  delta: ` word${i % 100}`,
  logprobs: [],
});
const frames = Array.from({ length: 1000 }, (_, i) => delta(i));
const packr = new Packr({ useRecords: false });
const records = new Packr({ structures: [] });
const jsonFrames = frames.map((frame) => JSON.stringify(frame));
const packedFrames = frames.map((frame) => packr.pack(frame));
const recordFrames = frames.map((frame) => records.pack(frame));
const size = (list) =>
  `${Math.round(list.reduce((sum, one) => sum + Buffer.byteLength(one), 0) / list.length)} B each`;
const all = (name, list, run) => ({
  name,
  work: list.length,
  unit: 'frames',
  run: () => {
    for (const one of list) run(one);
  },
});

let texts = 0;
await printBench('tokenizer', [
  {
    name: `encode ${ids.length} tokens of source text not seen before`,
    work: bytes,
    unit: 'B',
    // Texts that were seen come from a cache.
    run: () => tokenizer.encode(`${texts++}${text}`),
  },
  {
    name: 'encode them again',
    work: bytes,
    unit: 'B',
    run: () => tokenizer.encode(text),
  },
  { name: 'decode them at once', work: bytes, unit: 'B', run: () => tokenizer.decode(ids) },
  {
    name: 'decode them one by one, as a stream does',
    work: ids.length,
    unit: 'tokens',
    run: () => {
      const decoder = tokenizer.decoder({ continues: true });
      for (const id of ids) decoder.push(id);
      decoder.end();
    },
  },
]);
console.log();
await printBench('frames of a stream, 1000 at a time', [
  all(`JSON.stringify, ${size(jsonFrames)}`, frames, (frame) => JSON.stringify(frame)),
  all('JSON.parse', jsonFrames, (frame) => JSON.parse(frame)),
  all(`MessagePack pack, ${size(packedFrames)}`, frames, (frame) => packr.pack(frame)),
  all('MessagePack unpack', packedFrames, (frame) => packr.unpack(frame)),
  all(`MessagePack with shared records pack, ${size(recordFrames)}`, frames, (frame) => records.pack(frame)),
  all('MessagePack with shared records unpack', recordFrames, (frame) => records.unpack(frame)),
]);
