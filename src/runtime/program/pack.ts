/** From rows of a file in the engine's memory to the groups of eight rows that the kernels read. */

import { quantOf, type WeightType } from '../../../kernels/quants/index.js';
import { type Block, isBlockQuant, packedBlockBytes } from '../../../kernels/quants/quant.js';
import type { KernelExports } from './kernels.js';

/** Packs up to eight rows, `rowBytes` apart at `source`, into the group at `group`. */
export type PackGroup = (source: number, rowBytes: number, rows: number, group: number) => void;

/** How rows of `columns` of a type are packed: by the kernels alone, or block by block with the type's codec. */
export function packerOf(
  kernels: KernelExports,
  memory: WebAssembly.Memory,
  type: WeightType,
  columns: number,
): PackGroup {
  const quant = quantOf(type);
  const { id, block, bytes } = quant;
  const packed = packedBlockBytes(quant);
  const view = new DataView(memory.buffer);
  const decoded = decodedBlock(memory, kernels.decoded());
  return (source, rowBytes, rows, group) => {
    if (kernels.pack(id, source, rowBytes, rows, columns, group) === 1 || !isBlockQuant(quant)) return;
    for (let row = 0; row < rows; row++) {
      for (let b = 0; b < columns / block; b++) {
        quant.decode(view, source + row * rowBytes + b * bytes, decoded);
        kernels.place(id, group + b * packed, row);
      }
    }
  };
}

/** The block at which the kernels look, see kernels/quants/wasm.ts. */
function decodedBlock({ buffer }: WebAssembly.Memory, address: number): Block {
  const heads = new Float32Array(buffer, address, 2);
  return {
    set scale(value: number) {
      heads[0] = value;
    },
    get scale() {
      return heads[0]!;
    },
    set min(value: number) {
      heads[1] = value;
    },
    get min() {
      return heads[1]!;
    },
    scales: new Int8Array(buffer, address + 16, 16),
    mins: new Uint8Array(buffer, address + 32, 16),
    codes: new Uint8Array(buffer, address + 64, 256),
  };
}
