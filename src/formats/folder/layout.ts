/** Puts the tensors of a folder under GGUF's names: what a family's rows say, done. */
import { FormatError, ModelError } from '../../core/errors.js';
import { constant, joined, LastRun, type Matrix, shaped, small } from '../matrix.js';
import type { FolderConfig } from './config.js';
import type { Family, Names, Place, Use } from './family.js';
import { outside } from './names.js';
import type { Rope } from './rope.js';

/** What does not take part in writing text: other senses, layers that guess ahead, masks and tables that follow from the config. */
const unused =
  /rotary_emb\.inv_freq$|\battn\.(masked_)?bias$|\battention\.(masked_)?bias$|vision|visual|multi_modal|mm_projector|audio|^mtp\.|\.mtp\.|position_ids$|cls\.predictions/;
const prefix =
  /^(?:model\.language_model|language_model\.model|language_model|model|transformer|backbone|gpt_neox|bert|roberta)\./;

/** What is read in float32 whatever its number of dimensions, as in every GGUF file. */
const alwaysSmall =
  /(_norm|\.ssm_conv1d|\.shortconv\.conv|position_embd|exps)\.(weight|bias)$|\.ssm_[ad]$|\.bias$/;

export const isUsed = (name: string): boolean => !unused.test(name);

interface Parts {
  readonly isStacked: boolean;
  /** By the number of the expert or head, or of the part. */
  readonly matrices: Matrix[];
}

/** The tensors by GGUF's names. Throws FormatError or ModelError on one that the family has no use for. */
export function layTensors(
  stored: ReadonlyMap<string, Matrix>,
  config: FolderConfig,
  family: Family,
  factors: Rope['factors'],
): Map<string, Matrix> {
  const use: Use = { config, last: new LastRun() };
  const isTied = config.get('tie_word_embeddings') === true;
  const laid = new Map<string, Parts>();
  for (const [name, matrix] of stored) {
    const place = placeOf(name, family);
    // A tied output is the embedding once more.
    if (place?.stem === 'output.weight' && isTied) continue;
    if (place && place.layer !== null && place.layer >= config.layers) continue;
    if (!place?.targets) {
      throw new ModelError({
        what: matrix.what,
        given: `a tensor that ${family.architecture} has no use for`,
        expected: 'only tensors that take part',
        todo: 'Check model_type in config.json, or take a GGUF file of this model.',
      });
    }
    for (const { to, change } of place.targets) {
      const full = place.layer === null ? to : `blk.${place.layer}.${to}`;
      const changed = change(matrix, use);
      const parts = laid.get(full) ?? { isStacked: place.member !== null, matrices: [] };
      parts.matrices[place.member ?? parts.matrices.length] = changed;
      laid.set(full, parts);
    }
  }
  const result = new Map<string, Matrix>();
  for (const [name, parts] of laid) result.set(name, finished(name, parts));
  for (const [name, values] of Object.entries(factors)) result.set(name, constant(name, values));
  return result;
}

interface Found {
  readonly layer: number | null;
  /** Number of an expert or a head. */
  readonly member: number | null;
  readonly stem: string;
  readonly targets: readonly Place[] | null;
}

function placeOf(name: string, family: Family): Found | null {
  const plain = name.replace(prefix, '');
  const [, layer, inLayer] = /^(?:layers|h|blocks|encoder\.layer)\.(\d+)\.(.*)$/.exec(plain) ?? [];
  const names: Names = inLayer === undefined ? { ...outside, ...family.outside } : family.names;
  const local = inLayer ?? plain;
  let member: number | null = null;
  const pattern = local.replace(/\.(\d+)(?=\.|$)/, (_, digits: string) => {
    member = Number(digits);
    return '.#';
  });
  const [, stem, suffix] = /^(.*)(\.weight|\.bias)$/.exec(pattern) ?? [];
  const whole = Object.hasOwn(names, pattern) ? names[pattern] : undefined;
  const target = whole ?? (stem !== undefined && Object.hasOwn(names, stem) ? names[stem] : undefined);
  const ending = whole === undefined ? (suffix ?? '') : '';
  const found = { layer: layer === undefined ? null : Number(layer), member };
  if (target === undefined) return { ...found, stem: pattern, targets: null };
  const list =
    typeof target === 'string' ? [{ to: target, change: (matrix: Matrix) => matrix }] : [target].flat();
  const targets = list.map(({ to, change }) => ({ to: `${to}${ending}`, change }));
  return { ...found, stem: targets[0]!.to, targets };
}

function finished(name: string, { isStacked, matrices }: Parts): Matrix {
  if (Object.keys(matrices).length < matrices.length) {
    throw new FormatError({
      what: Object.values(matrices)[0]!.what,
      given: `${Object.keys(matrices).length} of ${matrices.length} parts`,
      expected: `all of those that "${name}" is made of`,
      todo: 'The folder is not complete: fetch it again.',
    });
  }
  const isVector = matrices[0]!.shape.length === 1;
  let whole = matrices[0]!;
  if (isStacked) whole = joined(matrices, { isStacked });
  else if (matrices.length > 1 && isVector)
    whole = joined(
      matrices.map((matrix) => shaped(small(matrix, [...matrix.shape, 1]), [...matrix.shape, 1])),
    );
  else if (matrices.length > 1) whole = joined(matrices);
  if (isVector && !isStacked) return small(whole, [whole.shape.reduce((a, b) => a * b, 1)]);
  return alwaysSmall.test(name) && !/exps\.weight$/.test(name) ? small(whole) : whole;
}
