/** Where models lie on this machine: the embedded ones in the package, and those that were pulled. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OptionError } from '../../core/errors.js';

/** Weights are data beside the sources, so the path is the same from `dist/` and from the package. */
const EMBEDDED = fileURLToPath(new URL('../../../../models/', import.meta.url));

export interface LocalModel {
  /** The folder of an embedded model, or `hf:OWNER/REPO/FILE`. */
  readonly name: string;
  readonly path: string;
  readonly source: 'embedded' | 'downloaded';
  readonly sizeBytes: number;
}

/** The directory of pulled models: WAFERFLOW_MODELS, or `~/.cache/waferflow/models`. */
export function modelsDirectory(): string {
  return process.env.WAFERFLOW_MODELS || join(homedir(), '.cache', 'waferflow', 'models');
}

/** Every model that is here, embedded ones first. */
export function localModels(): LocalModel[] {
  return [...embeddedModels(), ...downloadedModels()];
}

function embeddedModels(): LocalModel[] {
  return ggufFiles(EMBEDDED, 2).map((path) => ({
    name: basename(dirname(path)),
    path,
    source: 'embedded',
    sizeBytes: statSync(path).size,
  }));
}

function downloadedModels(): LocalModel[] {
  const root = modelsDirectory();
  return ggufFiles(root, 6).map((path) => ({
    name: `hf:${relative(root, path).split(sep).join('/')}`,
    path,
    source: 'downloaded',
    sizeBytes: statSync(path).size,
  }));
}

/** The `.gguf` files at most `depth` levels below a directory, sorted by path. */
function ggufFiles(directory: string, depth: number): string[] {
  if (depth === 0 || !existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return ggufFiles(path, depth - 1);
      return entry.isFile() && entry.name.endsWith('.gguf') ? [path] : [];
    });
}

/**
 * The path of a model: of the file itself, of a name that `localModels` lists (a pulled one also by its file name
 * alone, with or without `.gguf`), or of the embedded model when none is given.
 *
 * @throws OptionError that lists what is there when nothing has that name
 */
export function resolveModel(model?: string): string {
  const models = localModels();
  if (model === undefined) {
    const [first] = models;
    if (first?.source === 'embedded') return first.path;
    throw unknownModel('no --model, and there is no embedded model', models);
  }
  if (existsSync(model)) return model;
  const named = models.filter(
    ({ name, path }) => name === model || basename(path) === model || basename(path, '.gguf') === model,
  );
  if (named.length === 1) return named[0]!.path;
  if (named.length > 1)
    throw unknownModel(`${JSON.stringify(model)}, which ${named.length} models are called`, named);
  // A path that does not exist is for the loader to refuse, in the words of a file.
  if (/\.gguf$|[\\/]/.test(model) && !model.startsWith('hf:')) return model;
  throw unknownModel(JSON.stringify(model), models);
}

function unknownModel(given: string, models: readonly LocalModel[]): OptionError {
  const names = models.map(({ name }) => name);
  return new OptionError({
    what: 'model',
    given,
    expected: `the path of a GGUF file${names.length > 0 ? `, or one of ${names.join(', ')}` : ''}`,
    todo: 'Fetch one with `waferflow models pull hf:OWNER/REPO/FILE`, or give the path of a file.',
  });
}
