/** Tensors as the files of a folder have them, by name: what is stored in parts is put together and decoded. */
import { FormatError } from '../../core/errors.js';
import type { Matrix } from '../matrix.js';
import { type FolderConfig, isJson, type Json } from './config.js';
import { floatEight, nameOf, type Parts, packings, scaledFloats } from './packings.js';
import type { StoredTensor } from './safetensors.js';

const kept = ['F32', 'F16', 'BF16'] as const;

/** A tensor of single values as it lies there. Throws FormatError on another type. */
export function plain(tensor: StoredTensor): Matrix {
  const what = nameOf(tensor);
  const type = kept.find((each) => each === tensor.dtype);
  if (type === undefined) {
    throw new FormatError({
      what,
      given: tensor.dtype,
      expected: `${kept.join(', ')}, or quantised as "quantization_config" says`,
      todo: 'Fetch the folder again, or take a GGUF file of this model.',
    });
  }
  const shape = tensor.shape.length === 0 ? [1] : tensor.shape;
  const rowBytes = (shape.at(-1)! * tensor.byteLength) / shape.reduce((a, b) => a * b, 1);
  return {
    what,
    type,
    shape,
    read: (row, target) => tensor.source.read(tensor.offset + row * rowBytes, target),
  };
}

/** How weights are packed, in the words of config.json; an empty object where they are not. */
export function quantizationOf(config: FolderConfig): Json {
  // MLX has its settings under a name of its own, and often a copy under the other.
  const said = config.get('quantization_config') ?? config.get('quantization') ?? {};
  if (!isJson(said)) throw config.wrong('quantization_config', said, 'an object');
  const method = said.quant_method ?? 'mlx';
  const known = ['mlx', 'fp8', 'compressed-tensors', 'awq', 'gptq', 'mxfp4'];
  if (!known.includes(String(method)))
    throw config.wrong('quantization_config.quant_method', method, known.join(', '));
  return said;
}

/** What belongs to activations and caches, which are not rounded here. */
const besides = /\.(input_scale|k_scale|v_scale|q_scale|weight_shape|g_idx_sort_indices|input_global_scale)$/;

/** The tensors that a family knows, by their names. Throws FormatError on packings of no known kind. */
export function storedMatrices(tensors: readonly StoredTensor[], config: FolderConfig): Map<string, Matrix> {
  const settings = quantizationOf(config);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const taken = new Set<string>();
  const matrices = new Map<string, Matrix>();
  /** Puts a weight together, and takes what it is made of from the others. */
  const put = (base: string, gives: string, decode: (parts: Parts) => Matrix | null): void => {
    const used: string[] = [];
    const get = (ending: string): StoredTensor | undefined => {
      const tensor = byName.get(base + ending);
      if (tensor) used.push(tensor.name);
      return tensor;
    };
    const matrix = decode({ config, settings, get });
    if (!matrix) return;
    matrices.set(base + gives, matrix);
    for (const name of used) taken.add(name);
  };
  for (const { name } of tensors) {
    const packing = packings.find(({ ending }) => name.endsWith(ending));
    if (packing) put(name.slice(0, -packing.ending.length), packing.gives, packing.decode);
  }
  for (const tensor of tensors) {
    if (!tensor.dtype.startsWith('F8_') || !tensor.name.endsWith('.weight')) continue;
    put(tensor.name.slice(0, -'.weight'.length), '.weight', (parts) => scaledFloats(tensor, parts));
    taken.add(tensor.name);
  }
  for (const tensor of tensors) {
    const { name, dtype } = tensor;
    if (taken.has(name) || besides.test(name)) continue;
    matrices.set(name, dtype.startsWith('F8_') ? floatEight(tensor) : plain(tensor));
  }
  return matrices;
}
