/**
 * What shapes scores beside q.k: windows, soft caps, sinks, ALiBi, queries that grow. Facts are words in memory, as
 * written by src/runtime/program/ops/attention.ts; who has none of them passes 0 and pays nothing.
 */
import { tanhF32x4 } from '../common/math.wasm';
import {
  FACT_ALIBI,
  FACT_CAP,
  FACT_SINKS,
  FACT_TEMPERATURE_LENGTH,
  FACT_TEMPERATURE_OFFSET,
  FACT_TEMPERATURE_SCALE,
  FACT_VALUES_IN_KEYS,
  FACT_WINDOW,
  FACT_WINDOW_SIZE,
  WINDOW_CHUNKED,
  WINDOW_SLIDING,
  WINDOW_SYMMETRIC,
} from './words';

@inline
function word(facts: usize, index: i32): i32 {
  return load<i32>(facts + <usize>(index << 2));
}

@inline
function float(facts: usize, index: i32): f32 {
  return load<f32>(facts + <usize>(index << 2));
}

/** Whether values are the first of each key. */
export function hasValuesInKeys(facts: usize): bool {
  return facts != 0 && word(facts, FACT_VALUES_IN_KEYS) != 0;
}

/** The first position that `position` sees. */
export function firstSeen(facts: usize, position: i32): i32 {
  const window = word(facts, FACT_WINDOW);
  const size = word(facts, FACT_WINDOW_SIZE);
  if (window == WINDOW_SLIDING) return max(0, position - size + 1);
  if (window == WINDOW_SYMMETRIC) return max(0, position - size / 2);
  return window == WINDOW_CHUNKED ? position - (position % size) : 0;
}

/** The end of the positions that `position` sees of `length`, where it sees later ones. */
export function seenEnd(facts: usize, position: i32, length: i32): i32 {
  if (facts == 0 || word(facts, FACT_WINDOW) != WINDOW_SYMMETRIC) return length;
  return min(length, position + word(facts, FACT_WINDOW_SIZE) / 2 + 1);
}

/** What multiplies the query at a position: 1 + scale ln(floor((position + offset) / length) + 1). */
export function scaleAt(facts: usize, position: i32): f32 {
  const length = word(facts, FACT_TEMPERATURE_LENGTH);
  if (length == 0) return 1;
  const steps = NativeMath.floor((<f64>position + <f64>float(facts, FACT_TEMPERATURE_OFFSET)) / <f64>length);
  return <f32>(1 + <f64>float(facts, FACT_TEMPERATURE_SCALE) * NativeMath.log(steps + 1));
}

/** Puts the head's sink where the scores are; false if there is none. */
export function sinkOf(facts: usize, head: i32, scores: usize): bool {
  const sinks = <usize>word(facts, FACT_SINKS);
  if (sinks == 0) return false;
  store<f32>(scores, load<f32>(sinks + <usize>(head << 2)));
  return true;
}

/** Scores of the positions from `start` on as `position` sees them: capped, the farther the less, unseen ones -Infinity. */
export function adjustScores(scores: usize, start: i32, count: i32, facts: usize, head: i32, position: i32): void {
  const cap = float(facts, FACT_CAP);
  if (cap != 0) {
    const caps = f32x4.splat(cap);
    for (let p = scores; p < scores + <usize>(count << 2); p += 16) {
      v128.store(p, f32x4.mul(caps, tanhF32x4(f32x4.div(v128.load(p), caps))));
    }
  }
  const slopes = <usize>word(facts, FACT_ALIBI);
  if (slopes != 0) {
    const slope = load<f32>(slopes + <usize>(head << 2));
    for (let p = 0; p < count; p++) {
      const at = scores + <usize>(p << 2);
      store<f32>(at, load<f32>(at) - slope * <f32>abs(position - start - p));
    }
  }
  const unseen = firstSeen(facts, position) - start;
  for (let p = 0; p < min(unseen, count); p++) store<f32>(scores + <usize>(p << 2), -Infinity);
}
