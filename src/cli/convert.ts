/** `waferflow convert` and `waferflow quantize`: a Hugging Face folder or a GGUF file, perhaps in parts, as one GGUF file. */
import { existsSync, realpathSync } from 'node:fs';
import type { Command } from 'commander';
import { OptionError } from '../core/errors.js';
import { readGguf } from '../formats/gguf.js';
import { readModel } from '../formats/model-file.js';
import { quantisations, quantized, requireQuantisation } from '../formats/requantize.js';
import { openModelSource } from '../platform/node/file-source.js';
import { resolveModel } from '../platform/node/models.js';
import { interruptible } from './interrupt.js';
import { say } from './output.js';
import { writeGgufFile } from './write-gguf.js';

interface ConvertFlags {
  readonly quantize?: string;
  readonly json?: boolean;
}

export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description('write a Hugging Face folder as a GGUF file, its weights as they are')
    .argument('<folder>', 'a folder with config.json, tokenizer.json and safetensors')
    .argument('<out>', 'the GGUF file to write')
    .option('--quantize <type>', 'write matrices in this type, e.g. q8_0 or q4_k')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow convert SmolLM2-135M SmolLM2-135M.gguf')
    .action((folder: string, out: string, { quantize, json }: ConvertFlags) =>
      interruptible((signal) => convert(folder, out, quantize ?? null, json ?? false, signal)),
    );
}

export function registerQuantize(program: Command): void {
  program
    .command('quantize')
    .description('write a model with its matrices in another type')
    .argument('<in>', 'a GGUF file, a folder, or a name from `waferflow list`')
    .argument('<out>', 'the GGUF file to write')
    .argument('<type>', quantisations().join(', ').toLowerCase())
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow quantize glint glint-q4_0.gguf q4_0')
    .action((model: string, out: string, type: string, { json }: ConvertFlags) =>
      interruptible((signal) => convert(model, out, type, json ?? false, signal)),
    );
}

async function convert(
  model: string,
  out: string,
  type: string | null,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (type !== null) requireQuantisation(type);
  const from = resolveModel(model);
  requireOther(from, out);
  const source = await openModelSource(from);
  try {
    const file = await readGguf(source);
    // What disagrees with itself is not written.
    if (source.folder) readModel(file);
    for (const warning of source.folder?.warnings ?? []) say(`waferflow: ${warning}`);
    const wanted = type ?? source.folder?.writtenAs ?? null;
    await writeGgufFile(wanted === null ? file : await quantized(file, wanted), out, json, signal);
  } finally {
    await source.close();
  }
}

/** A model is not written over itself. */
function requireOther(from: string, out: string): void {
  if (!existsSync(from) || !existsSync(out) || realpathSync(from) !== realpathSync(out)) return;
  throw new OptionError({
    what: 'file to write',
    given: JSON.stringify(out),
    expected: 'another file than the model that is read',
    todo: 'Write to another path; it can take the place of the first one afterwards.',
  });
}
