/** Gives the memory of an engine back at once: a process that rests collects nothing, and shared memory weighs little to V8. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

export function reclaim(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('gc');
    collect = typeof found === 'function' ? (found as () => void) : () => undefined;
  }
  collect();
}
