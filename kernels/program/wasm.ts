/**
 * Runs a program image (layout.ts): every worker executes the same list on its share of rows and heads, and meets
 * the others at barriers. One call per step; no JavaScript runs per op.
 */
import { argmax } from '../argmax/wasm';
import { attention, attentionOfTwo, kvAppend, PAGE, pageBytes } from '../attention/wasm';
import { embedding } from '../embedding/wasm';
import { matmul } from '../matmul/wasm';
import { quantize } from '../quantize/wasm';
import { residual } from '../residual/wasm';
import { rmsnorm } from '../rmsnorm/wasm';
import { rope } from '../rope/wasm';
import { swiglu } from '../swiglu/wasm';
import { Q4_0, Q8_0 } from '../types';
import * as L from './layout';

/** The control block's address; set once per instance. */
let control: usize = 0;
let worker: i32 = 0;

@inline
function word(index: i32): i32 {
  return load<i32>(control + <usize>(index << 2));
}

@inline
function operand(instruction: usize, index: i32): i32 {
  return load<i32>(instruction + <usize>((index + 1) << 2));
}

/** Which block this instance works for, and as which worker. */
export function attach(controlBlock: usize, workerIndex: i32): void {
  control = controlBlock;
  worker = workerIndex;
}

/** Milliseconds of a steady clock. */
@external("env", "now")
declare function now(): f64;

/** How often this worker polls before it sleeps; see waitChange. */
let polls: i32 = 0;

/** Waits longer than this were not for a worker at work but for one that had no core. */
const LONG_WAIT_MS: f64 = 0.5;

/**
 * Waits until the i32 at `ptr` is not `seen`: polls for a while, then sleeps. False if the engine was aborted.
 *
 * Sleeping and waking takes longer than most waits, so polling pays, but not while the worker that is waited for needs
 * this very core. So a sleep that turns out short doubles the polls, up to CTL_POLLS_MOST, a long one halves them.
 */
function waitChange(ptr: usize, seen: i32): bool {
  const least = word(L.CTL_POLLS_LEAST);
  const most = word(L.CTL_POLLS_MOST);
  polls = max(least, min(most, polls));
  for (let i = 0; i < polls; i++) {
    if (atomic.load<i32>(ptr) != seen) return true;
  }
  const start = now();
  atomic.add<i32>(control + (L.CTL_SLEEPERS << 2), 1);
  while (atomic.load<i32>(ptr) == seen && atomic.load<i32>(control + (L.CTL_ABORT << 2)) == 0) {
    // The time-out only bounds how late an abort is noticed.
    atomic.wait<i32>(ptr, seen, 100_000_000);
  }
  atomic.sub<i32>(control + (L.CTL_SLEEPERS << 2), 1);
  polls = now() - start < LONG_WAIT_MS ? polls << 1 : polls >> 1;
  return atomic.load<i32>(control + (L.CTL_ABORT << 2)) == 0;
}

/** Changes the i32 at `ptr` and wakes who sleeps on it; the sleepers' count saves the call when nobody does. */
@inline
function change(ptr: usize): void {
  atomic.add<i32>(ptr, 1);
  if (atomic.load<i32>(control + (L.CTL_SLEEPERS << 2)) != 0) atomic.notify(ptr, -1);
}

function barrier(workers: i32): bool {
  if (workers == 1) return true;
  const generation = control + (L.CTL_BARRIER_GENERATION << 2);
  const seen = atomic.load<i32>(generation);
  if (atomic.add<i32>(control + (L.CTL_BARRIER_COUNT << 2), 1) + 1 == workers) {
    atomic.store<i32>(control + (L.CTL_BARRIER_COUNT << 2), 0);
    change(generation);
    return true;
  }
  return waitChange(generation, seen);
}

/** The leader's step: wakes the workers, runs the image as worker 0; 0 when all have finished, 1 if aborted. */
export function step(): i32 {
  // A worker alone meets nobody at a barrier who could tell.
  if (atomic.load<i32>(control + (L.CTL_ABORT << 2)) != 0) return 1;
  change(control + (L.CTL_EPOCH << 2));
  return run() ? 0 : 1;
}

