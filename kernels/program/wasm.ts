/**
 * Runs a program image (layout.ts): every worker executes the same list on its share of rows and heads, and meets
 * the others at barriers. One call per step; no JavaScript runs per op.
 */
import { argmax } from '../argmax/wasm';
import { attention, attentionOfRun } from '../attention/wasm';
import { embedding } from '../embedding/wasm';
import { kvAppend, PAGE, pageBytes } from '../kv/wasm';
import { matmul } from '../matmul/wasm';
import { quantize } from '../quantize/wasm';
import { residual } from '../residual/wasm';
import { rmsnorm } from '../rmsnorm/wasm';
import { rope } from '../rope/wasm';
import { swiglu } from '../swiglu/wasm';
import { Q4_0, Q8_0 } from '../types';
import * as L from './instructions';

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
 * this very core. So a sleep that turns out short doubles the polls, up to CTL_POLLS_MOST, a long one halves them; long
 * waits within a step are added up, since they tell the leader that there may be a worker too many.
 */
function waitChange(ptr: usize, seen: i32, isWithinStep: bool): bool {
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
  const waited = now() - start;
  const isLong = waited >= LONG_WAIT_MS;
  polls = isLong ? polls >> 1 : polls << 1;
  if (isLong && isWithinStep) atomic.add<i32>(control + (L.CTL_LONG_WAITS_US << 2), <i32>(waited * 1000));
  return atomic.load<i32>(control + (L.CTL_ABORT << 2)) == 0;
}

/** Wakes who sleeps on the i32 at `ptr`, which has changed; the sleepers' count saves the call when nobody does. */
@inline
function wake(ptr: usize): void {
  if (atomic.load<i32>(control + (L.CTL_SLEEPERS << 2)) != 0) atomic.notify(ptr, -1);
}

function barrier(workers: i32): bool {
  if (workers == 1) return true;
  const generation = control + (L.CTL_BARRIER_GENERATION << 2);
  const seen = atomic.load<i32>(generation);
  if (atomic.add<i32>(control + (L.CTL_BARRIER_COUNT << 2), 1) + 1 == workers) {
    atomic.store<i32>(control + (L.CTL_BARRIER_COUNT << 2), 0);
    atomic.add<i32>(generation, 1);
    wake(generation);
    return true;
  }
  return waitChange(generation, seen, true);
}

/** The leader's step with `workers` of the workers: runs the image as worker 0; 0 when all have finished, 1 if aborted. */
export function step(workers: i32): i32 {
  // A worker alone meets nobody at a barrier who could tell.
  if (atomic.load<i32>(control + (L.CTL_ABORT << 2)) != 0) return 1;
  if (workers > 1) {
    const epoch = control + (L.CTL_EPOCH << 2);
    atomic.store<i32>(epoch, (atomic.load<i32>(epoch) & ~L.EPOCH_WORKERS) + L.EPOCH_WORKERS + 1 + workers);
    wake(epoch);
  }
  return run(workers) ? 0 : 1;
}

/** A helper's life: takes part in every step that is for it until the engine is aborted. `seen` is the first epoch. */
export function serve(seen: i32): void {
  const epoch = control + (L.CTL_EPOCH << 2);
  while (waitChange(epoch, seen, false)) {
    // Steps that went on without this worker may have passed; one that waits for it cannot.
    seen = atomic.load<i32>(epoch);
    const workers = seen & L.EPOCH_WORKERS;
    if (worker < workers && !run(workers)) return;
  }
}

function run(workers: i32): bool {
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
 * A unit of work is a head of a run of rows of one sequence (a piece of a prompt), which share every read of keys and
 * values. A row that is alone in its sequence shares them between the heads of a KV head: all of them where a batch has
 * rows for every worker, else two where they come in twos, so that workers get even shares.
 */
function attentionOp(i: usize, workers: i32): void {
  const rows = word(L.CTL_ROWS);
  const heads = word(L.CTL_HEADS);
  const shared = heads / word(L.CTL_KV_HEADS);
  const few = rows > workers && shared <= L.ATTENTION_RUN ? shared : 2 - (shared & 1);
  let unit = 0;
  for (let from = 0, to = 0; from < rows; from = to) {
    while (to < rows && to - from < L.ATTENTION_RUN && pagesOf(to) == pagesOf(from)) to++;
    const isAlone = to - from == 1;
    const step = isAlone ? few : 1;
    for (let head = 0; head < heads; head += step, unit++) {
      if (unit % workers != worker) continue;
      if (isAlone) attendRun(i, from, head, step, true);
      else attendRun(i, from, head, to - from, false);
    }
  }
}

@inline
function pagesOf(m: i32): usize {
  return <usize>load<i32>(<usize>word(L.CTL_PAGES) + <usize>(m << 2));
}

/** Where row m of the buffer at operand `index` keeps a head. */
@inline
function headOf(i: usize, index: i32, m: i32, head: i32): usize {
  return <usize>operand(i, index) + <usize>(m * operand(i, index + 1)) + <usize>(head * word(L.CTL_HEAD_DIM) << 2);
}

/** `queries` heads of row m, or as many rows from m with one head each. */
function attendRun(i: usize, m: i32, head: i32, queries: i32, isOfHeads: bool): void {
  const dim = word(L.CTL_HEAD_DIM);
  const kvHeads = word(L.CTL_KV_HEADS);
  const kvHead = head / (word(L.CTL_HEADS) / kvHeads);
  const folds = <usize>operand(i, 5);
  const layer = <usize>operand(i, 4);
  const scale = reinterpret<f32>(word(L.CTL_ATTENTION_SCALE));
  const valueBytes = word(L.CTL_KV_VALUE_BYTES);
  const scratch = own(L.CTL_PRIVATE_SCRATCH);
  const q = headOf(i, 0, m, head);
  const out = headOf(i, 2, m, head);
  const qStep = isOfHeads ? dim << 2 : operand(i, 1);
  const outStep = isOfHeads ? dim << 2 : operand(i, 3);
  const positions = <usize>word(L.CTL_POSITIONS) + <usize>(m << 2);
  const positionStep = isOfHeads ? 0 : 4;
  if (queries > 1 && folds == 0 && (dim & 15) == 0) {
    attentionOfRun(
      q, qStep, positions, positionStep, out, outStep, queries,
      dim, layer, pagesOf(m), kvHead, kvHeads, scale, valueBytes, scratch,
    );
    return;
  }
  for (let n = 0; n < queries; n++) {
    const length = load<i32>(positions + <usize>(n * positionStep)) + 1;
    attention(
      q + <usize>(n * qStep), dim, layer, pagesOf(m), kvHead, kvHeads, length, scale,
      out + <usize>(n * outStep), valueBytes, folds, scratch,
    );
  }
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
