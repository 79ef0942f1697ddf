/** RoPE's angles from the runtime's own kernel, so that the fabric's logits are the runtime's bit for bit. */
import type { RopeTable } from '../../../../models/op.js';
import type { ModelSource } from '../../../fabric/model/source.js';
import { instantiateKernels, reservedBytes } from '../../../runtime/program/kernels.js';

/** `memory` is what the build of the kernels wants: shared or not. */
export function kernelAngles(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  context: number,
): ModelSource['angles'] {
  const kernels = instantiateKernels(module, memory);
  const tables = new Map<RopeTable, Float32Array>();
  return (table, position) => {
    const { dims, theta, magnitude } = table;
    let known = tables.get(table);
    if (known === undefined) {
      new Float32Array(memory.buffer, reservedBytes, dims / 2).fill(1);
      const at = reservedBytes + dims * 2;
      kernels.ropeTable(at, context, dims, theta, reservedBytes, magnitude);
      known = new Float32Array(memory.buffer, at, context * dims).slice();
      tables.set(table, known);
    }
    return known.subarray(position * dims, (position + 1) * dims);
  };
}
