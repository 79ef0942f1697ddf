/** The side of a helper that runs on its thread: each message is answered with a result or with why there is none. */
import { parentPort } from 'node:worker_threads';
import { failureOf, type PackedError, packError } from '../../runtime/failure.js';

export type HelperAnswer<T> = { readonly done: T } | { readonly failure: PackedError };

/** Answers every message with what `work` makes of it. */
export function answer<Ask, Done>(work: (ask: Ask) => Done): void {
  parentPort?.on('message', (ask: Ask) => parentPort?.postMessage(answerTo(() => work(ask))));
}

function answerTo<Done>(work: () => Done): HelperAnswer<Done> {
  try {
    return { done: work() };
  } catch (fault) {
    return { failure: packError(failureOf(fault)) };
  }
}
