/** Header and tensors as the GGUF file that they would be, whose bytes are made when they are read. */
import { type GgufHeader, type GgufInput, ggufHeader, tensorBytes } from './gguf-writer.js';
import { type Matrix, readBytes } from './matrix.js';
import { type ByteSource, endOfSource } from './source.js';

/** Throws OptionError on a shape that its type cannot have. */
export function ggufView(
  name: string,
  metadata: Readonly<Record<string, GgufInput>>,
  matrices: ReadonlyMap<string, Matrix>,
): { readonly source: ByteSource; readonly header: GgufHeader } {
  const tensors = [...matrices].map(([called, matrix]) => ({
    name: called,
    type: matrix.type,
    dims: [...matrix.shape].reverse(),
    matrix,
  }));
  const header = ggufHeader(metadata, tensors);
  const places = tensors.map((tensor, i) => ({
    start: header.offsets[i]!,
    length: tensorBytes(tensor),
    matrix: tensor.matrix,
  }));
  const source: ByteSource = {
    name,
    byteLength: header.fileBytes,
    async read(offset, target) {
      const end = offset + target.length;
      if (end > header.fileBytes) throw endOfSource(source, offset, target.length);
      // What no part fills is the padding between tensors.
      target.fill(0);
      if (offset < header.bytes.length) target.set(header.bytes.subarray(offset, end));
      for (const { start, length, matrix } of places) {
        const from = Math.max(offset, start);
        const to = Math.min(end, start + length);
        if (from < to) await readBytes(matrix, from - start, target.subarray(from - offset, to - offset));
      }
    },
  };
  return { source, header };
}
