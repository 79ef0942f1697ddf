/** What local work costs: cycles of vector operations over memory, MACs and SRAM traffic. */
import type { WaferNumbers } from '../../machine/wafers.js';
import type { Work } from '../pe.js';

type NumberType = 'f32' | 'f16';

const bytesOf = (type: NumberType): number => (type === 'f32' ? 4 : 2);

/**
 * `y [rows] += W [rows, columns] x [columns]`: one vector multiply-add over the rows per column, each with its
 * start-up. Every MAC reads a weight and a partial sum and writes the sum back.
 */
export function matvecWork(numbers: WaferNumbers, rows: number, columns: number, type: NumberType): Work {
  const perMac = type === 'f32' ? numbers.cyclesPerMacF32 : numbers.cyclesPerMacF16;
  const macs = rows * columns;
  return {
    cycles: rows === 0 ? 0 : columns * numbers.vectorStartCycles + Math.ceil(macs * perMac),
    macs,
    sramBytes: 3 * macs * bytesOf(type),
  };
}

/** `C [m, n] += A [m, k] B [k, n]`: k vector multiply-adds over the m rows for each of the n columns. */
export function matmulWork(numbers: WaferNumbers, m: number, k: number, n: number, type: NumberType): Work {
  const one = matvecWork(numbers, m, k, type);
  return { cycles: one.cycles * n, macs: one.macs! * n, sramBytes: one.sramBytes! * n };
}

/** `passes` element-wise vector operations over `count` elements, e.g. a scale, an addition, a maximum. */
export function elementWork(numbers: WaferNumbers, count: number, passes: number, type: NumberType): Work {
  const lanes = type === 'f32' ? numbers.lanesF32 : numbers.lanesF16;
  const each = count === 0 ? 0 : numbers.vectorStartCycles + Math.ceil(count / lanes);
  return { cycles: each * passes, sramBytes: 3 * count * passes * bytesOf(type) };
}
