/** What one PE of a large model's plan holds: its tile of every matrix, and so its SRAM to the byte of weights. */
import { matrixBits } from '../../../../models/card-bits.js';
import { type Split, tileStart } from '../../../placement/plan.js';
import type { WaferPlan, WaferRegion } from '../../../placement/wafer.js';
import type { WaferMatmul } from '../../../placement/wafer-ops.js';

/** One PE's tile of a matrix; `copies` such tiles lie in it (layers, experts). */
export interface TileInfo {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly copies: number;
  readonly bytes: number;
}

const lengthOf = (split: Split, t: number): number => tileStart(split, t + 1) - tileStart(split, t);

/** The matrices of a region with how many layers have each. */
function matmulsOf(region: WaferRegion): { op: WaferMatmul; count: number }[] {
  const found: { op: WaferMatmul; count: number }[] = [];
  for (const { ops, count } of region.layers) {
    for (const op of ops) if (op.kind === 'matmul') found.push({ op, count });
  }
  for (const op of region.headOps) if (op.kind === 'matmul') found.push({ op, count: 1 });
  return found;
}

function bitsOf({ card, weightBits }: WaferPlan, op: WaferMatmul): number {
  return matrixBits(card, op, weightBits);
}

/** Number of a PE of the region along an axis among those that share the op; -1 beyond a block that is the only one. */
function placeOf({ grid, blocks }: WaferMatmul, axis: 'x' | 'y', i: number): number {
  const side = axis === 'x' ? grid.width : grid.height;
  // Experts that are dealt to blocks lie on one block each, attention may have a block of its own.
  return blocks > 1 ? i % side : i < side ? i : -1;
}

function cutAt(op: WaferMatmul, split: Split, i: number): number {
  const place = placeOf(op, split.axis, i);
  return place < 0 ? 0 : lengthOf(split, place);
}

/** The tiles of the PE at (x, y) of a region. */
export function tilesOf(plan: WaferPlan, region: WaferRegion, x: number, y: number): TileInfo[] {
  return matmulsOf(region).map(({ op, count }) => {
    const rows = cutAt(op, op.rows, op.rows.axis === 'x' ? x : y);
    const columns = cutAt(op, op.columns, op.columns.axis === 'x' ? x : y);
    const copies = (count * op.stored) / op.blocks;
    const name = op.part === 'experts' ? `expert ${op.name}` : op.name;
    return { name, rows, columns, copies, bytes: (rows * columns * copies * bitsOf(plan, op)) / 8 };
  });
}

/** Bytes of matrices in each PE of a region, row by row: every op is a product of its two cuts. */
export function weightBytesByPe(plan: WaferPlan, region: WaferRegion): Float32Array {
  const { width, height } = region.rect;
  const bytes = new Float32Array(width * height);
  for (const { op, count } of matmulsOf(region)) {
    const perElement = ((count * op.stored) / op.blocks) * (bitsOf(plan, op) / 8);
    const along = (axis: 'x' | 'y', length: number): Float32Array => {
      const split = op.rows.axis === axis ? op.rows : op.columns;
      return Float32Array.from({ length }, (_, i) => cutAt(op, split, i));
    };
    const across = along('x', width);
    const down = along('y', height);
    for (let y = 0; y < height; y++) {
      const row = down[y]! * perElement;
      for (let x = 0; x < width; x++) bytes[y * width + x]! += row * across[x]!;
    }
  }
  return bytes;
}
