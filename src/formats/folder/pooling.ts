/** How a folder of sentence-transformers makes one vector of a text: modules.json and what it names. */
import { FormatError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';
import { MiB } from '../../core/units.js';
import type { ByteSource } from '../source.js';
import { isJson, type Json, type Keys } from './config.js';
import { readSafetensors, type StoredTensor } from './safetensors.js';

/** Where the files of a folder come from. */
interface Files {
  readonly name: string;
  text(file: string, most: number): Promise<string | undefined>;
  open(file: string): Promise<ByteSource>;
}

export interface FolderPooling {
  readonly keys: Keys;
  /** Products behind the pooled vector, as `dense_N.weight`. */
  readonly tensors: readonly StoredTensor[];
}

/** By the keys of older configs and the words of newer ones; numbers are GGUF's. */
const MODES: Readonly<Record<string, number>> = {
  pooling_mode_mean_tokens: 1,
  mean: 1,
  pooling_mode_cls_token: 2,
  cls: 2,
  pooling_mode_lasttoken: 3,
  lasttoken: 3,
};

/** Nothing where there is no modules.json. Rejects with FormatError for what GGUF has no word for. */
export async function poolingOf(files: Files): Promise<FolderPooling> {
  const modules = await jsonOf(files, 'modules.json');
  const keys: Record<string, number> = {};
  const tensors: StoredTensor[] = [];
  for (const module of Array.isArray(modules) ? (modules as unknown[]) : []) {
    if (!isJson(module)) continue;
    const kind = String(module.type).split('.').at(-1);
    const path = String(module.path ?? '');
    if (kind !== 'Pooling' && kind !== 'Dense') continue;
    if (!/^[\w-]+$/.test(path))
      throw wrong(`${files.name}/modules.json: path`, path, 'a folder beside the file');
    const config = await jsonOf(files, `${path}/config.json`);
    if (!isJson(config)) throw wrong(`${files.name}/${path}/config.json`, config, 'a JSON object');
    if (kind === 'Pooling') keys.pooling_type = modeOf(config, `${files.name}/${path}/config.json`);
    else {
      const stem = `dense_${Number(module.idx)}`;
      tensors.push(...(await dense(files, path, config, stem)));
      keys[`${stem}_feat_in`] = Number(config.in_features);
      keys[`${stem}_feat_out`] = Number(config.out_features);
    }
  }
  return { keys, tensors };
}

async function jsonOf(files: Files, file: string): Promise<unknown> {
  const text = await files.text(file, MiB);
  return text === undefined ? undefined : parseJson(text, `${files.name}/${file}`);
}

function wrong(what: string, given: unknown, expected: string): FormatError {
  return new FormatError({
    what,
    given: given === undefined ? 'nothing' : JSON.stringify(given).slice(0, 80),
    expected,
    todo: 'Fetch the folder again, or take a GGUF file of this model.',
  });
}

function modeOf(config: Json, file: string): number {
  const { pooling_mode: word } = config;
  const set = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true);
  const modes = typeof word === 'string' ? [word] : set;
  const [mode] = modes;
  if (modes.length === 1 && Object.hasOwn(MODES, mode!)) return MODES[mode!]!;
  throw wrong(`${file}: pooling mode`, modes, 'mean, the first token or the last');
}

async function dense(
  files: Files,
  path: string,
  { activation_function: act, bias }: Json,
  stem: string,
): Promise<StoredTensor[]> {
  const file = `${files.name}/${path}/config.json`;
  if (act !== undefined && !/Identity$/.test(String(act)))
    throw wrong(`${file}: activation_function`, act, 'none');
  if (bias === true) throw wrong(`${file}: bias`, bias, 'none');
  const stored = await readSafetensors(await files.open(`${path}/model.safetensors`));
  return stored.map((tensor) => ({ ...tensor, name: tensor.name.replace(/^linear\./, `${stem}.`) }));
}
