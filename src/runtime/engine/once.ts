/** Pieces that come as they are made cannot come again: who reads a result twice is told, and does not get an empty one. */
import { OptionError } from '../../core/errors.js';

/** The same pieces to the first reader. @throws OptionError to any later one */
export function readOnce<T>(pieces: AsyncIterable<T>): AsyncIterable<T> {
  let isTaken = false;
  return {
    [Symbol.asyncIterator]() {
      if (isTaken) {
        throw new OptionError({
          what: 'result of a generation',
          given: 'a second reader',
          expected: 'one, since its pieces are not kept',
          todo: 'Keep what you need of the pieces; the last one has the whole text and its ids.',
        });
      }
      isTaken = true;
      return pieces[Symbol.asyncIterator]();
    },
  };
}
