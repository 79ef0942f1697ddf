/**
 * Instructions with a state per sequence: rows of a sequence follow each other, so a worker takes some channels or heads
 * of all rows, one row after the other. The row of position 0 begins with a state of zeros.
 */
import { conv } from '../conv/wasm';
import { linearAttention } from '../linear-attention/wasm';
import { scan } from '../scan/wasm';
import { shift } from '../shift/wasm';
import { wkv } from '../wkv/wasm';
import * as L from './instructions';
import { floatOperand, operand, own, positionOf, rowAt, shareFrom, shareTo, word, worker } from './worker.wasm';

/** Where the states of row m's sequence lie. */
@inline
function statesOf(m: i32): usize {
  return <usize>load<i32>(<usize>word(L.CTL_STATES) + <usize>(m << 2));
}

/** The first of this worker's units, in runs. */
@inline
function runOf(units: i32, w: i32, workers: i32): i32 {
  return <i32>((<i64>units * w) / workers);
}

/** The state of a unit of row m, `bytes` each; zeros where the sequence begins. */
@inline
function stateAt(m: i32, offset: i32, unit: i32, bytes: usize): usize {
  const state = statesOf(m) + <usize>offset + <usize>unit * bytes;
  if (positionOf(m) == 0) memory.fill(state, 0, bytes);
  return state;
}

export function convOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const channels = operand(i, 5);
  const length = operand(i, 6);
  const from = shareFrom(channels, workers);
  const to = shareTo(channels, workers);
  if (from >= to) return;
  for (let m = 0; m < rows; m++) {
    const state = statesOf(m) + <usize>operand(i, 4);
    if (positionOf(m) == 0) {
      for (let p = 1; p < length; p++) {
        memory.fill(state + <usize>(((p - 1) * channels + from) << 2), 0, <usize>((to - from) << 2));
      }
    }
    const weight = <usize>operand(i, 7);
    const bias = <usize>operand(i, 8);
    conv(rowAt(i, 0, m), state, weight, bias, operand(i, 9), rowAt(i, 2, m), channels, length, from, to);
  }
}

export function shiftOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const features = operand(i, 5);
  const from = shareFrom(features, workers);
  const to = shareTo(features, workers);
  if (from >= to) return;
  for (let m = 0; m < rows; m++) {
    const state = statesOf(m) + <usize>operand(i, 4);
    if (positionOf(m) == 0) memory.fill(state + <usize>(from << 2), 0, <usize>((to - from) << 2));
    shift(rowAt(i, 0, m), state, rowAt(i, 2, m), from, to);
  }
}

export function scanOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const heads = operand(i, 11);
  const dim = operand(i, 12);
  const size = operand(i, 13);
  const perGroup = heads / operand(i, 14);
  const aStep = operand(i, 16);
  const dStep = operand(i, 18);
  const bytes = <usize>((dim * size) << 2);
  const end = runOf(heads, worker + 1, workers);
  for (let head = runOf(heads, worker, workers); head < end; head++) {
    const group = <usize>(((head / perGroup) * size) << 2);
    const at = <usize>((head * dim) << 2);
    const a = <usize>operand(i, 15) + <usize>((head * (aStep == 0 ? 1 : size)) << 2);
    let d = <usize>operand(i, 17);
    if (d != 0) d += <usize>((head * (dStep == 0 ? 1 : dim)) << 2);
    for (let m = 0; m < rows; m++) {
      const state = stateAt(m, operand(i, 10), head, bytes);
      const dt = load<f32>(rowAt(i, 2, m) + <usize>(head << 2));
      scan(
        rowAt(i, 0, m) + at, dt, rowAt(i, 4, m) + group, rowAt(i, 6, m) + group, a, aStep, d, dStep, dim, size, state,
        rowAt(i, 8, m) + at,
      );
    }
  }
}

export function linearAttentionOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const heads = operand(i, 13);
  const keyHeads = operand(i, 14);
  const keyDim = operand(i, 15);
  const valueDim = operand(i, 16);
  const decayStep = operand(i, 17);
  const bytes = <usize>((keyDim * valueDim) << 2);
  const end = runOf(heads, worker + 1, workers);
  for (let head = runOf(heads, worker, workers); head < end; head++) {
    const key = <usize>(((head * keyHeads / heads) * keyDim) << 2);
    const value = <usize>((head * valueDim) << 2);
    const single = <usize>(head << 2);
    const decayAt = decayStep == 0 ? single : single * keyDim;
    for (let m = 0; m < rows; m++) {
      const state = stateAt(m, operand(i, 12), head, bytes);
      const beta: usize = operand(i, 8) == 0 ? 0 : rowAt(i, 8, m) + single;
      linearAttention(
        rowAt(i, 0, m) + key, rowAt(i, 2, m) + key, rowAt(i, 4, m) + value, rowAt(i, 6, m) + decayAt, decayStep, beta,
        operand(i, 18) != 0, keyDim, valueDim, floatOperand(i, 19), state, rowAt(i, 10, m) + value,
        own(L.CTL_PRIVATE_SCRATCH),
      );
    }
  }
}

export function wkvOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const heads = operand(i, 15);
  const dim = operand(i, 16);
  const bytes = <usize>((dim * dim) << 2);
  const end = runOf(heads, worker + 1, workers);
  for (let head = runOf(heads, worker, workers); head < end; head++) {
    const at = <usize>((head * dim) << 2);
    const bonus: usize = operand(i, 17) == 0 ? 0 : <usize>operand(i, 17) + at;
    for (let m = 0; m < rows; m++) {
      const state = stateAt(m, operand(i, 14), head, bytes);
      const a: usize = bonus == 0 ? rowAt(i, 8, m) + at : 0;
      const b: usize = bonus == 0 ? rowAt(i, 10, m) + at : 0;
      wkv(
        rowAt(i, 0, m) + at, rowAt(i, 2, m) + at, rowAt(i, 4, m) + at, rowAt(i, 6, m) + at, a, b, bonus, dim, state,
        rowAt(i, 12, m) + at,
      );
    }
  }
}
