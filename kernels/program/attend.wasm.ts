/** Instructions on the KV cache. */
import { seenEnd } from '../attention/facts.wasm';
import { attentionOfInt16 } from '../attention/int16.wasm';
import { attention, attentionOfRun } from '../attention/wasm';
import { kvAppend, PAGE, pageBytes } from '../kv/wasm';
import * as L from './instructions';
import { floatOperand, operand, own, pagesOf, positionOf, rowAt, word, worker } from './worker.wasm';

/** A unit of work is a KV head of a row. */
export function appendOp(i: usize, workers: i32): void {
  const kvHeads = operand(i, 5);
  const dim = operand(i, 6);
  const valueDim = operand(i, 7);
  const valueBytes = word(L.CTL_KV_VALUE_BYTES);
  const bytes = <usize>pageBytes(kvHeads, dim, valueDim, valueBytes);
  const all = word(L.CTL_ROWS) * kvHeads;
  for (let u = worker; u < all; u += workers) {
    const m = u / kvHeads;
    const kvHead = u - m * kvHeads;
    const position = positionOf(m);
    const number = load<i32>(pagesOf(m) + <usize>((position / PAGE) << 2));
    const page = <usize>operand(i, 4) + <usize>number * bytes;
    const k = rowAt(i, 0, m) + <usize>((kvHead * dim) << 2);
    const v = rowAt(i, 2, m) + <usize>((kvHead * valueDim) << 2);
    kvAppend(page, position & (PAGE - 1), kvHead, dim, valueDim, k, v, valueBytes);
  }
}

/**
 * A run of rows of one sequence (a piece of a prompt) goes head by head, and a head's rows share every read of keys and
 * values; where a row is alone in its sequence, the heads of a KV head share them. Workers take even shares of the heads,
 * in turns the first or the last. Where attention is not causal, all rows of a sequence are in the step, and each sees up to
 * the last of them.
 */
export function attentionOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const heads = operand(i, 6);
  const shared = heads / operand(i, 7);
  let isOdd = false;
  for (let from = 0, to = 0; from < rows; from = to) {
    while (to < rows && to - from < L.ATTENTION_RUN && pagesOf(to) == pagesOf(from)) to++;
    let last = to - 1;
    if (operand(i, 12) == 0) while (last + 1 < rows && pagesOf(last + 1) == pagesOf(from)) last++;
    const place = isOdd ? workers - 1 - worker : worker;
    const end = heads * (place + 1) / workers;
    const isAlone = to - from == 1;
    for (let head = heads * place / workers; head < end; ) {
      // The heads that are left of this KV head, or this one.
      const some = isAlone ? min(min(end, head - (head % shared) + shared) - head, L.ATTENTION_RUN) : 1;
      if (isAlone) attendRun(i, from, head, some, last, true);
      else attendRun(i, from, head, to - from, last, false);
      head += some;
    }
    isOdd = !isOdd;
  }
}

/** `queries` heads of row m, or as many rows from m with one head each. `last` is the last row that the last one may see. */
function attendRun(i: usize, m: i32, head: i32, queries: i32, last: i32, isOfHeads: bool): void {
  const kvHeads = operand(i, 7);
  const dim = operand(i, 8);
  const valueDim = operand(i, 9);
  const kvHead = head / (operand(i, 6) / kvHeads);
  const folds = <usize>operand(i, 5);
  const layer = <usize>operand(i, 4);
  const scale = floatOperand(i, 10);
  const facts = <usize>operand(i, 11);
  const valueBytes = word(L.CTL_KV_VALUE_BYTES);
  const scratch = own(L.CTL_PRIVATE_SCRATCH);
  const q = rowAt(i, 0, m) + <usize>((head * dim) << 2);
  const out = rowAt(i, 2, m) + <usize>((head * valueDim) << 2);
  const qStep = isOfHeads ? dim << 2 : operand(i, 1);
  const outStep = isOfHeads ? valueDim << 2 : operand(i, 3);
  const positions = <usize>word(L.CTL_POSITIONS) + <usize>(m << 2);
  const positionStep = isOfHeads ? 0 : 4;
  const isCausal = operand(i, 12) != 0;
  const length = isCausal ? 0 : positionOf(last) + 1;
  if (valueBytes == 2 && folds == 0) {
    attentionOfInt16(
      q, qStep, positions, positionStep, length, out, outStep, queries,
      dim, valueDim, layer, pagesOf(m), kvHead, kvHeads, scale, facts, head, isOfHeads ? 1 : 0, scratch,
    );
    return;
  }
  if (queries > 1 && folds == 0 && facts == 0 && dim == valueDim && (dim & 15) == 0) {
    const ends = isCausal ? positions : <usize>word(L.CTL_POSITIONS) + <usize>(last << 2);
    attentionOfRun(
      q, qStep, ends, isCausal ? positionStep : 0, out, outStep, queries,
      dim, layer, pagesOf(m), kvHead, kvHeads, scale, scratch,
    );
    return;
  }
  for (let n = 0; n < queries; n++) {
    const position = load<i32>(positions + <usize>(n * positionStep));
    const seen = isCausal ? position + 1 : seenEnd(facts, position, length);
    attention(
      q + <usize>(n * qStep), dim, valueDim, layer, pagesOf(m), kvHead, kvHeads, seen, position, scale,
      out + <usize>(n * outStep), valueBytes, folds, facts, isOfHeads ? head + n : head, scratch,
    );
  }
}
