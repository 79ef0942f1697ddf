/**
 * Reads the header of a safetensors file: its length in 8 bytes, then JSON with type, shape and place of each tensor.
 * Whatever this returns lies inside the file and does not overlap.
 */
import { FormatError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';
import { MiB } from '../../core/units.js';
import type { ByteSource } from '../source.js';

export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  /** Slowest dimension first. */
  readonly shape: readonly number[];
  readonly source: ByteSource;
  readonly offset: number;
  readonly byteLength: number;
}

/** The format's own limit on headers. */
const maxHeaderBytes = 100 * MiB;
const bytesOfType: Readonly<Record<string, number>> = {
  ...{ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2 },
  ...{ F8_E4M3: 1, F8_E5M2: 1, I8: 1, U8: 1, BOOL: 1 },
};

function damaged(source: ByteSource, what: string, given: string, expected: string): FormatError {
  return new FormatError({
    what: `${source.name}: ${what}`,
    given,
    expected,
    todo: 'The file is damaged or no safetensors file: fetch it again.',
  });
}

/** Rejects with FormatError. */
export async function readSafetensors(source: ByteSource): Promise<StoredTensor[]> {
  const lengthBytes = new Uint8Array(8);
  await source.read(0, lengthBytes);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  const limit = Math.min(maxHeaderBytes, source.byteLength - 8);
  if (length > BigInt(limit)) throw damaged(source, 'length of the header', `${length}`, `at most ${limit}`);
  const bytes = new Uint8Array(Number(length));
  await source.read(8, bytes);
  const header = parseJson(new TextDecoder().decode(bytes), `${source.name}, header`);
  if (typeof header !== 'object' || header === null)
    throw damaged(source, 'header', JSON.stringify(header), 'a JSON object');
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => readEntry(source, name, entry, 8 + bytes.length))
    .sort((a, b) => a.offset - b.offset);
  for (const [i, tensor] of tensors.entries()) {
    const previous = tensors[i - 1];
    if (previous && previous.offset + previous.byteLength > tensor.offset)
      throw damaged(source, `tensor "${tensor.name}"`, `bytes of "${previous.name}"`, 'bytes of its own');
  }
  return tensors;
}

interface Entry {
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly data_offsets?: unknown;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function readEntry(source: ByteSource, name: string, entry: unknown, start: number): StoredTensor {
  const what = `tensor "${name}"`;
  const { dtype, shape, data_offsets: place } = (entry ?? {}) as Entry;
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(place) || place.length !== 2)
    throw damaged(source, what, JSON.stringify(entry).slice(0, 80), 'dtype, shape and data_offsets');
  const size = bytesOfType[dtype];
  if (size === undefined)
    throw damaged(source, what, `type ${dtype}`, `one of ${Object.keys(bytesOfType).join(', ')}`);
  const byteLength = shape.reduce((product, sizeOf) => product * sizeOf, size);
  const [from, to] = place as [number, number];
  if (to - from !== byteLength || start + to > source.byteLength) {
    throw damaged(
      source,
      what,
      `bytes ${from} to ${to} for ${dtype} of [${shape.join(', ')}] in ${source.byteLength - start} bytes`,
      `${byteLength} bytes inside the file`,
    );
  }
  return { name, dtype, shape, source, offset: start + from, byteLength };
}
