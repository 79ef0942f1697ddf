/** `waferflow convert`: a Hugging Face folder, or a GGUF file in parts, as one GGUF file. */
import { open, rename, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { formatBytes, MiB } from '../core/units.js';
import { readGguf } from '../formats/gguf.js';
import { fileError, openModelSource } from '../platform/node/file-source.js';
import { resolveModel } from '../platform/node/models.js';
import { interruptible } from './interrupt.js';
import { printJson, progressBar } from './output.js';

const chunkBytes = 16 * MiB;

export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description('write a Hugging Face folder as a GGUF file, its weights as they are')
    .argument('<folder>', 'a folder with config.json, tokenizer.json and safetensors')
    .argument('<out>', 'the GGUF file to write')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow convert SmolLM2-135M SmolLM2-135M.gguf')
    .action((folder: string, out: string, flags: { json?: boolean }) =>
      interruptible((signal) => convert(folder, out, flags.json ?? false, signal)),
    );
}

async function convert(folder: string, out: string, json: boolean, signal: AbortSignal): Promise<void> {
  const source = await openModelSource(resolveModel(folder));
  const partial = `${out}.partial`;
  const bar = progressBar('writing', 'bytes');
  try {
    const file = await readGguf(source);
    const target = await open(partial, 'w').catch((thrown: unknown) => {
      throw fileError(partial, thrown, 'a file that can be written');
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
    await rename(partial, out);
    bar.end();
    const tensors = [...file.tensors.values()].map(({ name, type, dims }) => ({ name, type, dims }));
    if (json) printJson({ tensors, bytes: source.byteLength });
    else console.log(`${out}: ${tensors.length} tensors, ${formatBytes(source.byteLength)}`);
  } finally {
    bar.end();
    await rm(partial, { force: true });
    await source.close();
  }
}
