/** `waferflow list`, `rm`, `cp`, and the same under `models`: what is here. */
import { constants, statSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { messageOf, OptionError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { inspectModel } from '../formats/inspect.js';
import { withGguf } from '../platform/node/file-source.js';
import {
  type LocalModel,
  localModels,
  modelsDirectory,
  removeEmptyFolders,
  resolveModel,
} from '../platform/node/models.js';
import { formatNumber, formatTable, printJson, say } from './output.js';
import { registerPull } from './pull.js';

/** A row of `waferflow list --json`; what an unreadable file does not say is null. */
interface ModelRow extends LocalModel {
  readonly architecture: string | null;
  /** The type of most of the weights' bytes. */
  readonly type: string | null;
  readonly parameters: number | null;
  readonly licence: string | null;
  /** Why it does not run here; null if it does. */
  readonly problem: string | null;
}

export function registerModels(program: Command): void {
  const listing = (command: Command): Command =>
    command
      .description('list the models that are here')
      .option('--json', 'print one JSON document')
      .action(async ({ json }: { json?: boolean }) => list(json ?? false));
  listing(program.command('list').alias('ls')).addHelpText(
    'after',
    '\nExamples:\n  $ waferflow list\n  $ waferflow list --json',
  );
  registerPull(program, 'waferflow');
  registerRemove(program, 'waferflow');
  program
    .command('cp')
    .description('copy a model to a name of your own')
    .argument('<source>', 'a name that `waferflow list` shows, or a path')
    .argument('<name>', 'the new name')
    .addHelpText('after', '\nExample:\n  $ waferflow cp smollm2 mine')
    .action(copy);
  const models = listing(program.command('models'))
    .description('list the models that are here, pull one from the Hugging Face hub, or remove one')
    .addHelpText('after', '\nExamples:\n  $ waferflow models\n  $ waferflow models --json');
  listing(models.command('list'));
  registerPull(models, 'waferflow models');
  registerRemove(models, 'waferflow models');
}

function registerRemove(parent: Command, name: string): void {
  parent
    .command('rm')
    .description('remove a pulled model')
    .argument('<name>', 'a name that `waferflow list` shows')
    .addHelpText('after', `\nExample:\n  $ ${name} rm SmolLM2-135M-Instruct-Q8_0`)
    .action(remove);
}

async function list(json: boolean): Promise<void> {
  const rows: ModelRow[] = [];
  for (const model of localModels()) rows.push(await describe(model));
  if (json) return printJson({ directory: modelsDirectory(), models: rows });
  if (rows.length === 0) {
    console.log('No models yet. Fetch one with `waferflow pull smollm2`.');
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
  for (const { name, problem } of rows) if (problem !== null) say(`${name}: ${problem}`);
}

async function describe(model: LocalModel): Promise<ModelRow> {
  try {
    return await withGguf(model.path, (file) => {
      const { architecture, parameters, types, refusals } = inspectModel(file);
      return {
        ...model,
        architecture,
        type: Object.keys(types)[0] ?? null,
        parameters,
        licence: file.optional('general.license', 'string', null),
        problem: refusals.length === 0 ? null : refusals.join(' '),
      };
    });
  } catch (thrown) {
    const unknown = { architecture: null, type: null, parameters: null, licence: null };
    return { ...model, ...unknown, problem: messageOf(thrown) };
  }
}

async function copy(source: string, name: string): Promise<void> {
  const from = resolveModel(source);
  const isName = /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(name);
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const to = join(modelsDirectory(), isFolder ? name : `${name}.gguf`);
  const isTaken = localModels().some((model) => model.name === name);
  if (!isName || isTaken) {
    throw new OptionError({
      what: 'name of the copy',
      given: isName ? `${name}, which is there already` : JSON.stringify(name),
      expected: isName ? 'a new name' : 'letters, digits, dots, dashes and underscores',
      todo: isName
        ? `Remove it first with \`waferflow rm ${name}\`, or choose another one.`
        : 'Choose another one.',
    });
  }
  await withGguf(from, () => undefined);
  await mkdir(modelsDirectory(), { recursive: true });
  await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE });
  console.log(to);
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
  await rm(model.path, { recursive: true });
  await removeEmptyFolders(dirname(model.path), modelsDirectory());
  console.log(`removed ${model.name} (${formatBytes(model.sizeBytes)})`);
}