/** A helper's life: runs every step until the engine is aborted. `seen` is the epoch when the helper was made. */
export function serve(seen: i32): void {
  const epoch = control + (L.CTL_EPOCH << 2);
  while (waitChange(epoch, seen)) {
    seen++;
    if (!run()) return;
  }
}

function run(): bool {
  const workers = word(L.CTL_WORKERS);
  for (let i = <usize>word(L.CTL_IMAGE); load<i32>(i) != L.OP_END; i += L.WORDS << 2) {
    switch (load<i32>(i)) {
      case L.OP_BARRIER:
        if (!barrier(workers)) return false;
        break;
      case L.OP_EMBEDDING:
        embeddingOp(i, workers);
        break;
      case L.OP_RMSNORM:
        if (!rmsnormOp(i, workers)) return false;
        break;
      case L.OP_QUANTIZE:
        if (!quantizeOp(i, workers)) return false;
        break;
      case L.OP_MATMUL:
        matmulOp(i, workers);
        break;
      case L.OP_RESIDUAL:
      case L.OP_SWIGLU:
        elementwiseOp(i, workers);
        break;
      case L.OP_ROPE_APPEND:
        ropeAppendOp(i, workers);
        break;
      case L.OP_ATTENTION:
        attentionOp(i, workers);
        break;
      case L.OP_ARGMAX:
        argmaxOp(i, workers);
        break;
      default:
        unreachable();
    }
  }
  // Nobody starts the next step, and the leader reads nothing, before all have finished this one.
  return barrier(workers);
}

@inline
function rowsOf(selector: i32): i32 {
  return word(selector == L.ROWS_ALL ? L.CTL_ROWS : L.CTL_LOGIT_ROWS);
}

@inline
function own(offsetWord: i32): usize {
  return <usize>word(L.CTL_PRIVATE) + <usize>worker * <usize>word(L.CTL_PRIVATE_STRIDE) + <usize>word(offsetWord);
}

@inline
function ownAct(): usize {
  return <usize>word(L.CTL_PRIVATE) + <usize>worker * <usize>word(L.CTL_PRIVATE_STRIDE);
}

/** First of the groups of eight output rows that belong to worker w. */
@inline
function share(outRows: i32, w: i32, workers: i32): i32 {
  return <i32>((<i64>((outRows + 7) >> 3) * w) / workers);
}

function embeddingOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const tokens = <usize>word(L.CTL_TOKENS);
  for (let m = worker; m < rows; m += workers) {
    const x = <usize>operand(i, 3) + <usize>(m * operand(i, 4));
    embedding(operand(i, 1), <usize>operand(i, 0), load<i32>(tokens + <usize>(m << 2)), operand(i, 2), x);
  }
}

/**
 * One row: every worker makes its own copy, which is cheaper than a barrier. Several rows: each worker makes some
 * of them in shared memory, then all meet.
 */
function rmsnormOp(i: usize, workers: i32): bool {
  const selector = operand(i, 6);
  const rows = rowsOf(selector);
  const columns = operand(i, 3);
  const eps = reinterpret<f32>(operand(i, 4));
  const alone = rows == 1;
  for (let m = alone ? 0 : worker; m < rows; m += alone ? 1 : workers) {
    const row = selector == L.ROWS_ALL ? m : load<i32>(<usize>word(L.CTL_LOGIT_INDEX) + <usize>(m << 2));
    const x = <usize>operand(i, 0) + <usize>(row * operand(i, 1));
    const act = alone ? ownAct() : <usize>word(L.CTL_ACT) + <usize>(m * word(L.CTL_ACT_STRIDE));
    rmsnorm(x, <usize>operand(i, 2), act, columns, eps, <usize>operand(i, 5), own(L.CTL_PRIVATE_SCRATCH));
    if (operand(i, 7)) quantize(act, columns, actq(alone, m));
  }
  return rows <= 1 || barrier(workers);
}

@inline
function actq(alone: bool, m: i32): usize {
  return alone ? own(L.CTL_PRIVATE_ACTQ) : <usize>word(L.CTL_ACTQ) + <usize>(m * word(L.CTL_ACTQ_STRIDE));
}

