/**
 * Products with some of several matrices of one shape: the experts that each token chose, or a matrix per head. Tokens
 * that share a matrix share its reads. Every row has the bits of matvec, so they do not depend on who else is in the batch.
 */
import { matmul, matvec } from '../quants/dispatch';
import { EXPERT_RUN } from './numbers';

/**
 * y [count][top][rows] = W[chosen] x (times the chosen's weight where `isWeighed`) (+ bias[chosen]), rows
 * [8 groupFrom, 8 groupTo). `chosen` [count]: the numbers of `top` of the `matrices`, `stride` bytes apart, then their
 * weights. The inputs of token m lie at x + m * xStride, `xStep` bytes apart (0: one serves all), each of `xBytes`.
 * `scratch` holds what scratchBytes in spec.ts says.
 */
export function expertLinear(
  type: i32,
  w: usize,
  stride: usize,
  matrices: i32,
  rows: i32,
  groupFrom: i32,
  groupTo: i32,
  columns: i32,
  x: usize,
  xStride: i32,
  xStep: i32,
  xBytes: i32,
  chosen: usize,
  chosenStride: i32,
  top: i32,
  count: i32,
  y: usize,
  yStride: i32,
  bias: usize,
  isWeighed: bool,
  folds: usize,
  scratch: usize,
): void {
  if (groupFrom >= groupTo) return;
  const groups = groupTo - groupFrom;
  const ends = scratch;
  const pairs = ends + <usize>(matrices << 2);
  sortByMatrix(chosen, chosenStride, top, count, ends, matrices, pairs);
  const xs = (pairs + <usize>((count * top) << 2) + 63) & ~63;
  const ys = xs + <usize>(EXPERT_RUN * xBytes);
  const rest = ys + <usize>((EXPERT_RUN * groups) << 5);
  // Where group 0 would lie.
  const yOfGroups = ys - <usize>(groupFrom << 5);
  const from = groupFrom << 3;
  const to = min(rows, groupTo << 3);
  let at = 0;
  for (let e = 0; e < matrices; e++) {
    const end = load<i32>(ends + <usize>(e << 2));
    const matrix = w + <usize>e * stride;
    while (at < end) {
      const run = min(EXPERT_RUN, end - at);
      const first = pairs + <usize>(at << 2);
      if (run == 1) {
        const pair = load<i32>(first);
        const input = x + <usize>((pair / top) * xStride + (pair % top) * xStep);
        matvec(type, matrix, groupFrom, groupTo, columns, input, yOfGroups, folds, rest);
      } else {
        for (let n = 0; n < run; n++) {
          const pair = load<i32>(first + <usize>(n << 2));
          const input = x + <usize>((pair / top) * xStride + (pair % top) * xStep);
          memory.copy(xs + <usize>(n * xBytes), input, xBytes);
        }
        matmul(
          type, matrix, groupFrom, groupTo, columns, xs, xBytes, run, yOfGroups, groups << 5, folds, rest,
        );
      }
      for (let n = 0; n < run; n++) {
        const pair = load<i32>(first + <usize>(n << 2));
        const m = pair / top;
        const slot = pair % top;
        const weights = chosen + <usize>(m * chosenStride + (top << 2));
        const weight = isWeighed ? load<f32>(weights + <usize>(slot << 2)) : <f32>1;
        const out = y + <usize>(m * yStride + ((slot * rows) << 2));
        const own = bias == 0 ? 0 : bias + <usize>((e * rows) << 2);
        finish(yOfGroups + <usize>((n * groups) << 5), weight, own, out, from, to);
      }
      at += run;
    }
  }
}

/** out = y * weight + bias, features [from, to). */
function finish(y: usize, weight: f32, bias: usize, out: usize, from: i32, to: i32): void {
  for (let f = <usize>(from << 2); f < <usize>(to << 2); f += 4) {
    const value = load<f32>(y + f) * weight;
    store<f32>(out + f, bias == 0 ? value : value + load<f32>(bias + f));
  }
}

/** The pairs m * top + slot sorted by the chosen matrix, and where each matrix's end. */
function sortByMatrix(
  chosen: usize,
  chosenStride: i32,
  top: i32,
  count: i32,
  ends: usize,
  matrices: i32,
  pairs: usize,
): void {
  memory.fill(ends, 0, <usize>(matrices << 2));
  for (let m = 0; m < count; m++) {
    for (let slot = 0; slot < top; slot++) {
      const end = endOf(chosen + <usize>(m * chosenStride), slot, ends);
      store<i32>(end, load<i32>(end) + 1);
    }
  }
  let begin = 0;
  for (let p = ends; p < pairs; p += 4) {
    const next = begin + load<i32>(p);
    store<i32>(p, begin);
    begin = next;
  }
  for (let m = 0; m < count; m++) {
    for (let slot = 0; slot < top; slot++) {
      const end = endOf(chosen + <usize>(m * chosenStride), slot, ends);
      store<i32>(pairs + <usize>(load<i32>(end) << 2), m * top + slot);
      store<i32>(end, load<i32>(end) + 1);
    }
  }
}

@inline
function endOf(chosen: usize, slot: i32, ends: usize): usize {
  return ends + <usize>(<i32>load<f32>(chosen + <usize>(slot << 2)) << 2);
}
