/** The checked header of a GGUF file: metadata by key and kind, tensors by name. */
import { FormatError } from '../core/errors.js';
import {
  type GgufKinds,
  type GgufMetadata,
  type GgufValue,
  type MetadataPlaces,
  metadataKinds,
} from './gguf-metadata.js';
import type { ByteSource } from './source.js';
import { isWeightType, supportedTypeNames, type WeightType } from './tensor-types.js';

export interface TensorInfo {
  readonly name: string;
  /** A {@link WeightType}, or the name of a type that has no kernels here. */
  readonly type: string;
  /** Sizes in ggml's order: `dims[0]` is the length of a row, the fastest dimension. */
  readonly dims: readonly number[];
  readonly elements: number;
  /** Offset of the first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface WeightInfo extends TensorInfo {
  readonly type: WeightType;
}

/** The checked header of a GGUF file. */
export class GgufFile {
  readonly source: ByteSource;
  readonly version: number;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly places: MetadataPlaces;

  constructor(
    source: ByteSource,
    version: number,
    metadata: GgufMetadata,
    tensors: ReadonlyMap<string, TensorInfo>,
    places: MetadataPlaces = new Map(),
  ) {
    this.source = source;
    this.version = version;
    this.metadata = metadata;
    this.tensors = tensors;
    this.places = places;
  }

  /** The value of a metadata key. Throws FormatError when it is missing or of another kind. */
  require<K extends keyof GgufKinds>(key: string, kind: K): GgufKinds[K] {
    const value = this.optional(key, kind, undefined);
    if (value !== undefined) return value;
    throw new FormatError({
      what: `${this.source.name}: metadata "${key}"`,
      given: 'no such key',
      expected: metadataKinds[kind].expected,
      todo: 'Convert the model again with a current converter.',
    });
  }

  /** The value of a metadata key, or `fallback` when it is missing. Throws FormatError when it is of another kind. */
  optional<K extends keyof GgufKinds, F>(key: string, kind: K, fallback: F): GgufKinds[K] | F {
    const value = kind === 'count' || kind === 'number' ? this.plain(key) : this.metadata.get(key);
    if (value === undefined) return fallback;
    const { accepts, expected } = metadataKinds[kind];
    if (accepts(value)) return value;
    const given =
      typeof value === 'object' ? `an array of ${value.length}` : `${typeof value} ${String(value)}`;
    throw new FormatError({
      what: `${this.source.name}: metadata "${key}"`,
      given: given.length > 80 ? `${given.slice(0, 80)}...` : given,
      expected,
      todo: 'Convert the model again with a current converter.',
    });
  }

  /** The value of a key; of a number per layer, as some files give it, the number itself where all are equal. */
  plain(key: string): GgufValue | undefined {
    const value = this.metadata.get(key);
    if (!ArrayBuffer.isView(value) || value.length === 0) return value;
    const [first] = value;
    return value.every((each: number | bigint) => each === first) ? first : value;
  }

  /** A tensor that has kernels. Throws FormatError when it is missing or of a type without kernels. */
  requireWeight(name: string): WeightInfo {
    const info = this.tensors.get(name);
    if (info === undefined) {
      throw new FormatError({
        what: `${this.source.name}: tensor "${name}"`,
        given: `no such tensor among ${this.tensors.size}`,
        expected: 'all tensors of the architecture',
        todo: 'Fetch or convert the model again; a file of several parts has to be joined first.',
      });
    }
    const { type } = info;
    if (isWeightType(type)) return { ...info, type };
    throw new FormatError({
      what: `${this.source.name}: tensor "${name}"`,
      given: `type ${type}`,
      expected: supportedTypeNames(),
      todo: 'Take another file of this model, for example its Q8_0 one.',
    });
  }
}