function quantizeOp(i: usize, workers: i32): bool {
  const rows = rowsOf(operand(i, 3));
  const alone = rows == 1;
  for (let m = alone ? 0 : worker; m < rows; m += alone ? 1 : workers) {
    quantize(<usize>operand(i, 0) + <usize>(m * operand(i, 1)), operand(i, 2), actq(alone, m));
  }
  return rows <= 1 || barrier(workers);
}

function matmulOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 9));
  if (rows == 0) return;
  const type = operand(i, 0);
  const alone = rows == 1;
  let x: usize;
  let xStride: i32;
  if (type == Q8_0 || type == Q4_0) {
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
  matmul(
    type,
    <usize>operand(i, 1),
    share(outRows, worker, workers),
    share(outRows, worker + 1, workers),
    operand(i, 3),
    x,
    xStride,
    rows,
    <usize>operand(i, 6),
    operand(i, 7),
    <usize>operand(i, 8),
    own(L.CTL_PRIVATE_SCRATCH),
  );
}

/** Residual and SwiGLU touch only rows that this worker computed itself: no barrier before them. */
function elementwiseOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 5));
  const outRows = operand(i, 4);
  const from = share(outRows, worker, workers) << 3;
  const n = min(outRows, share(outRows, worker + 1, workers) << 3) - from;
  if (n <= 0) return;
  for (let m = 0; m < rows; m++) {
    const a = <usize>operand(i, 0) + <usize>(m * operand(i, 1)) + <usize>(from << 2);
    const b = <usize>operand(i, 2) + <usize>(m * operand(i, 3)) + <usize>(from << 2);
    if (load<i32>(i) == L.OP_RESIDUAL) residual(a, b, n);
    else swiglu(a, b, n);
  }
}

/** The page that holds `position` of batch row m, in a layer's pages. */
@inline
function pageOf(layer: usize, m: i32, position: i32): usize {
  const pages = <usize>load<i32>(<usize>word(L.CTL_PAGES) + <usize>(m << 2));
  const bytes = pageBytes(word(L.CTL_KV_HEADS), word(L.CTL_HEAD_DIM), word(L.CTL_KV_VALUE_BYTES));
  return layer + <usize>load<i32>(pages + <usize>((position / PAGE) << 2)) * <usize>bytes;
}

function ropeAppendOp(i: usize, workers: i32): void {
  const heads = word(L.CTL_HEADS);
  const kvHeads = word(L.CTL_KV_HEADS);
  const dim = word(L.CTL_HEAD_DIM);
  const units = heads + kvHeads;
  const all = word(L.CTL_ROWS) * units;
  for (let u = worker; u < all; u += workers) {
    const m = u / units;
    const head = u - m * units;
    const position = load<i32>(<usize>word(L.CTL_POSITIONS) + <usize>(m << 2));
    const angles = <usize>operand(i, 7) + <usize>position * <usize>(dim << 2);
    if (head < heads) {
      rope(<usize>operand(i, 0) + <usize>(m * operand(i, 1)) + <usize>(head * dim << 2), dim, angles);
    } else {
      const kvHead = head - heads;
      const offset = <usize>(kvHead * dim << 2);
      const k = <usize>operand(i, 2) + <usize>(m * operand(i, 3)) + offset;
      const v = <usize>operand(i, 4) + <usize>(m * operand(i, 5)) + offset;
      rope(k, dim, angles);
      const page = pageOf(<usize>operand(i, 6), m, position);
      kvAppend(page, position & (PAGE - 1), kvHead, kvHeads, dim, k, v, word(L.CTL_KV_VALUE_BYTES));
    }
  }
}

/**
 * Units of work are pairs of queries that share their keys: two rows of a prompt, or two heads of a KV head for a row
 * that is alone in its sequence; what finds no partner goes alone.
 */
function attentionOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const heads = word(L.CTL_HEADS);
  const shared = heads / word(L.CTL_KV_HEADS);
  const rowStep = rows > 1 ? 2 : 1;
  const headStep = rows == 1 && (shared & 1) == 0 ? 2 : 1;
  const perRow = heads / headStep;
  const all = ((rows + rowStep - 1) / rowStep) * perRow;
  for (let u = worker; u < all; u += workers) {
    const m = (u / perRow) * rowStep;
    const head = (u % perRow) * headStep;
    if (headStep == 2) attendPair(i, m, head, m, head + 1);
    else if (m + 1 < rows && pagesOf(m) == pagesOf(m + 1)) attendPair(i, m, head, m + 1, head);
    else {
      attendHead(i, m, head, shared);
      if (m + 1 < rows) attendHead(i, m + 1, head, shared);
    }
  }
}

/** A head of a row with no partner row: together with the next head if both have the same keys, else alone. */
@inline
function attendHead(i: usize, m: i32, head: i32, shared: i32): void {
  if ((shared & 1) != 0) attendOne(i, m, head);
  else if ((head & 1) == 0) attendPair(i, m, head, m, head + 1);
}

@inline
function pagesOf(m: i32): usize {
  return <usize>load<i32>(<usize>word(L.CTL_PAGES) + <usize>(m << 2));
}

@inline
function lengthOf(m: i32): i32 {
  return load<i32>(<usize>word(L.CTL_POSITIONS) + <usize>(m << 2)) + 1;
}

/** Where row m of the buffer at operand `index` keeps a head. */
@inline
function headOf(i: usize, index: i32, m: i32, head: i32): usize {
  return <usize>operand(i, index) + <usize>(m * operand(i, index + 1)) + <usize>(head * word(L.CTL_HEAD_DIM) << 2);
}

function attendPair(i: usize, m0: i32, head0: i32, m1: i32, head1: i32): void {
  const dim = word(L.CTL_HEAD_DIM);
  if (operand(i, 5) != 0 || (dim & 15) != 0) {
    attendOne(i, m0, head0);
    attendOne(i, m1, head1);
    return;
  }
  const kvHeads = word(L.CTL_KV_HEADS);
  const scores = own(L.CTL_PRIVATE_SCORES);
  attentionOfTwo(
    headOf(i, 0, m0, head0),
    headOf(i, 0, m1, head1),
    dim,
    <usize>operand(i, 4),
    pagesOf(m0),
    head0 / (word(L.CTL_HEADS) / kvHeads),
    kvHeads,
    lengthOf(m0),
    lengthOf(m1),
    reinterpret<f32>(word(L.CTL_ATTENTION_SCALE)),
    headOf(i, 2, m0, head0),
    headOf(i, 2, m1, head1),
    word(L.CTL_KV_VALUE_BYTES),
    scores,
    scores + <usize>word(L.CTL_PRIVATE_SCORES_BYTES),
  );
}

function attendOne(i: usize, m: i32, head: i32): void {
  const kvHeads = word(L.CTL_KV_HEADS);
  attention(
    headOf(i, 0, m, head),
    word(L.CTL_HEAD_DIM),
    <usize>operand(i, 4),
    pagesOf(m),
    head / (word(L.CTL_HEADS) / kvHeads),
    kvHeads,
    lengthOf(m),
    reinterpret<f32>(word(L.CTL_ATTENTION_SCALE)),
    headOf(i, 2, m, head),
    word(L.CTL_KV_VALUE_BYTES),
    own(L.CTL_PRIVATE_SCORES),
    <usize>operand(i, 5),
    own(L.CTL_PRIVATE_SCRATCH),
  );
}

/** Each worker finds the best of its own rows of the vocabulary; the leader compares the workers' bests. */
function argmaxOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_LOGIT_ROWS);
  const vocabulary = operand(i, 2);
  const from = share(vocabulary, worker, workers) << 3;
  const n = min(vocabulary, share(vocabulary, worker + 1, workers) << 3) - from;
  for (let m = 0; m < rows; m++) {
    const logits = <usize>operand(i, 0) + <usize>(m * operand(i, 1)) + <usize>(from << 2);
    const best = n > 0 ? from + argmax(logits, n) : -1;
    store<i32>(<usize>word(L.CTL_ARGMAX) + <usize>((m * workers + worker) << 2), best);
  }
}
