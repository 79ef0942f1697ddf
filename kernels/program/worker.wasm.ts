/** What every instruction's code asks: the control block, the instruction's operands, and which share is this worker's. */
import * as L from './instructions';

/** The control block's address; set once per instance. */
export let control: usize = 0;
export let worker: i32 = 0;

/** Which block this instance works for, and as which worker. */
export function attach(controlBlock: usize, workerIndex: i32): void {
  control = controlBlock;
  worker = workerIndex;
}

@inline
export function word(index: i32): i32 {
  return load<i32>(control + <usize>(index << 2));
}

@inline
export function operand(instruction: usize, index: i32): i32 {
  return load<i32>(instruction + <usize>((index + 1) << 2));
}

@inline
export function floatOperand(instruction: usize, index: i32): f32 {
  return load<f32>(instruction + <usize>((index + 1) << 2));
}

/** Row m of the buffer at operands [index] and its stride behind it. */
@inline
export function rowAt(instruction: usize, index: i32, m: i32): usize {
  return <usize>operand(instruction, index) + <usize>(m * operand(instruction, index + 1));
}

@inline
export function rowsOf(selector: i32): i32 {
  return word(selector == L.ROWS_ALL ? L.CTL_ROWS : L.CTL_LOGIT_ROWS);
}

/** The row of the input that row m of the output is made of. */
@inline
export function sourceRow(selector: i32, m: i32): i32 {
  return selector == L.ROWS_PICKED ? load<i32>(<usize>word(L.CTL_LOGIT_INDEX) + <usize>(m << 2)) : m;
}

@inline
export function own(offsetWord: i32): usize {
  return <usize>word(L.CTL_PRIVATE) + <usize>worker * <usize>word(L.CTL_PRIVATE_STRIDE) + <usize>word(offsetWord);
}

@inline
export function ownAct(): usize {
  return <usize>word(L.CTL_PRIVATE) + <usize>worker * <usize>word(L.CTL_PRIVATE_STRIDE);
}

@inline
export function actq(alone: bool, m: i32): usize {
  return alone ? own(L.CTL_PRIVATE_ACTQ) : <usize>word(L.CTL_ACTQ) + <usize>(m * word(L.CTL_ACTQ_STRIDE));
}

/** First of the groups of eight features that belong to worker w. */
@inline
export function share(features: i32, w: i32, workers: i32): i32 {
  return <i32>((<i64>((features + 7) >> 3) * w) / workers);
}

/** First of this worker's features, and the end. */
@inline
export function shareFrom(features: i32, workers: i32): i32 {
  return share(features, worker, workers) << 3;
}

@inline
export function shareTo(features: i32, workers: i32): i32 {
  return min(features, share(features, worker + 1, workers) << 3);
}

@inline
export function positionOf(m: i32): i32 {
  return load<i32>(<usize>word(L.CTL_POSITIONS) + <usize>(m << 2));
}

/** The address of row m's sequence's page numbers. */
@inline
export function pagesOf(m: i32): usize {
  return <usize>load<i32>(<usize>word(L.CTL_PAGES) + <usize>(m << 2));
}
