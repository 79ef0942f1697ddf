/** Finds model cards on disk: by the name of a packaged card, or as a JSON file or model directory. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelCard, StoredBits } from '../../../models/card.js';
import { isObject } from '../../../models/card-fields.js';
import { cardFromJson } from '../../../models/card-file.js';
import { cardFromModel } from '../../../models/card-model.js';
import { CARD_NAMES } from '../../../models/card-names.js';
import { writesText } from '../../../models/embedding.js';
import { FormatError, ModelError, OptionError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';
import { type GgufFile, readGguf } from '../../formats/gguf.js';
import { readModel } from '../../formats/model-file.js';
import { openFileSource } from './file-source.js';
import { localModels, resolveModel } from './models.js';

/** Cards are data beside the sources, so the path is the same from `dist/` and from the package. */
const CARDS = fileURLToPath(new URL('../../../../models/cards/', import.meta.url));

/** A config.json or card is a few KiB; anything much larger is something else. */
const MAX_CARD_BYTES = 4 * 1024 * 1024;

/**
 * The card called `model`: a packaged card, a card or config.json file, or a directory with a config.json.
 *
 * @throws OptionError when there is no such card, FormatError when the file is not one
 */
export function loadCard(model: string): ModelCard {
  const packaged = CARD_NAMES.find((name) => name === model.toLowerCase());
  if (packaged) return cardFromJson(readJson(join(CARDS, `${packaged}.json`)), packaged);
  if (!existsSync(model) && !/\.(gguf|json)$/.test(model)) {
    throw new OptionError({
      what: 'model',
      given: JSON.stringify(model),
      expected: `one of ${CARD_NAMES.join(', ')}, or the path of a config.json or card`,
      todo: 'Pass one of these names.',
    });
  }
  if (!existsSync(model) || !statSync(model).isDirectory()) return cardFromJson(readJson(model), model);
  const config = readJson(join(model, 'config.json'));
  // NVIDIA's Model Optimizer says what it did in a file beside the config.
  const beside = join(model, 'hf_quant_config.json');
  if (!isObject(config) || 'quantization_config' in config || !existsSync(beside)) {
    return cardFromJson(config, model);
  }
  const said = readJson(beside);
  const quantization = isObject(said) && isObject(said.quantization) ? said.quantization : {};
  return cardFromJson(
    { ...config, quantization_config: { quant_method: 'modelopt', ...quantization } },
    model,
  );
}

/**
 * The card of whatever `--model` may name: a packaged card, a card file, a directory or file of a Hugging Face
 * model, a GGUF file or local model by name; the embedded model when nothing is named.
 */
export async function resolveCard(model?: string): Promise<ModelCard> {
  if (model !== undefined) {
    const card = CARD_NAMES.some((name) => name === model.toLowerCase());
    const config = existsSync(model) && (statSync(model).isDirectory() || model.endsWith('.json'));
    if (card || config) return loadCard(model);
    if (
      !existsSync(model) &&
      !localModels().some(({ name, path }) => [name, basename(path), basename(path, '.gguf')].includes(model))
    ) {
      return loadCard(model);
    }
  }
  const path = resolveModel(model);
  const source = await openFileSource(path);
  try {
    return ggufCard(await readGguf(source), basename(path, '.gguf'));
  } finally {
    await source.close();
  }
}

/** What the file's ops say: parameters and caches are those that run. */
function ggufCard(file: GgufFile, name: string): ModelCard {
  const { model, tensors } = readModel(file);
  if (!writesText(model)) {
    throw new ModelError({
      what: `${name}: what is to be planned`,
      given: `a model that makes vectors and writes no text (${model.architecture})`,
      expected: 'one that generates tokens',
      todo: 'Plan another model; `waferflow embed` runs this one here.',
    });
  }
  const fileBytes = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { ...cardFromModel(model, storedBitsOf(file), name), fileBytes };
}

/** Where the matrices of a GGUF layer belong; vectors are counted by themselves. */
const PARTS: readonly (readonly [keyof StoredBits, RegExp])[] = [
  ['head', /^(token_embd|output)\./],
  ['experts', /\.ffn_\w+_exps\./],
  ['mlp', /\.ffn_/],
  ['attention', /\.(attn|ssm)_/],
];

/** Bits per weight of each part as the file's tensors have them, weighted by their sizes. */
function storedBitsOf(file: GgufFile): Partial<StoredBits> {
  const bits: Partial<Record<keyof StoredBits, number>> = {};
  for (const [part, pattern] of PARTS) {
    let bytes = 0;
    let elements = 0;
    for (const [name, tensor] of file.tensors) {
      if (tensor.dims.length < 2 || PARTS.find(([, other]) => other.test(name))?.[1] !== pattern) continue;
      bytes += tensor.byteLength;
      elements += tensor.elements;
    }
    if (elements > 0) bits[part] = (8 * bytes) / elements;
  }
  return bits;
}

/** What hub names and papers add to a model's name without changing its shape. */
const SUFFIXES =
  /-(instruct|chat|base|it|hf|fp8|fp4|nvfp4|mxfp4|bf16|fp16|int8|int4|awq|gptq|w4a16|w8a8|dynamic|block|kv|v0\.1|v1|thinking|preview|turbo|\d{4})(?=-|$)/g;

function plainName(name: string): string {
  return name
    .split('/')
    .at(-1)!
    .toLowerCase()
    .replace(/^meta-/, '')
    .replaceAll('_', '-')
    .replace(/^(llama|qwen)(\d)/, '$1-$2')
    .replace(SUFFIXES, '')
    .replace(/^llama-3(\.\d)?-(8|70|405)b$/, 'llama-3.1-$2b')
    .replace(/^qwen-/, 'qwen')
    .replace(/^llama-4-(scout|maverick).*/, 'llama-4-$1');
}

/** The packaged card of a model as hubs and papers name it, e.g. `nvidia/Llama-3.1-8B-Instruct-FP8`. */
export function cardOfHubName(name: string): ModelCard {
  return loadCard(CARD_NAMES.find((card) => plainName(card) === plainName(name)) ?? name);
}

/** Parses a small JSON file; a syntax error says the line and column. */
function readJson(path: string): unknown {
  const bytes = existsSync(path) ? statSync(path).size : -1;
  if (bytes < 0 || bytes > MAX_CARD_BYTES) {
    throw new FormatError({
      what: path,
      given: bytes < 0 ? 'no such file' : `${bytes} bytes`,
      expected: `a JSON file of at most ${MAX_CARD_BYTES} bytes`,
      todo: 'Check the path.',
    });
  }
  return parseJson(withoutInfinities(readFileSync(path, 'utf8')), path);
}

/** Python writes `Infinity` and `NaN` into JSON, for fields that have no limit: null says the same. Texts stay as they are. */
function withoutInfinities(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:Infinity|NaN)\b/g, (found) =>
    found.startsWith('"') ? found : 'null',
  );
}
