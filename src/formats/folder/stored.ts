/** Tensors as the files of a folder have them, by name: what is stored in parts is put together. */
import { FormatError } from '../../core/errors.js';
import type { Matrix } from '../matrix.js';
import type { FolderConfig } from './config.js';
import type { StoredTensor } from './safetensors.js';

const kept = ['F32', 'F16', 'BF16'] as const;

/** A tensor of single values as it lies there. Throws FormatError on another type. */
export function plain(tensor: StoredTensor): Matrix {
  const what = `${tensor.source.name}: tensor "${tensor.name}"`;
  const type = kept.find((each) => each === tensor.dtype);
  if (type === undefined) {
    throw new FormatError({
      what,
      given: tensor.dtype,
      expected: kept.join(', '),
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

export function storedMatrices(tensors: readonly StoredTensor[], _config: FolderConfig): Map<string, Matrix> {
  return new Map(tensors.map((tensor) => [tensor.name, plain(tensor)]));
}
