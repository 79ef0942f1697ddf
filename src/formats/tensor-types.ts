/**
 * The tensor types of GGUF files. Those that run are the folders of kernels/quants; the others are here as data, so that
 * errors can name them and their sizes can be checked.
 * Ids and block layouts: `enum ggml_type` and `ggml-common.h` of the ggml project.
 */
import { QUANTS, type WeightType, weightTypes } from '../../kernels/quants/index.js';

export { isWeightType, type WeightType } from '../../kernels/quants/index.js';

export interface TensorType {
  /** The number that stands for the type in a GGUF file. */
  readonly id: number;
  readonly name: string;
  /** Elements per block; a row is a whole number of blocks. */
  readonly blockElements: number;
  readonly blockBytes: number;
  /** True when the type has kernels here; such names are {@link WeightType}s. */
  readonly supported: boolean;
}

/** Types of files that do not run, and those that only computations use. */
const others: readonly (readonly [id: number, name: string, blockElements: number, blockBytes: number])[] = [
  [9, 'Q8_1', 32, 36],
  [15, 'Q8_K', 256, 292],
  [24, 'I8', 1, 1],
  [25, 'I16', 1, 2],
  [26, 'I32', 1, 4],
  [27, 'I64', 1, 8],
  [28, 'F64', 1, 8],
];

export const tensorTypes: readonly TensorType[] = [
  ...weightTypes.map((name) => {
    const { id, block, bytes } = QUANTS[name];
    return { id, name, blockElements: block, blockBytes: bytes, supported: true };
  }),
  ...others.map(([id, name, blockElements, blockBytes]) => ({
    id,
    name,
    blockElements,
    blockBytes,
    supported: false,
  })),
];

const byId = new Map(tensorTypes.map((type) => [type.id, type]));
const byName = new Map(tensorTypes.map((type) => [type.name, type]));

/** The type with this id in a GGUF file, or undefined when no such type is known. */
export function tensorTypeOfId(id: number): TensorType | undefined {
  return byId.get(id);
}

/** The block layout of a type that has kernels. */
export function tensorType(name: WeightType): TensorType {
  return byName.get(name)!;
}

/** Bytes of `elements` consecutive elements, a whole number of blocks. */
export function bytesOfElements(name: WeightType, elements: number): number {
  const { blockElements, blockBytes } = tensorType(name);
  return (elements / blockElements) * blockBytes;
}

/** The names of the types that have kernels, for messages. */
export function supportedTypeNames(): string {
  return tensorTypes
    .filter((type) => type.supported)
    .map((type) => type.name)
    .join(', ');
}
