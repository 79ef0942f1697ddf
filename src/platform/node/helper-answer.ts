/** The side of a helper that runs on its thread: each message is answered with a result or with why there is none. */
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { failureOf, type PackedError, packError } from '../../runtime/failure.js';

export type HelperAnswer<T> = { readonly done: T } | { readonly failure: PackedError };

/** Answers every message with what `work` makes of it, when those who step and serve have had theirs. */
export function answer<Ask, Done>(work: (ask: Ask) => Done): void {
  // Elsewhere than on Linux a thread has no priority of its own: it would be that of all.
  if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);
  parentPort?.on('message', (ask: Ask) => parentPort?.postMessage(answerTo(() => work(ask))));
}

function answerTo<Done>(work: () => Done): HelperAnswer<Done> {
  try {
    return { done: work() };
  } catch (fault) {
    return { failure: packError(failureOf(fault)) };
  }
}
