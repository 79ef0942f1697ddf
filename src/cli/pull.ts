/** `waferflow pull`: fetches a model; the other commands fetch what they are given by such a name. */
import type { Command } from 'commander';
import { formatBytes } from '../core/units.js';
import { CATALOG, inCatalog } from '../platform/hub/catalog.js';
import { parseReference } from '../platform/hub/reference.js';
import { sizeOfModel } from '../platform/node/models.js';
import { fetchModel, type ObtainOptions, obtainModel } from '../platform/node/obtain.js';
import { interruptible } from './interrupt.js';
import { formatTable, printJson, progressBar } from './output.js';

interface PullFlags {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Under the program, and under `models`, where it was first. */
export function registerPull(parent: Command, name: string): void {
  parent
    .command('pull')
    .description('fetch a model; goes on where an interrupted pull stopped')
    .argument(
      '<reference>',
      'hf:OWNER/REPO, hf:OWNER/REPO:Q8_0, hf:OWNER/REPO/FILE.gguf, a URL, or a name below; HF_TOKEN is used where it is set',
    )
    .option('--force', 'fetch what does not run here as well')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `\nExamples:\n  $ ${name} pull smollm2\n  $ ${name} pull hf:unsloth/SmolLM2-135M-Instruct-GGUF:Q8_0\n\nNames:\n${catalogTable()}`,
    )
    .action((reference: string, flags: PullFlags) =>
      interruptible((signal) => pull(reference, flags, signal)),
    );
}

/** The short list, a model a line. */
export function catalogTable(): string {
  const rows = CATALOG.map(({ name, about, sizeBytes, licence }) => [
    name,
    about,
    formatBytes(sizeBytes),
    licence,
  ]);
  return formatTable(['name', 'model', '>about', 'licence'], rows);
}

async function pull(given: string, { force, json }: PullFlags, signal: AbortSignal): Promise<void> {
  const path = await withProgress((progress) =>
    fetchModel(parseReference(inCatalog(given)), { ...progress, signal, force: force ?? false }),
  );
  if (json) printJson({ reference: given, path, bytes: sizeOfModel(path) });
  else console.log(path);
}

/** The path of the model that `--model` names, fetched with progress on stderr where it is not here yet. */
export function obtain(model: string | undefined, signal: AbortSignal): Promise<string> {
  return withProgress((progress) => obtainModel(model, { ...progress, signal }));
}

async function withProgress<T>(work: (progress: ObtainOptions) => Promise<T>): Promise<T> {
  const bar = progressBar('fetching', 'bytes');
  try {
    return await work({
      onProgress: (done, total) => bar.update(done, total),
      onFetch: (name, sizeBytes, licence) => {
        if (process.stderr.isTTY)
          console.error(
            `fetching ${name}: ${formatBytes(sizeBytes)}, licence ${licence ?? 'not said in the file'}`,
          );
      },
      onWait: () => console.error('waiting for another process that fetches the same file'),
    });
  } finally {
    bar.end();
  }
}
