/** A GGUF file in memory as the numbers of a model on the fabric. */
import type { RopeTable } from '../../../models/op.js';
import type { WeightInfo } from '../../formats/gguf.js';
import type { ModelSource } from './source.js';

/** `angles`: by default those of plain RoPE; the runtime's fixed polynomials may differ in the last bit. */
export function ggufSource(
  bytes: Uint8Array,
  tensors: ReadonlyMap<string, WeightInfo>,
  angles: ModelSource['angles'] = plainAngles,
): ModelSource {
  return {
    weight(name) {
      const { type, dims, offset, byteLength } = tensors.get(name)!;
      const [columns = 1, rows = 1] = dims;
      return { type, rows, columns, bytes: bytes.subarray(offset, offset + byteLength) };
    },
    angles,
  };
}

function plainAngles({ dims, theta }: RopeTable, position: number): Float32Array {
  return Float32Array.from({ length: dims }, (_, i) => {
    const angle = position / theta ** ((i - (i % 2)) / dims);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}
