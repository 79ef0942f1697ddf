/** Files that are either whole or as they were. */
import { lstat, open, realpath, rename, rm } from 'node:fs/promises';
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
 * Writes a file through a temporary one beside it: what was there stays until the new one is whole.
 *
 * @throws WriteError, and the old file is as it was
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const target = await replaceable(path);
  const aside = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  try {
    const file = await open(aside, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, target);
  } catch (thrown) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw writeError(path, thrown, 'room for the new file; the old one is as it was');
  }
}

/** Why a file cannot be written. */
export function writeError(
  path: string,
  thrown: unknown,
  expected = 'a file that can be written',
): WriteError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const [given, todo] = reasons[code] ?? [messageOf(thrown), 'Choose another path.'];
  return new WriteError({ what: path, given, expected, todo }, { cause: thrown });
}

/**
 * The file that a new one may take the place of: `path`, or what it links to.
 *
 * @throws WriteError where something else than a file is there, such as a pipe or a device, which a new file would end
 */
export async function replaceable(path: string): Promise<string> {
  const known = await lstat(path).catch(() => null);
  if (known === null || known.isFile() || known.isDirectory()) return path;
  const linked = known.isSymbolicLink() ? await realpath(path).catch(() => null) : null;
  if (linked !== null) return replaceable(linked);
  throw new WriteError({
    what: path,
    given: known.isSymbolicLink() ? 'a link that leads nowhere' : 'a pipe, a socket or a device',
    expected: 'a regular file, or a name that is free',
    todo: 'Write to another path, and send that file on.',
  });
}
