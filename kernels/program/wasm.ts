/**
 * Runs a program image (instructions.ts): every worker executes the same list on its share of rows and heads, and meets
 * the others at barriers. One call per step; no JavaScript runs per op.
 */
import { appendOp, attentionOp } from './attend.wasm';
import { activationOp, addOp, argmaxOp, copyOp, normRunsOp, normToOp, ropeOp, scaleOp } from './elements.wasm';
import { expertLinearOp, mixOp, routeOp } from './experts.wasm';
import * as L from './instructions';
import { embeddingOp, matmulOp, normOp, quantizeOp } from './products.wasm';
import { convOp, linearAttentionOp, scanOp, shiftOp, wkvOp } from './states.wasm';
import { weighStreamsOp, writeStreamsOp } from './streams.wasm';
import { barrier, now, waitChange, wake } from './waits.wasm';
import { control, operand, word, worker } from './worker.wasm';

export { attach } from './worker.wasm';

/** Does what OP_VISIT says with the instance of another memory; 0 if the engine was aborted. */
@external("env", "visit")
declare function visit(memory: i32, image: i32, copies: i32, workers: i32): i32;

/** The leader's step with `workers` of the workers: runs the image as worker 0; 0 when all have finished, 1 if aborted. */
export function step(workers: i32): i32 {
  // A worker alone meets nobody at a barrier who could tell.
  if (atomic.load<i32>(control + (L.CTL_ABORT << 2)) != 0) return 1;
  if (workers > 1) {
    const epoch = control + (L.CTL_EPOCH << 2);
    atomic.store<i32>(epoch, (atomic.load<i32>(epoch) & ~L.EPOCH_WORKERS) + L.EPOCH_WORKERS + 1 + workers);
    wake(epoch);
  }
  return run(<usize>word(L.CTL_IMAGE), workers) ? 0 : 1;
}

/** A part of a step that another memory's image leads: 1 when all have finished, 0 if aborted. */
export function resume(image: usize, workers: i32): i32 {
  return run(image, workers) ? 1 : 0;
}

/** A helper's life: takes part in every step that is for it until the engine is aborted. `seen` is the first epoch. */
export function serve(seen: i32): void {
  const epoch = control + (L.CTL_EPOCH << 2);
  while (waitChange(epoch, seen, false)) {
    // Steps that went on without this worker may have passed; one that waits for it cannot.
    seen = atomic.load<i32>(epoch);
    const workers = seen & L.EPOCH_WORKERS;
    if (worker < workers && !run(<usize>word(L.CTL_IMAGE), workers)) return;
  }
}

function run(image: usize, workers: i32): bool {
  const isProfiled = worker == 0 && word(L.CTL_IS_PROFILED) != 0;
  let last: f64 = isProfiled ? now() : 0;
  for (let i = image; load<i32>(i) != L.OP_END; i += L.WORDS << 2) {
    switch (load<i32>(i)) {
      case L.OP_BARRIER:
        if (!barrier(workers)) return false;
        break;
      case L.OP_VISIT:
        if (visit(operand(i, 0), operand(i, 1), operand(i, 2), workers) == 0) return false;
        break;
      case L.OP_EMBEDDING:
        embeddingOp(i, workers);
        break;
      case L.OP_NORM:
        if (!normOp(i, workers)) return false;
        break;
      case L.OP_NORM_TO:
        normToOp(i, workers);
        break;
      case L.OP_NORM_RUNS:
        normRunsOp(i, workers);
        break;
      case L.OP_QUANTIZE:
        if (!quantizeOp(i, workers)) return false;
        break;
      case L.OP_MATMUL:
        matmulOp(i, workers);
        break;
      case L.OP_ADD:
        addOp(i, workers);
        break;
      case L.OP_ACTIVATION:
        activationOp(i, workers);
        break;
      case L.OP_SCALE:
        scaleOp(i, workers);
        break;
      case L.OP_COPY:
        copyOp(i, workers);
        break;
      case L.OP_ROPE:
        ropeOp(i, workers);
        break;
      case L.OP_APPEND:
        appendOp(i, workers);
        break;
      case L.OP_ATTENTION:
        attentionOp(i, workers);
        break;
      case L.OP_ROUTE:
        routeOp(i, workers);
        break;
      case L.OP_EXPERT_LINEAR:
        expertLinearOp(i, workers);
        break;
      case L.OP_MIX:
        mixOp(i, workers);
        break;
      case L.OP_WEIGH_STREAMS:
        weighStreamsOp(i, workers);
        break;
      case L.OP_WRITE_STREAMS:
        writeStreamsOp(i, workers);
        break;
      case L.OP_ARGMAX:
        argmaxOp(i, workers);
        break;
      case L.OP_CONV:
        convOp(i, workers);
        break;
      case L.OP_SHIFT:
        shiftOp(i, workers);
        break;
      case L.OP_SCAN:
        scanOp(i, workers);
        break;
      case L.OP_LINEAR_ATTENTION:
        linearAttentionOp(i, workers);
        break;
      case L.OP_WKV:
        wkvOp(i, workers);
        break;
      default:
        unreachable();
    }
    // What is done in another memory is timed there.
    if (isProfiled) last = load<i32>(i) == L.OP_VISIT ? now() : note(load<i32>(i), last);
  }
  // Nobody starts the next step, and the leader reads nothing, before all have finished this one.
  const isDone = barrier(workers);
  if (isProfiled) note(L.OP_BARRIER, last);
  return isDone;
}

/** Adds the time since `last` to an op's; returns the time. */
function note(op: i32, last: f64): f64 {
  const end = now();
  const at = control + <usize>((L.CTL_TIMES << 2) + (op << 3));
  store<f64>(at, load<f64>(at) + (end - last));
  return end;
}
