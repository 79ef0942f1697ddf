/** Files that are either whole or as they were. */
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, WaferflowError } from '../../core/errors.js';

/** A file that could not be written. */
export class WriteError extends WaferflowError {}

const reasons: Readonly<Record<string, readonly [given: string, todo: string]>> = {
  ENOSPC: ['a full disk', 'Make room on the disk, or write to another one.'],
  EDQUOT: ['a used-up quota', 'Make room, or write to another disk.'],
  ENOENT: ['no such directory', 'Make the directory first.'],
  ENOTDIR: ['no such directory', 'Make the directory first.'],
  EACCES: ['permission denied', 'Choose a directory that this user may write to.'],
  EPERM: ['permission denied', 'Choose a directory that this user may write to.'],
  EROFS: ['a read-only disk', 'Write to another disk.'],
  EISDIR: ['a directory', 'Give the path of a file.'],
};

/**
 * Writes a text file through a temporary one beside it: what was there stays until the new one is whole.
 *
 * @throws WriteError, and the old file is as it was
 */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    const file = await open(aside, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (thrown) {
    await rm(aside, { force: true }).catch(() => undefined);
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    const [given, todo] = reasons[code] ?? [messageOf(thrown), 'Choose another path.'];
    const facts = { what: path, given, expected: 'room for the new file; the old one is as it was', todo };
    throw new WriteError(facts, { cause: thrown });
  }
}
