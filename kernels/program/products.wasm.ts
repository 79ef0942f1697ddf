/** Instructions around matrices: a token's row, the normed or quantised activation, products. */
import { centred, deviationScale, meanOf } from '../layernorm/wasm';
import { quantize, quantizedBytes } from '../quantize/wasm';
import { isBlockType, matmul, row as embedding } from '../quants/dispatch';
import { residual } from '../residual/wasm';
import { l2Scale, rmsScale, scaled } from '../rmsnorm/wasm';
import * as L from './instructions';
import { barrier } from './waits.wasm';
import { actq, floatOperand, operand, own, ownAct, positionOf, rowAt, rowsOf, share, sourceRow, word, worker } from './worker.wasm';

export function embeddingOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const tokens = <usize>word(L.CTL_TOKENS);
  const columns = operand(i, 2);
  const index = operand(i, 5);
  const scale = floatOperand(i, 7);
  for (let m = worker; m < rows; m += workers) {
    const x = rowAt(i, 3, m);
    let row = operand(i, 6);
    if (index == L.INDEX_TOKEN) row = load<i32>(tokens + <usize>(m << 2));
    else if (index == L.INDEX_POSITION) row = positionOf(m);
    else if (index == L.INDEX_ADAPTER) row = load<i32>(<usize>word(L.CTL_ADAPTERS) + <usize>(m << 2));
    embedding(operand(i, 1), <usize>operand(i, 0), row, columns, x);
    if (scale != 1) scaled(x, scale, 0, x, 0, columns);
  }
}

/** The part [from, to) of norm(x) into y; the sums go over all of x. */
export function normPart(
  how: i32,
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  columns: i32,
  eps: f32,
  folds: usize,
  from: i32,
  to: i32,
): void {
  const scratch = own(L.CTL_PRIVATE_SCRATCH);
  if (how == L.NORM_LAYER) {
    const mean = meanOf(x, columns, folds, scratch);
    const scale = deviationScale(x, columns, mean, eps, folds, scratch);
    centred(x, mean, scale, weight, bias, y, from, to);
    return;
  }
  const scale =
    how == L.NORM_L2 ? l2Scale(x, columns, eps, folds, scratch) : rmsScale(x, columns, eps, folds, scratch);
  scaled(x, scale, weight, y, from, to);
  if (bias != 0) residual(y, bias, y, from, to, 1);
}

/**
 * One row: every worker makes its own copy, which is cheaper than a barrier. Several rows: each worker makes some
 * of them in shared memory, then all meet.
 */
export function normOp(i: usize, workers: i32): bool {
  const selector = operand(i, 6);
  const rows = rowsOf(selector);
  const columns = operand(i, 3);
  const alone = rows == 1;
  for (let m = alone ? 0 : worker; m < rows; m += alone ? 1 : workers) {
    const x = rowAt(i, 0, sourceRow(selector, m));
    const act = alone ? ownAct() : <usize>word(L.CTL_ACT) + <usize>(m * word(L.CTL_ACT_STRIDE));
    const weight = <usize>operand(i, 2);
    const bias = <usize>operand(i, 9);
    normPart(operand(i, 8), x, weight, bias, act, columns, floatOperand(i, 4), <usize>operand(i, 5), 0, columns);
    if (operand(i, 7)) quantize(act, columns, actq(alone, m));
  }
  return rows <= 1 || barrier(workers);
}

export function quantizeOp(i: usize, workers: i32): bool {
  const rows = rowsOf(operand(i, 3));
  const alone = rows == 1;
  for (let m = alone ? 0 : worker; m < rows; m += alone ? 1 : workers) {
    const columns = operand(i, 2);
    let x = rowAt(i, 0, m);
    let q = actq(alone, m);
    for (let run = operand(i, 4); run > 0; run--, x += columns << 2, q += quantizedBytes(columns)) quantize(x, columns, q);
  }
  return rows <= 1 || barrier(workers);
}

export function matmulOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 9));
  if (rows == 0) return;
  const type = operand(i, 0);
  const alone = rows == 1;
  let x: usize;
  let xStride: i32;
  if (isBlockType(type)) {
    x = actq(alone, 0);
    xStride = word(L.CTL_ACTQ_STRIDE);
  } else if (operand(i, 4) == 0) {
    x = alone ? ownAct() : <usize>word(L.CTL_ACT);
    xStride = word(L.CTL_ACT_STRIDE);
  } else {
    x = <usize>operand(i, 4);
    xStride = operand(i, 5);
  }
  const outRows = operand(i, 2);
  const from = share(outRows, worker, workers);
  const to = share(outRows, worker + 1, workers);
  matmul(
    type,
    <usize>operand(i, 1),
    from,
    to,
    operand(i, 3),
    x,
    xStride,
    rows,
    <usize>operand(i, 6),
    operand(i, 7),
    <usize>operand(i, 8),
    own(L.CTL_PRIVATE_SCRATCH),
  );
  const bias = <usize>operand(i, 10);
  if (bias == 0) return;
  for (let m = 0; m < rows; m++) {
    const y = rowAt(i, 6, m);
    residual(y, bias, y, from << 3, min(outRows, to << 3), 1);
  }
}
