/** Files that are either as before or whole: written beside their place, then renamed to it. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { FormatError, messageOf } from '../../core/errors.js';

/**
 * Replaces a file.
 *
 * @throws FormatError when it cannot be written; what was there before is then untouched
 */
export function writeWhole(path: string, text: string): void {
  const part = `${path}.${process.pid}.part`;
  try {
    const descriptor = openSync(part, 'w');
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw new FormatError(
      {
        what: path,
        given: messageOf(error),
        expected: 'a file that can be written',
        todo: 'Free space or pass another path; an earlier file there is as it was.',
      },
      { cause: error },
    );
  }
}
