/** Instructions whose results stand feature by feature, or head by head. */
import { activation } from '../activation/wasm';
import { argmax } from '../argmax/wasm';
import { residual } from '../residual/wasm';
import { rope, ropeHalves } from '../rope/wasm';
import * as L from './instructions';
import { normPart } from './products.wasm';
import { floatOperand, operand, positionOf, rowAt, rowsOf, shareFrom, shareTo, sourceRow, word, worker } from './worker.wasm';

/** Each worker sums all of x and writes its own features, so that who reads those alone need not wait. */
export function normToOp(i: usize, workers: i32): void {
  const selector = operand(i, 6);
  const rows = rowsOf(selector);
  const columns = operand(i, 3);
  const from = shareFrom(columns, workers);
  const to = shareTo(columns, workers);
  if (from >= to) return;
  for (let m = 0; m < rows; m++) {
    const x = rowAt(i, 0, sourceRow(selector, m));
    const weight = <usize>operand(i, 2);
    const folds = <usize>operand(i, 5);
    normPart(
      operand(i, 7), x, weight, <usize>operand(i, 8), rowAt(i, 9, m), columns, floatOperand(i, 4), folds, from, to,
    );
  }
}

export function normRunsOp(i: usize, workers: i32): void {
  const selector = operand(i, 6);
  const runs = operand(i, 11);
  const per = operand(i, 3);
  const all = rowsOf(selector) * runs;
  for (let u = worker; u < all; u += workers) {
    const m = u / runs;
    const run = u - m * runs;
    const at = <usize>((run * per) << 2);
    const step = <usize>((run * operand(i, 5)) << 2);
    const weight = <usize>operand(i, 2);
    const bias = <usize>operand(i, 8);
    const x = rowAt(i, 0, sourceRow(selector, m)) + at;
    normPart(
      operand(i, 7), x, weight == 0 ? 0 : weight + step, bias == 0 ? 0 : bias + step, rowAt(i, 9, m) + at, per,
      floatOperand(i, 4), 0, 0, per,
    );
  }
}

export function addOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 7));
  const n = operand(i, 6);
  const from = shareFrom(n, workers);
  const to = shareTo(n, workers);
  if (from >= to) return;
  for (let m = 0; m < rows; m++) {
    residual(rowAt(i, 0, m), rowAt(i, 2, m), rowAt(i, 4, m), from, to, floatOperand(i, 8));
  }
}

export function activationOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 9));
  const n = operand(i, 8);
  const from = shareFrom(n, workers);
  const to = shareTo(n, workers);
  if (from >= to) return;
  for (let m = 0; m < rows; m++) {
    const by = operand(i, 3) == 0 ? 0 : rowAt(i, 3, m);
    activation(
      operand(i, 10), rowAt(i, 0, m), operand(i, 2), by, operand(i, 5), rowAt(i, 6, m), from, to,
      floatOperand(i, 11), <usize>operand(i, 12),
    );
  }
}

export function scaleOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 8));
  const n = operand(i, 7);
  const from = shareFrom(n, workers);
  const to = shareTo(n, workers);
  const weight = <usize>operand(i, 2);
  const weightStep = operand(i, 3);
  const bias = <usize>operand(i, 4);
  for (let m = 0; m < rows; m++) {
    const x = rowAt(i, 0, m);
    const out = rowAt(i, 5, m);
    for (let f = from; f < to; f++) {
      const at = <usize>(f << 2);
      let y = load<f32>(x + at);
      if (weight != 0) y *= load<f32>(weight + <usize>((f * weightStep) << 2));
      store<f32>(out + at, bias != 0 ? y + load<f32>(bias + at) : y);
    }
  }
}

/** A unit of work is a group of a row. */
export function copyOp(i: usize, workers: i32): void {
  const selector = operand(i, 10);
  const groups = operand(i, 9);
  const all = rowsOf(selector) * groups;
  const count = <usize>(operand(i, 4) << 2);
  for (let u = worker; u < all; u += workers) {
    const m = u / groups;
    const group = u - m * groups;
    const x = rowAt(i, 0, sourceRow(selector, m)) + <usize>((group * operand(i, 2) + operand(i, 3)) << 2);
    const out = rowAt(i, 5, m) + <usize>((group * operand(i, 7) + operand(i, 8)) << 2);
    memory.copy(out, x, count);
  }
}

/** A unit of work is a head of a row. */
export function ropeOp(i: usize, workers: i32): void {
  const heads = operand(i, 4);
  const dim = operand(i, 5);
  const first = <usize>(operand(i, 6) << 2);
  const dims = operand(i, 7);
  const isHalves = operand(i, 8) != 0;
  const table = <usize>operand(i, 9);
  const all = rowsOf(operand(i, 10)) * heads;
  const isCopied = operand(i, 0) != operand(i, 2);
  for (let u = worker; u < all; u += workers) {
    const m = u / heads;
    const at = <usize>(((u - m * heads) * dim) << 2);
    const y = rowAt(i, 2, m) + at;
    if (isCopied) memory.copy(y, rowAt(i, 0, m) + at, <usize>(dim << 2));
    const angles = table + <usize>positionOf(m) * <usize>(dims << 2);
    if (isHalves) ropeHalves(y + first, dims, angles);
    else rope(y + first, dims, angles);
  }
}

/** Each worker finds the best of its own rows of the vocabulary; the leader compares the workers' bests. */
export function argmaxOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_LOGIT_ROWS);
  const vocabulary = operand(i, 2);
  const from = shareFrom(vocabulary, workers);
  const n = shareTo(vocabulary, workers) - from;
  for (let m = 0; m < rows; m++) {
    const logits = rowAt(i, 0, m) + <usize>(from << 2);
    const best = n > 0 ? from + argmax(logits, n) : -1;
    store<i32>(<usize>word(L.CTL_ARGMAX) + <usize>((m * workers + worker) << 2), best);
  }
}
