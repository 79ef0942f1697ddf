/**
 * GGUF files that were split, `NAME-00001-of-00003.gguf` and so on: the first part is read, the others are found beside
 * it, and all are one file whose bytes lie one after the other.
 */
import { FormatError } from '../core/errors.js';
import { GgufFile, type TensorInfo } from './gguf-file.js';
import { type ByteSource, endOfSource } from './source.js';

/** Real models have some hundred parts at most. */
const maxParts = 10_000;

export function isPart(file: GgufFile): boolean {
  return file.optional('split.count', 'number', 1) !== 1;
}

/** Reads the other parts of a first one. Rejects with FormatError when one is missing or does not belong to the rest. */
export async function joinParts(
  first: GgufFile,
  readPart: (source: ByteSource) => Promise<GgufFile>,
): Promise<GgufFile> {
  const { source } = first;
  const count = first.require('split.count', 'count');
  const name = /^(.*[\\/])?(.*-)(\d{5})-of-(\d{5})(\.gguf)$/.exec(source.name);
  if (first.require('split.no', 'count') !== 0) {
    throw partError(
      first,
      `part ${first.require('split.no', 'count') + 1} of ${count}`,
      'the first part',
      'Give the path of the first part.',
    );
  }
  if (count < 1 || count > maxParts || name === null || Number(name[4]) !== count || Number(name[3]) !== 1) {
    throw partError(
      first,
      `the first of ${count} parts`,
      `a name that ends in -00001-of-${`${count}`.padStart(5, '0')}.gguf`,
      'Give the parts the names back that they were made with.',
    );
  }
  const parts = [first];
  for (let i = 1; i < count; i++) {
    const other = `${name[2]}${`${i + 1}`.padStart(5, '0')}-of-${name[4]}${name[5]}`;
    if (source.neighbor === undefined) {
      throw partError(
        first,
        `${count} parts`,
        'one file',
        'Join the parts, or give a file that was not split.',
      );
    }
    const part = await readPart(await source.neighbor(other));
    if (part.optional('split.no', 'number', -1) !== i || part.optional('split.count', 'number', 0) !== count)
      throw partError(
        part,
        'metadata of another file',
        `part ${i + 1} of ${count}`,
        'Fetch this part again.',
      );
    parts.push(part);
  }
  const joined = joinSources(parts.map((part) => part.source));
  const tensors = joinTensors(parts, joined.starts);
  const expected = first.optional('split.tensors.count', 'number', tensors.size);
  if (expected !== tensors.size) {
    throw partError(
      first,
      `${tensors.size} tensors in ${count} parts`,
      `${expected}`,
      'Fetch the parts again.',
    );
  }
  return new GgufFile(joined.source, first.version, first.metadata, tensors, first.places);
}

function partError(file: GgufFile, given: string, expected: string, todo: string): FormatError {
  return new FormatError({ what: `${file.source.name}: parts`, given, expected, todo });
}

function joinTensors(parts: readonly GgufFile[], starts: readonly number[]): Map<string, TensorInfo> {
  const tensors = new Map<string, TensorInfo>();
  for (const [i, part] of parts.entries()) {
    for (const [name, info] of part.tensors) {
      if (tensors.has(name)) {
        throw partError(
          part,
          `tensor "${name}", which a part before it has too`,
          'every tensor in one part',
          'Fetch the parts again.',
        );
      }
      tensors.set(name, { ...info, offset: starts[i]! + info.offset });
    }
  }
  return tensors;
}

/** Several sources as one, each behind the one before. */
export function joinSources(sources: readonly ByteSource[]): {
  source: ByteSource;
  starts: readonly number[];
} {
  const starts: number[] = [];
  let byteLength = 0;
  for (const source of sources) {
    starts.push(byteLength);
    byteLength += source.byteLength;
  }
  const joined: ByteSource = {
    name: sources[0]!.name,
    byteLength,
    async read(offset, target) {
      if (offset + target.byteLength > byteLength) throw endOfSource(joined, offset, target.byteLength);
      for (const [i, source] of sources.entries()) {
        const from = Math.max(offset, starts[i]!);
        const to = Math.min(offset + target.byteLength, starts[i]! + source.byteLength);
        if (from < to) await source.read(from - starts[i]!, target.subarray(from - offset, to - offset));
      }
    },
  };
  return { source: joined, starts };
}
