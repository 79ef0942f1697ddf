/** Ctrl-C: the first asks the work to stop, the second ends the process at once. */

/** Thrown when the user interrupted; the process exits with 130. */
export class Interrupted extends Error {}

export const INTERRUPTED_EXIT_CODE = 130;

/** Runs work that a SIGINT aborts through the signal. Rejects with {@link Interrupted} if that happened. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
    controller.abort(new Interrupted());
  };
  process.on('SIGINT', onInterrupt);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (thrown) {
    throw controller.signal.aborted ? new Interrupted() : thrown;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
