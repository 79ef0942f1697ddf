/** A LoRA adapter as PEFT writes it: adapter_config.json beside adapter_model.safetensors, with a family's own names. */
import type { ModelShape } from '../../../models/model.js';
import { FormatError, ModelError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';
import { MiB } from '../../core/units.js';
import { FolderConfig, isJson, type Json } from '../folder/config.js';
import { FAMILIES } from '../folder/families/index.js';
import type { FolderFiles } from '../folder/folder.js';
import { layTensors } from '../folder/layout.js';
import { readSafetensors, type StoredTensor } from '../folder/safetensors.js';
import { plain } from '../folder/stored.js';
import { elementsOf, LastRun, type Matrix, readBytes, rowBytes, rowsOf, transposed } from '../matrix.js';
import { dequantize } from '../quantize.js';
import { type Adapter, type AdapterBase, type LowRank, lowRank, otherModel } from './adapter.js';

export interface PeftBase extends AdapterBase {
  readonly shape: ModelShape;
}

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';

/** What PEFT can say that changes the numbers in a way that is not computed here, and what it has to be instead. */
const only: Readonly<Record<string, readonly unknown[]>> = {
  peft_type: ['LORA'],
  bias: ['none'],
  use_dora: [false],
  modules_to_save: [null],
};

/**
 * The adapter in a PEFT folder.
 * @throws FormatError for what is no adapter or not computed here, ModelError for one of another model
 */
export async function readPeftAdapter(files: FolderFiles, base: PeftBase): Promise<Adapter> {
  const config = await readConfig(files);
  const halves = new Map<string, { a?: StoredTensor; b?: StoredTensor }>();
  for (const tensor of await readSafetensors(await files.open(weightsFile))) {
    const [, module, half] =
      /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.\w+)?\.weight$/.exec(tensor.name) ?? [];
    if (module === undefined) {
      const what = `${files.name}/${weightsFile}: tensor "${tensor.name}"`;
      throw otherModel(what, 'no half of a low-rank matrix', base);
    }
    const own = halves.get(module) ?? {};
    own[half === 'A' ? 'a' : 'b'] = tensor;
    halves.set(module, own);
  }
  const pairs = new Map<string, LowRank[]>();
  for (const [module, { a, b }] of halves) {
    const what = `${files.name}: "${module}"`;
    if (!a || !b) {
      throw new FormatError({
        what,
        given: `lora_${a ? 'A' : 'B'} alone`,
        expected: 'lora_A and lora_B',
        todo: 'The adapter is not complete: fetch it again.',
      });
    }
    const low = await valuesOf(plain(a));
    const scale = scaleOf(config, module, low.shape[0]!);
    // What keeps its matrices transposed is turned when it is read, so what is added to it has to be as well.
    const stored = config.fan_in_fan_out === true ? transposed(plain(b), new LastRun()) : plain(b);
    const expert = /\.experts\.(\d+)\./.exec(module)?.[1];
    for (const [matrix, high] of placed(module, stored, base)) {
      const { shape, values } = await valuesOf(high);
      const isStack = shape.length === 3;
      const half = { shape: isStack ? shape.slice(1) : shape, values };
      const own = lowRank(what, low, half, scale, isStack ? Number(expert ?? 0) : null);
      pairs.set(matrix, [...(pairs.get(matrix) ?? []), own]);
    }
  }
  return { file: files.name, pairs };
}

async function readConfig(files: FolderFiles): Promise<Json> {
  const file = `${files.name}/${configFile}`;
  const wrong = (key: string, given: string, expected: string): FormatError =>
    new FormatError({
      what: `${file}${key}`,
      given,
      expected,
      todo: 'Give a LoRA adapter as PEFT saves it, or convert it to GGUF.',
    });
  const text = await files.text(configFile, MiB);
  if (text === undefined) throw wrong('', 'no such file', 'a PEFT folder');
  const config = parseJson(text, file);
  if (!isJson(config)) throw wrong('', JSON.stringify(config), 'a JSON object');
  for (const [key, accepted] of Object.entries(only)) {
    const value = config[key];
    const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
    if (!isEmpty && !accepted.includes(value))
      throw wrong(`: ${key}`, JSON.stringify(value), accepted.map((one) => JSON.stringify(one)).join(' or '));
  }
  if (typeof config.lora_alpha !== 'number')
    throw wrong(': lora_alpha', `${config.lora_alpha ?? 'no such key'}`, 'a number');
  return config;
}

/** alpha / rank, or alpha / sqrt(rank); some modules may have an alpha of their own. */
function scaleOf(config: Json, module: string, rank: number): number {
  const own = isJson(config.alpha_pattern)
    ? Object.entries(config.alpha_pattern).find(([end]) => module === end || module.endsWith(`.${end}`))
    : undefined;
  const alpha = Number(own ? own[1] : config.lora_alpha);
  return alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank);
}

/** Where the rows of a module go: the matrices of the model's file with their parts, turned as they are; an expert's as a stack of one. */
function placed(module: string, high: Matrix, { name, architecture, shape }: PeftBase): Map<string, Matrix> {
  const what = high.what;
  const base = { name, architecture };
  const families = Object.entries(FAMILIES).filter(([, family]) => family.architecture === architecture);
  for (const [modelType, family] of families) {
    const config = new FolderConfig(
      {
        model_type: modelType,
        num_hidden_layers: shape.numHiddenLayers,
        hidden_size: shape.hiddenSize,
        intermediate_size: shape.intermediateSize,
        num_attention_heads: shape.numAttentionHeads,
        num_key_value_heads: shape.numKeyValueHeads,
        head_dim: shape.headDim,
        vocab_size: shape.vocabSize,
      },
      what,
    );
    try {
      const first = module.replace(/\.experts\.\d+\./, '.experts.0.');
      const found = layTensors(new Map([[`${first}.weight`, high]]), config, family, {});
      if (found.size > 0) return found;
    } catch (error) {
      if (!(error instanceof ModelError || error instanceof FormatError)) throw error;
    }
  }
  throw otherModel(what, 'a change of a module that the model does not have', base);
}

async function valuesOf(matrix: Matrix): Promise<{ shape: readonly number[]; values: Float32Array }> {
  const bytes = new Uint8Array(rowsOf(matrix) * rowBytes(matrix));
  await readBytes(matrix, 0, bytes);
  const values = dequantize(bytes, matrix.type);
  if (values.length !== elementsOf(matrix)) throw new Error(`${values.length} of ${elementsOf(matrix)}`);
  return { shape: matrix.shape, values };
}
