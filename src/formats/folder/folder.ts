/**
 * A Hugging Face folder as the GGUF file that it would be: a header made from its JSON files, and tensors read from its
 * safetensors when they are asked for. Nothing of the weights is held but what is being turned.
 */
import { FormatError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';
import { formatBytes, MiB } from '../../core/units.js';
import { ggufView } from '../gguf-view.js';
import type { GgufInput } from '../gguf-writer.js';
import type { ByteSource } from '../source.js';
import { FolderConfig, isJson, type Json } from './config.js';
import { drawingKeys, specialIds } from './generation.js';
import { folderKeys, named } from './keys.js';
import { isUsed, layTensors } from './layout.js';
import { poolingOf } from './pooling.js';
import { readSafetensors, type StoredTensor } from './safetensors.js';
import { storedMatrices } from './stored.js';
import { readTokenizer } from './tokenizer-json.js';

/** Where the files of a folder come from. */
export interface FolderFiles {
  readonly name: string;
  /** Undefined where there is no such file. Rejects with FormatError on one of more than `most` bytes. */
  text(file: string, most: number): Promise<string | undefined>;
  open(file: string): Promise<ByteSource>;
}

/** A folder as one file. */
export interface FolderSource extends ByteSource {
  /** What other readers of such a file will not know, a sentence each. */
  readonly warnings: readonly string[];
  /** The type to write it in; null for the types that it has. */
  readonly writtenAs: string | null;
}

/** Bytes that these files may have. Those of real models: 34 MB of tokenizer.json, 10 MB of an index, the others a few KB. */
const most: Readonly<Record<string, number>> = {
  'tokenizer.json': 64 * MiB,
  'model.safetensors.index.json': 32 * MiB,
};
const mostOfOthers = 4 * MiB;

function wrong(what: string, given: string, expected: string): FormatError {
  return new FormatError({ what, given, expected, todo: 'Fetch the folder again.' });
}

/** The error of a file that is larger than `most`. */
export function tooLarge(file: string, bytes: number, limit: number): FormatError {
  return wrong(file, formatBytes(bytes), `at most ${formatBytes(limit)}`);
}

/** Reads the headers of a folder. Rejects with FormatError or ModelError. */
export async function openFolder(files: FolderFiles): Promise<FolderSource> {
  const text = (file: string): Promise<string | undefined> => files.text(file, most[file] ?? mostOfOthers);
  const json = async (file: string): Promise<Json | undefined> => {
    const content = await text(file);
    if (content === undefined) return undefined;
    const value = parseJson(content, `${files.name}/${file}`);
    if (isJson(value)) return value;
    throw wrong(`${files.name}/${file}`, JSON.stringify(value).slice(0, 80), 'a JSON object');
  };
  const need = async (file: string): Promise<Json> => {
    const value = await json(file);
    if (value === undefined) throw wrong(`${files.name}/${file}`, 'no such file', 'all files of the model');
    return value;
  };
  const raw = await need('config.json');
  const config = new FolderConfig(raw, `${files.name}/config.json`);
  const { family, metadata: keys, factors, warnings } = folderKeys(config);
  const pooling = await poolingOf(files);
  const generation = { ...config.json, ...(await json('generation_config.json')) };
  const tokenizerFile = `${files.name}/tokenizer.json`;
  const templates = templatesOf(
    (await text('chat_template.jinja')) ?? (await json('tokenizer_config.json'))?.chat_template,
  );
  const { metadata: tokenizer, warning } = readTokenizer(
    await need('tokenizer.json'),
    tokenizerFile,
    config.vocab,
  );
  const metadata: Record<string, GgufInput> = {
    'general.architecture': family.architecture,
    ...nameOf(files.name, tokenizer),
    ...keys,
    ...named(pooling.keys, family.architecture),
    ...tokenizer,
    ...specialIds(generation),
    ...drawingKeys(generation, config),
    ...templates,
  };
  const stored = await readTensors(files, await json('model.safetensors.index.json'));
  const matrices = layTensors(
    storedMatrices([...stored.filter(({ name }) => isUsed(name)), ...pooling.tensors], config),
    config,
    family,
    factors,
  );
  return {
    ...ggufView(files.name, metadata, matrices).source,
    warnings: [...warnings, ...(warning === null ? [] : [warning])],
    writtenAs: family.writtenAs ?? null,
  };
}

/** Readers of GGUF go by the name of Phi 3, whose first tokenizer it stands for: no other takes it. */
function nameOf(path: string, tokenizer: Readonly<Record<string, GgufInput>>): Record<string, GgufInput> {
  const name = path.split(/[\\/]/).at(-1)!;
  return /phi-?3/i.test(name) && tokenizer['tokenizer.ggml.model'] !== 'llama'
    ? {}
    : { 'general.name': name };
}

/** One template, or several with names of which one is `default`. */
function templatesOf(template: unknown): Record<string, GgufInput> {
  if (typeof template === 'string') return { 'tokenizer.chat_template': template };
  const named: Record<string, GgufInput> = {};
  for (const entry of Array.isArray(template) ? (template as Json[]) : []) {
    if (typeof entry.name !== 'string' || typeof entry.template !== 'string') continue;
    const suffix = entry.name === 'default' ? '' : `.${entry.name}`;
    named[`tokenizer.chat_template${suffix}`] = entry.template;
  }
  return named;
}

async function readTensors(files: FolderFiles, index: Json | undefined): Promise<StoredTensor[]> {
  const map = (index?.weight_map ?? {}) as Record<string, unknown>;
  const names = index === undefined ? ['model.safetensors'] : [...new Set(Object.values(map).map(String))];
  const tensors = new Map<string, StoredTensor>();
  for (const name of names) {
    if (/[\\/]/.test(name)) throw wrong(`${files.name}: index`, JSON.stringify(name), 'files of this folder');
    for (const tensor of await readSafetensors(await files.open(name))) {
      const other = tensors.get(tensor.name);
      if (other !== undefined) {
        throw wrong(
          `${tensor.source.name}: tensor "${tensor.name}"`,
          `one that ${other.source.name} has too`,
          'every tensor in one file',
        );
      }
      tensors.set(tensor.name, tensor);
    }
  }
  for (const name of Object.keys(map))
    if (!tensors.has(name))
      throw wrong(`${files.name}: index`, `"${name}", which ${map[name]} lacks`, 'every tensor in its file');
  return [...tensors.values()];
}
