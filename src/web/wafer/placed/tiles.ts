/** What one PE of a large model's plan holds: its tile of every matrix, and so its SRAM to the byte of weights. */
import { productBits } from '../../../../models/card-bits.js';
import { isProduct, type Product, productOf } from '../../../../models/products.js';
import { type Split, tileStart } from '../../../placement/plan.js';
import type { WaferPlan, WaferRegion } from '../../../placement/wafer.js';
import type { Grid, WaferOp } from '../../../placement/wafer-ops.js';

/** One PE's tile of a matrix; `copies` such tiles lie in it (layers, experts). */
export interface TileInfo {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly copies: number;
  readonly bytes: number;
}

const lengthOf = (split: Split, t: number): number => tileStart(split, t + 1) - tileStart(split, t);

/** A matrix where it lies; its weights are stacked, each in its own cut of rows. */
interface PlacedMatrix extends Product {
  readonly rowCuts: readonly Split[];
  readonly columnCut: Split;
  readonly grid: Grid;
  readonly blocks: number;
}

/** The matrices of a region with how many layers have each. */
function matricesOf(region: WaferRegion): { matrix: PlacedMatrix; count: number }[] {
  const found: { matrix: PlacedMatrix; count: number }[] = [];
  const add = (ops: readonly WaferOp[], count: number): void => {
    for (const each of ops) {
      if ('exchange' in each || !isProduct(each.op)) continue;
      const { op, grid, blocks } = each;
      if (!('rows' in op) || op.rows === null) continue;
      const cuts: readonly Split[] = 'axis' in op.rows ? [op.rows] : op.rows;
      // The rows of heads lie side by side, as their columns do.
      const matrix = { ...productOf(op), rowCuts: cuts, columnCut: op.columns, grid, blocks };
      found.push({ matrix, count });
    }
  };
  for (const { ops, count } of region.layers) add(ops, count);
  add(region.headOps, 1);
  return found;
}

function bitsOf({ card, weightBits }: WaferPlan, matrix: PlacedMatrix): number {
  return productBits(card, matrix, weightBits);
}

/** Number of a PE of the region along an axis among those that share the op; -1 beyond a block that is the only one. */
function placeOf({ grid, blocks }: PlacedMatrix, axis: 'x' | 'y', i: number): number {
  const side = axis === 'x' ? grid.width : grid.height;
  // Experts that are dealt to blocks lie on one block each, attention may have a block of its own.
  return blocks > 1 ? i % side : i < side ? i : -1;
}

function cutAt(matrix: PlacedMatrix, splits: readonly Split[], i: number): number {
  const place = placeOf(matrix, splits[0]!.axis, i);
  return place < 0 ? 0 : splits.reduce((sum, split) => sum + lengthOf(split, place % split.parts), 0);
}

/** The tiles of the PE at (x, y) of a region. */
export function tilesOf(plan: WaferPlan, region: WaferRegion, x: number, y: number): TileInfo[] {
  return matricesOf(region).map(({ matrix, count }) => {
    const { rowCuts, columnCut, stored, blocks, part } = matrix;
    const rows = cutAt(matrix, rowCuts, rowCuts[0]!.axis === 'x' ? x : y);
    const columns = cutAt(matrix, [columnCut], columnCut.axis === 'x' ? x : y);
    const copies = (count * stored) / blocks;
    const name = part === 'experts' ? `expert ${matrix.name}` : matrix.name;
    return { name, rows, columns, copies, bytes: (rows * columns * copies * bitsOf(plan, matrix)) / 8 };
  });
}

/** Bytes of matrices in each PE of a region, row by row: every op is a product of its two cuts. */
export function weightBytesByPe(plan: WaferPlan, region: WaferRegion): Float32Array {
  const { width, height } = region.rect;
  const bytes = new Float32Array(width * height);
  for (const { matrix, count } of matricesOf(region)) {
    const perElement = ((count * matrix.stored) / matrix.blocks) * (bitsOf(plan, matrix) / 8);
    const along = (axis: 'x' | 'y', length: number): Float32Array => {
      const { rowCuts, columnCut } = matrix;
      const splits = rowCuts[0]!.axis === axis ? rowCuts : [columnCut];
      return Float32Array.from({ length }, (_, i) => cutAt(matrix, splits, i));
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
