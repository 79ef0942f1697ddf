/**
 * Writes a GGUF model with other layers: some left out, or silent ones added, which compute as much as any and add nothing.
 * Two models with one vocabulary come of it, one of which is quicker or says the same in more time.
 *
 *     node bench/layers.mjs IN.gguf OUT.gguf 0-9,20-29        leaves 10 to 19 out
 *     node bench/layers.mjs IN.gguf OUT.gguf 0-29,29x90       with 90 silent copies of layer 29 behind
 */
import { open, readFile } from 'node:fs/promises';
import { readGguf } from '../dist/src/formats/gguf.js';
import { ggufHeader } from '../dist/src/formats/gguf-writer.js';
import { bytesSource } from '../dist/src/formats/source.js';

const [from, to, list] = process.argv.slice(2);
if (list === undefined) {
  process.stderr.write('give two files and layers: node bench/layers.mjs IN.gguf OUT.gguf 0-9,20-29x2\n');
  process.exit(2);
}
const file = await readGguf(bytesSource(await readFile(from)));
const count = `${file.require('general.architecture', 'string')}.block_count`;
const all = file.require(count, 'count');

/** The layers of the new model: which one of the old, and whether it is silent. */
const layers = list.split(',').flatMap((part) => {
  const [, first, last = first, times] = /^(\d+)(?:-(\d+))?(?:x(\d+))?$/.exec(part) ?? [];
  if (first === undefined || Number(last) >= all || Number(first) > Number(last))
    throw new Error(`layers ${part}: give numbers from 0 to ${all - 1}, such as 0-9 or 29x4`);
  const those = Array.from({ length: last - first + 1 }, (_, i) => Number(first) + i);
  return Array.from({ length: Number(times ?? 1) }, () =>
    those.map((layer) => ({ layer, isSilent: times !== undefined })),
  ).flat();
});
/** What adds a layer's result to the rows. */
const ends = /\.(attn_output|ffn_down)\.(weight|bias)$/;

const tensors = [...file.tensors.values()].flatMap((tensor) => {
  const [, layer, rest] = /^blk\.(\d+)\.(.*)$/.exec(tensor.name) ?? [];
  if (layer === undefined) return [{ ...tensor, isZero: false }];
  return layers.flatMap((one, i) =>
    one.layer === Number(layer)
      ? [{ ...tensor, name: `blk.${i}.${rest}`, isZero: one.isSilent && ends.test(tensor.name) }]
      : [],
  );
});
const metadata = {};
for (const [key, [start, end]] of file.places) {
  if (key === 'general.alignment') continue;
  const stored = new Uint8Array(end - start);
  await file.source.read(start, stored);
  metadata[key] = { stored };
}
metadata[count] = layers.length;
const header = ggufHeader(metadata, tensors);
const target = await open(to, 'w');
await target.write(header.bytes, 0, header.bytes.length, 0);
for (const [i, { offset, byteLength, isZero }] of tensors.entries()) {
  const data = new Uint8Array(byteLength);
  if (!isZero) await file.source.read(offset, data);
  await target.write(data, 0, byteLength, header.offsets[i]);
}
await target.truncate(header.fileBytes);
await target.close();
process.stdout.write(`${to}: ${layers.length} layers of ${all}\n`);
