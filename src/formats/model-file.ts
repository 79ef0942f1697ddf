/** A GGUF file's model with its tensors, checked against each other before anything is loaded. */
import type { ModelFile, RopeStretch } from '../../models/config.js';
import { type Model, modelOf } from '../../models/model.js';
import { weightParts, weightShapes } from '../../models/weights.js';
import { FormatError, ModelError } from '../core/errors.js';
import type { GgufFile, WeightInfo } from './gguf.js';
import { tensorType } from './tensor-types.js';

export interface StoredModel {
  readonly model: Model;
  /** Every tensor that an op reads, by name. */
  readonly tensors: ReadonlyMap<string, WeightInfo>;
}

/** A GGUF file as a description reads it. */
export function ggufModelFile(file: GgufFile): ModelFile {
  return {
    name: file.source.name,
    value: (key) => file.metadata.get(key),
    shape: (name) => {
      const info = file.tensors.get(name);
      return info === undefined ? null : shapeOf(info.dims);
    },
    tensorCount: file.tensors.size,
  };
}

/** Row-major, without the 1s that some writers put behind; GGUF lists the fastest dimension first. */
function shapeOf(dims: readonly number[]): readonly number[] {
  let length = dims.length;
  while (length > 1 && dims[length - 1] === 1) length--;
  return dims.slice(0, length).reverse();
}

/**
 * The model of a GGUF file.
 * @throws FormatError for a tensor that is missing, of another shape or without kernels, ModelError for one that no op reads
 */
export function readModel(file: GgufFile, stretch: RopeStretch | null = null): StoredModel {
  const model = modelOf(ggufModelFile(file), stretch);
  const tensors = new Map<string, WeightInfo>();
  for (const [name, shape] of weightShapes(model.ops)) {
    const info = file.requireWeight(name);
    checkShape(file, info, shape);
    tensors.set(name, info);
  }
  for (const { name } of weightParts(model.ops).vectors.values()) checkVector(file, tensors.get(name)!);
  for (const name of file.tensors.keys()) {
    if (tensors.has(name) || model.isIgnored(name)) continue;
    throw new ModelError({
      what: `${file.source.name}: tensor "${name}"`,
      given: `a tensor that ${model.architecture} has no use for`,
      expected: 'only tensors that take part, as a result without this one would be another model’s',
      todo: 'Convert the model again, or report it if llama.cpp runs this file.',
    });
  }
  return { model, tensors };
}

/** Small tensors are read as float32: blocks would lose what a norm or a bias says. */
function checkVector(file: GgufFile, info: WeightInfo): void {
  if (tensorType(info.type).blockElements === 1) return;
  throw new FormatError({
    what: `${file.source.name}: tensor "${info.name}"`,
    given: info.type,
    expected: 'F32, F16 or BF16 for a norm or a bias',
    todo: 'Convert the model again with a current converter.',
  });
}

/** A 1 in front or behind means nothing. */
function checkShape(file: GgufFile, info: WeightInfo, shape: readonly number[]): void {
  const plain = (sizes: readonly number[]): string => sizes.filter((size) => size !== 1).join(', ');
  const stored = shapeOf(info.dims);
  if (plain(stored) === plain(shape)) return;
  throw new FormatError({
    what: `${file.source.name}: tensor "${info.name}"`,
    given: `[${info.dims.join(', ')}]`,
    expected: `[${[...shape].reverse().join(', ')}] from the metadata`,
    todo: 'The file disagrees with itself: fetch or convert it again.',
  });
}
