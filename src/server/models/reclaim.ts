/**
 * Gives the memory of an engine that was closed back. A process that rests collects nothing, and shared memory weighs
 * little to V8; what leads to the engine, such as the ends of its message ports, is itself let go of step by step.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const TRIES = 40;
const BETWEEN_MS = 250;

let collect: (() => void) | null = null;

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  return typeof found === 'function' ? (found as () => void) : () => undefined;
}

/** Collects until the engine is gone and its memory after it, or for some seconds. */
export function reclaim(engine: WeakRef<object>): void {
  collect ??= collector();
  let left = TRIES;
  const step = (): void => {
    // Before the look at it, which keeps it alive for the rest of this turn.
    collect!();
    left--;
    if (left === 0) return;
    const isGone = engine.deref() === undefined;
    // Memory of WebAssembly goes in the collection after that of the object which had it.
    if (isGone) left = Math.min(left, 1);
    setTimeout(step, BETWEEN_MS).unref();
  };
  setTimeout(step, 0).unref();
}
