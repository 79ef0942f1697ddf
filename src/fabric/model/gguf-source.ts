/** A GGUF file in memory as the numbers of a model on the fabric. */
import type { RopeTable } from '../../../models/op.js';
import { MachineError } from '../../core/errors.js';
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

function plainAngles(
  { dims, theta, divisor, yarn, factors, llama3 }: RopeTable,
  position: number,
): Float32Array {
  if (divisor !== 1 || yarn || factors || llama3) {
    throw new MachineError({
      what: 'angles of a rotation',
      given: 'stretched frequencies',
      expected: 'plain ones',
      todo: 'Give the source the angles of the kernels.',
    });
  }
  return Float32Array.from({ length: dims }, (_, i) => {
    const angle = position / theta ** ((i - (i % 2)) / dims);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}
