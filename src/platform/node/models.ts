/** Where models lie on this machine: the embedded ones in the package, and those that were pulled. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OptionError } from '../../core/errors.js';
import { CATALOG, inCatalog } from '../hub/catalog.js';
import { chooseFile } from '../hub/choose.js';
import { isReference, type ModelReference, parseReference } from '../hub/reference.js';

/** Under it, in the directory of models, lies what came from other addresses than the hub's. */
export const URL_FOLDER = '_url';

/** Weights are data beside the sources, so the path is the same from `dist/` and from the package. */
const EMBEDDED = fileURLToPath(new URL('../../../../models/', import.meta.url));

export interface LocalModel {
  /** The folder of an embedded model, `hf:OWNER/REPO/FILE`, the URL it came from, or the name of a copy. */
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
  return modelPaths(EMBEDDED, 2).map((path) => ({
    name: basename(dirname(path)),
    path,
    source: 'embedded',
    sizeBytes: sizeOfModel(path),
  }));
}

function downloadedModels(): LocalModel[] {
  const root = modelsDirectory();
  return modelPaths(root, 12).map((path) => ({
    name: nameOf(relative(root, path).split(sep)),
    path,
    source: 'downloaded',
    sizeBytes: sizeOfModel(path),
  }));
}

function nameOf(parts: readonly string[]): string {
  const [first, ...rest] = parts;
  if (first === URL_FOLDER) return `https://${rest.join('/')}`;
  const isOwn = parts.length < 3 && (parts.length < 2 || parts.at(-1)!.endsWith('.gguf'));
  return isOwn ? parts.join('/').replace(/\.gguf$/, '') : `hf:${parts.join('/')}`;
}

/** Removes a folder and those above it as far as they are empty, up to `root`. */
export async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  if (relative(root, folder) === '' || relative(root, folder).startsWith('..')) return;
  const isGone = await rmdir(folder).then(
    () => true,
    () => false,
  );
  if (isGone) await removeEmptyFolders(dirname(folder), root);
}

/** The `.gguf` files and folders of safetensors at most `depth` levels below a directory, sorted by path. */
function modelPaths(directory: string, depth: number): string[] {
  if (depth === 0 || !existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true });
  const has = (test: (name: string) => boolean): boolean => entries.some(({ name }) => test(name));
  const isModel = has((name) => name === 'config.json') && has((name) => name.endsWith('.safetensors'));
  const inside = entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      // What lies below a model is a part of it.
      if (entry.isDirectory()) return isModel ? [] : modelPaths(path, depth - 1);
      return entry.isFile() && entry.name.endsWith('.gguf') ? [path] : [];
    });
  return isModel ? [directory, ...inside] : inside;
}

/** Bytes of a file, or of the files in a folder. */
export function sizeOfModel(path: string): number {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { name }) => sum + statSync(join(path, name)).size, 0);
}

/** A pulled model that a reference means, the one of its type or that runs here best; null where there is none. */
function pulledModel(reference: ModelReference, models: readonly LocalModel[]): LocalModel | null {
  if (reference.kind === 'url') {
    const { host, pathname } = new URL(reference.url);
    const name = `https://${host.replaceAll(':', '_')}${decodeURIComponent(pathname)}`;
    return models.find((model) => model.name === name) ?? null;
  }
  const prefix = `hf:${reference.repository}/`;
  const files = models.flatMap(({ name }) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
  const folder = models.find(({ name }) => name === `hf:${reference.repository}`) ?? null;
  if (reference.file === null && files.length === 0) return reference.type === null ? folder : null;
  try {
    const file = reference.file ?? chooseFile(reference, files);
    return models.find(({ name }) => name === prefix + file) ?? null;
  } catch {
    return null;
  }
}

/** The reference behind a model's name where it names what is not here and can be fetched, else null. */
export function missingReference(model: string): ModelReference | null {
  const models = localModels();
  if (models.some((one) => isNamed(one, model)) || isFile(model)) return null;
  const reference = inCatalog(model);
  if (!isReference(reference)) return null;
  const parsed = parseReference(reference);
  return pulledModel(parsed, models) === null ? parsed : null;
}

function isNamed({ name, path }: LocalModel, model: string): boolean {
  return name === model || basename(path) === model || basename(path, '.gguf') === model;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
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
    throw unknownModel(
      'none, and the embedded one is not beside this program',
      models,
      'Where your code is bundled, keep waferflow external: it finds its model, kernels and workers beside its files. Or name a model.',
    );
  }
  if (isFile(model)) return model;
  // A folder that happens to be called like a model does not hide it.
  const named = models.filter((one) => isNamed(one, model));
  if (named.length === 1) return named[0]!.path;
  if (named.length > 1)
    throw unknownModel(`${JSON.stringify(model)}, which ${named.length} models are called`, named);
  const reference = inCatalog(model);
  if (isReference(reference)) {
    const pulled = pulledModel(parseReference(reference), models);
    if (pulled !== null) return pulled.path;
  } else if (existsSync(model)) return model;
  // A path that does not exist is for the loader to refuse, in the words of a file.
  if (/\.gguf$|[\\/]/.test(model) && !model.startsWith('hf:')) return model;
  throw unknownModel(JSON.stringify(model), models);
}

function unknownModel(given: string, models: readonly LocalModel[], todo?: string): OptionError {
  const names = models.map(({ name }) => name);
  return new OptionError({
    what: 'model',
    given,
    expected: `the path of a GGUF file${names.length > 0 ? `, or one of ${names.join(', ')}` : ''}`,
    todo:
      todo ??
      `Fetch one with \`waferflow pull hf:OWNER/REPO\`, or by one of the names ${CATALOG.map(({ name }) => name).join(', ')}.`,
  });
}
