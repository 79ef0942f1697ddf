/** How workers wait for each other: polling first, then asleep. */
import * as L from './instructions';
import { control, word } from './worker.wasm';

/** Milliseconds of a steady clock. */
@external("env", "now")
export declare function now(): f64;

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
export function waitChange(ptr: usize, seen: i32, isWithinStep: bool): bool {
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
export function wake(ptr: usize): void {
  if (atomic.load<i32>(control + (L.CTL_SLEEPERS << 2)) != 0) atomic.notify(ptr, -1);
}

/** All workers meet; false if the engine was aborted. */
export function barrier(workers: i32): bool {
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
