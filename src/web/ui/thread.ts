/** A worker of the page as an object to call, and what is said when it breaks. */
import { EngineError } from '../../core/errors.js';
import { connect, type Remote } from '../../runtime/link.js';

export interface Thread<T> {
  readonly api: Remote<T>;
  /** Rejects when the worker itself breaks, so that no call waits for ever. */
  readonly failed: Promise<never>;
}

/** Links to what `worker` exposes; `what` names it to people, `lost` is told before `failed` rejects. */
export function linkTo<T>(worker: Worker, what: string, lost: () => void): Thread<T> {
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', ({ message }) => {
      lost();
      // A script that cannot be fetched gives an event without a message.
      const given = message ? `the error "${message}"` : 'a script that does not load';
      const todo = 'Is the server still there? Reload the page.';
      reject(new EngineError({ what, given, expected: 'a running worker', todo }));
    });
  });
  failed.catch(() => undefined);
  return { api: connect<T>(worker), failed };
}
