/** `waferflow models`: what is here; pull from the hub; remove. */
import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf, OptionError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { type GgufFile, readGguf } from '../formats/gguf.js';
import { parseHubFile } from '../platform/hub.js';
import { openFileSource } from '../platform/node/file-source.js';
import { type LocalModel, localModels, modelsDirectory, resolveModel } from '../platform/node/models.js';
import { pullModel } from '../platform/node/pull.js';
import { interruptible } from './interrupt.js';
import { formatNumber, formatTable, printJson, progressBar } from './output.js';

/** A row of `waferflow models --json`; the last four are null, and `problem` says why, for an unreadable file. */
interface ModelRow extends LocalModel {
  readonly architecture: string | null;
  /** The type of most of the weights' bytes. */
  readonly type: string | null;
  readonly parameters: number | null;
  readonly licence: string | null;
  readonly problem: string | null;
}

export function registerModels(program: Command): void {
  const models = program
    .command('models')
    .description('list the models that are here, pull one from the Hugging Face hub, or remove one')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExamples:\n  $ waferflow models\n  $ waferflow models --json')
    .action(async ({ json }: { json?: boolean }) => list(json ?? false));
  models
    .command('pull')
    .description('fetch a GGUF file; goes on where an interrupted pull stopped')
    .argument('<reference>', 'hf:OWNER/REPO/FILE.gguf; HF_TOKEN is used where it is set')
    .addHelpText(
      'after',
      '\nExample:\n  $ waferflow models pull hf:unsloth/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct-Q8_0.gguf',
    )
    .action((reference: string) => interruptible((signal) => pull(reference, signal)));
  models
    .command('rm')
    .description('remove a pulled model')
    .argument('<name>', 'a name that `waferflow models` lists')
    .addHelpText('after', '\nExample:\n  $ waferflow models rm SmolLM2-135M-Instruct-Q8_0')
    .action(remove);
}

async function list(json: boolean): Promise<void> {
  const rows: ModelRow[] = [];
  for (const model of localModels()) rows.push(await describe(model));
  if (json) return printJson({ directory: modelsDirectory(), models: rows });
  if (rows.length === 0) {
    console.log('No models yet. Fetch one with `waferflow models pull hf:OWNER/REPO/FILE.gguf`.');
    return;
  }
  const cells = rows.map((row) => [
    row.name,
    row.source,
    formatBytes(row.sizeBytes),
    row.type ?? '-',
    row.architecture ?? '-',
    row.parameters === null ? '-' : `${formatNumber(row.parameters / 1e6)} M`,
    row.licence ?? '-',
  ]);
  console.log(
    formatTable(['name', 'from', '>size', 'type', 'architecture', '>parameters', 'licence'], cells),
  );
  for (const { name, problem } of rows) if (problem !== null) console.error(`${name}: ${problem}`);
}

async function describe(model: LocalModel): Promise<ModelRow> {
  try {
    const source = await openFileSource(model.path);
    try {
      const file = await readGguf(source);
      return {
        ...model,
        architecture: file.optional('general.architecture', 'string', null),
        type: mainType(file),
        parameters: [...file.tensors.values()].reduce((sum, { elements }) => sum + elements, 0),
        licence: file.optional('general.license', 'string', null),
        problem: null,
      };
    } finally {
      await source.close();
    }
  } catch (thrown) {
    const unknown = { architecture: null, type: null, parameters: null, licence: null };
    return { ...model, ...unknown, problem: messageOf(thrown) };
  }
}

function mainType({ tensors }: GgufFile): string | null {
  const bytes = new Map<string, number>();
  for (const { type, byteLength } of tensors.values()) bytes.set(type, (bytes.get(type) ?? 0) + byteLength);
  return [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

async function pull(reference: string, signal: AbortSignal): Promise<void> {
  const file = parseHubFile(reference);
  const bar = progressBar(file.file, 'bytes');
  try {
    const path = await pullModel(file, {
      directory: modelsDirectory(),
      endpoint: process.env.HF_ENDPOINT,
      token: process.env.HF_TOKEN,
      signal,
      onProgress: (done, total) => bar.update(done, total),
    });
    bar.end();
    console.log(path);
  } finally {
    bar.end();
  }
}

async function remove(name: string): Promise<void> {
  const path = resolveModel(name);
  const model = localModels().find((candidate) => candidate.path === path);
  if (model?.source !== 'downloaded') {
    throw new OptionError({
      what: 'model to remove',
      given: `${JSON.stringify(name)}, which ${model ? 'is embedded in the package' : 'was not pulled'}`,
      expected: 'the name of a pulled model',
      todo: 'See their names with `waferflow models`.',
    });
  }
  await rm(model.path);
  console.log(`removed ${model.name} (${formatBytes(model.sizeBytes)})`);
}
