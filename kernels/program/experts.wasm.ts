/** Instructions of a mixture of experts; a matrix per head is one whose experts are always the same. */
import { expertLinear } from '../expert-linear/wasm';
import { mix } from '../mix/wasm';
import { quantizedBytes } from '../quantize/wasm';
import { isBlockType } from '../quants/dispatch';
import { route } from '../route/wasm';
import * as L from './instructions';
import { actq, floatOperand, operand, own, rowAt, rowsOf, share, shareFrom, shareTo, word, worker } from './worker.wasm';

/** A unit of work is a row. */
export function routeOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 13));
  for (let m = worker; m < rows; m += workers) {
    route(
      rowAt(i, 0, m), operand(i, 2), operand(i, 3), operand(i, 4), operand(i, 5), <usize>operand(i, 6), operand(i, 7),
      operand(i, 8), operand(i, 9) != 0, floatOperand(i, 10), rowAt(i, 11, m), own(L.CTL_PRIVATE_SCRATCH),
    );
  }
}

/** Each worker has its own rows of every matrix. */
export function expertLinearOp(i: usize, workers: i32): void {
  const count = rowsOf(operand(i, 17));
  const type = operand(i, 0);
  const columns = operand(i, 5);
  const isQuantised = isBlockType(type);
  const x = isQuantised ? actq(count == 1, 0) : <usize>operand(i, 6);
  const xStride = isQuantised ? word(L.CTL_ACTQ_STRIDE) : operand(i, 7);
  const xBytes = isQuantised ? quantizedBytes(columns) : columns << 2;
  const outRows = operand(i, 4);
  expertLinear(
    type, <usize>operand(i, 1), <usize>operand(i, 2), operand(i, 3), outRows, share(outRows, worker, workers),
    share(outRows, worker + 1, workers), columns, x, xStride, operand(i, 8) != 0 ? xBytes : 0, xBytes,
    <usize>operand(i, 9), operand(i, 10), operand(i, 11), count, <usize>operand(i, 12), operand(i, 13),
    <usize>operand(i, 14), operand(i, 15) != 0, <usize>operand(i, 16), own(L.CTL_PRIVATE_SCRATCH),
  );
}

export function mixOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 8));
  const n = operand(i, 7);
  const from = shareFrom(n, workers);
  const to = shareTo(n, workers);
  for (let m = 0; m < rows; m++) {
    const weights: usize = operand(i, 2) == 0 ? 0 : rowAt(i, 2, m);
    mix(rowAt(i, 0, m), weights, operand(i, 4), n, rowAt(i, 5, m), from, to);
  }
}
