/** Writes a model as a GGUF file under its name once it is whole, and says what is in it. */
import { open, rename, rm } from 'node:fs/promises';
import { formatBytes, MiB } from '../core/units.js';
import type { GgufFile } from '../formats/gguf.js';
import { replaceable, writeError } from '../platform/node/write-file.js';
import { printJson, progressBar } from './output.js';

const chunkBytes = 16 * MiB;

export async function writeGgufFile(
  { source, tensors }: GgufFile,
  out: string,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  const place = await replaceable(out);
  const partial = `${place}.partial`;
  const bar = progressBar('writing', 'bytes');
  try {
    const target = await open(partial, 'w').catch((thrown: unknown) => {
      throw writeError(partial, thrown);
    });
    try {
      const buffer = new Uint8Array(Math.min(chunkBytes, source.byteLength));
      for (let at = 0; at < source.byteLength; ) {
        signal.throwIfAborted();
        const chunk = buffer.subarray(0, Math.min(buffer.length, source.byteLength - at));
        await source.read(at, chunk);
        await target.writeFile(chunk);
        at += chunk.length;
        bar.update(at, source.byteLength);
      }
    } finally {
      await target.close();
    }
    await rename(partial, place);
  } finally {
    bar.end();
    await rm(partial, { force: true });
  }
  const list = [...tensors.values()].map(({ name, type, dims }) => ({ name, type, dims }));
  if (json) printJson({ tensors: list, bytes: source.byteLength });
  else console.log(`${out}: ${list.length} tensors, ${formatBytes(source.byteLength)}`);
}
