/**
 * Reads the header of a GGUF file (versions 2 and 3, little-endian) and checks all of it: whatever this returns can
 * be relied on, tensors lie inside the file and do not overlap. Tensor data is not read here.
 * Source of the layout: docs/gguf.md of the ggml project.
 */
import { GgufCursor } from './gguf-cursor.js';
import { GgufFile, type TensorInfo } from './gguf-file.js';
import { type GgufMetadata, readMetadata } from './gguf-metadata.js';
import { isPart, joinParts } from './gguf-parts.js';
import type { ByteSource } from './source.js';
import { supportedTypeNames, type TensorType, tensorTypeOfId } from './tensor-types.js';

export { GgufFile, type TensorInfo, type WeightInfo } from './gguf-file.js';

/** ggml's limit on dimensions. */
const maxDims = 4;
/** Smallest entries of the two tables, in bytes: they bound what a count can claim. */
const minTensorInfoBytes = 8 + 4 + 8 + 4 + 8;
const minMetadataBytes = 8 + 4 + 1;
const magic = 0x46554747; // "GGUF"

/** Reads and checks the headers of a file and, where it is the first of several parts, of those. Rejects with FormatError. */
export async function readGguf(source: ByteSource): Promise<GgufFile> {
  const file = await readPart(source);
  return isPart(file) ? joinParts(file, readPart) : file;
}

async function readPart(source: ByteSource): Promise<GgufFile> {
  const cursor = new GgufCursor(source);
  const version = await readVersion(cursor, source.name);
  const tensorCount = await cursor.size(
    'number of tensors',
    Math.floor((cursor.remaining - 16) / minTensorInfoBytes),
  );
  const metadataCount = await cursor.size(
    'number of metadata entries',
    Math.floor((cursor.remaining - 8) / minMetadataBytes),
  );
  const { metadata, places } = await readMetadata(cursor, metadataCount);
  const placed = await readTensorInfos(cursor, tensorCount);
  const alignment = checkAlignment(cursor, metadata);
  const dataOffset = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = checkPlacement(cursor, source.byteLength, placed, dataOffset, alignment);
  return new GgufFile(source, version, metadata, tensors, places);
}

async function readVersion(cursor: GgufCursor, name: string): Promise<number> {
  const first = await cursor.u32('magic');
  if (first !== magic) {
    throw cursor.error(
      'magic',
      `0x${first.toString(16).padStart(8, '0')}`,
      '"GGUF"',
      name.endsWith('.safetensors')
        ? 'These are weights alone: give the folder that they lie in, with its config.json and tokenizer.json.'
        : 'Give the path of a GGUF file.',
    );
  }
  const version = await cursor.u32('version');
  if (version === 2 || version === 3) return version;
  const bigEndian = version !== 0 && (version & 0xffff) === 0;
  throw cursor.error(
    'version',
    bigEndian ? 'a big-endian file' : `${version}`,
    'a little-endian file of version 2 or 3',
    'Convert the model again with a current converter.',
  );
}

function checkAlignment(cursor: GgufCursor, metadata: GgufMetadata): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment === 'number' && alignment >= 1 && Number.isInteger(Math.log2(alignment)))
    return alignment;
  throw cursor.error('metadata "general.alignment"', String(alignment), 'a power of two');
}

/** A tensor whose offset still counts from the start of the data. */
async function readTensorInfos(cursor: GgufCursor, count: number): Promise<TensorInfo[]> {
  const infos: TensorInfo[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const name = await cursor.string(`name of tensor ${i}`);
    const what = `tensor "${name}"`;
    if (names.has(name)) throw cursor.error(what, 'a second tensor of that name', 'unique names');
    names.add(name);
    const dimCount = await cursor.u32(`dimensions of ${what}`);
    if (dimCount < 1 || dimCount > maxDims) {
      throw cursor.error(`dimensions of ${what}`, `${dimCount}`, `1 to ${maxDims}`);
    }
    const dims: number[] = [];
    let elements = 1;
    for (let d = 0; d < dimCount; d++) {
      const size = await cursor.size(`dimension ${d} of ${what}`, Number.MAX_SAFE_INTEGER);
      dims.push(size);
      elements *= size;
    }
    // Some writers fill up the shape with ones.
    while (dims.length > 1 && dims.at(-1) === 1) dims.pop();
    const id = await cursor.u32(`type of ${what}`);
    const type = tensorTypeOfId(id);
    if (type === undefined) {
      throw cursor.error(
        what,
        `tensor type ${id}`,
        supportedTypeNames(),
        'Take another file of this model, for example its Q8_0 one.',
      );
    }
    const byteLength = checkShape(cursor, what, type, dims, elements);
    const offset = await cursor.size(`offset of ${what}`, Number.MAX_SAFE_INTEGER);
    infos.push({ name, type: type.name, dims, elements, offset, byteLength });
  }
  return infos;
}

/** The tensor's bytes; a product beyond 2^53 is inexact but still far too large, so it is refused all the same. */
function checkShape(
  cursor: GgufCursor,
  what: string,
  type: TensorType,
  dims: readonly number[],
  elements: number,
): number {
  const shape = `[${dims.join(', ')}]`;
  if (elements < 1 || elements > Number.MAX_SAFE_INTEGER / type.blockBytes) {
    throw cursor.error(
      `shape of ${what}`,
      `${shape}, ${elements} elements`,
      'at least one element and at most a file has room for',
    );
  }
  if (dims[0]! % type.blockElements !== 0) {
    throw cursor.error(
      `shape of ${what}`,
      `${shape}, rows of ${dims[0]} elements`,
      `rows of whole ${type.name} blocks of ${type.blockElements} elements`,
    );
  }
  return (elements / type.blockElements) * type.blockBytes;
}

function checkPlacement(
  cursor: GgufCursor,
  fileBytes: number,
  infos: readonly TensorInfo[],
  dataOffset: number,
  alignment: number,
): ReadonlyMap<string, TensorInfo> {
  const sorted = infos
    .map((info) => ({ ...info, offset: dataOffset + info.offset }))
    .sort((a, b) => a.offset - b.offset);
  let previous: TensorInfo | undefined;
  for (const info of sorted) {
    const what = `tensor "${info.name}"`;
    const end = info.offset + info.byteLength;
    if ((info.offset - dataOffset) % alignment !== 0) {
      throw cursor.error(`offset of ${what}`, `${info.offset - dataOffset}`, `a multiple of ${alignment}`);
    }
    if (end > fileBytes) {
      throw cursor.error(
        what,
        `bytes ${info.offset} to ${end}`,
        `bytes inside the file of ${fileBytes}`,
        'The file is cut off or damaged: fetch it again.',
      );
    }
    if (previous !== undefined && previous.offset + previous.byteLength > info.offset) {
      throw cursor.error(
        what,
        `bytes ${info.offset} to ${end}`,
        `an offset past tensor "${previous.name}", which ends at ${previous.offset + previous.byteLength}`,
      );
    }
    previous = info;
  }
  return new Map(sorted.map((info) => [info.name, info]));
}
