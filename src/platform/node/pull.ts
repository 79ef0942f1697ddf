/** Fetches a model file from the hub to disk: resumable, checked, and visible under its name only when whole. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { chooseFile } from '../hub/choose.js';
import {
  type HubAccess,
  HubError,
  type HubFileInfo,
  hubFileBody,
  hubFileInfo,
  hubFiles,
  hubUrl,
} from '../hub/files.js';
import type { ModelReference } from '../hub/reference.js';
import { withLock } from './lock.js';
import { removeEmptyFolders, URL_FOLDER } from './models.js';

export interface PullOptions extends HubAccess {
  /** Where models are kept; a file of the hub goes to `directory/OWNER/REPO/FILE`. */
  readonly directory: string;
  /** Called before anything is fetched; what it throws ends the call. */
  readonly beforeFetch?: (info: HubFileInfo) => Promise<void>;
  /** Called once when another process fetches the same file, before the wait for it. */
  readonly onWait?: () => void;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** A file of the right size that is there already is taken: one of many that an earlier call has fetched. */
  readonly keepsWhole?: boolean;
}

/** Attempts in a row that may bring nothing new before a dropped connection is an error. */
const MAX_ATTEMPTS = 3;
const PAUSE_MS = 500;

/** A file to fetch, and where it goes under the directory of models. */
export interface Remote {
  readonly url: string;
  readonly place: readonly string[];
}

/** The file that a reference means; asks the hub where it names none and `listed`, its files, are not known. */
export async function remoteOf(
  reference: ModelReference,
  access: HubAccess,
  listed?: readonly string[],
): Promise<Remote> {
  if (reference.kind === 'url') {
    const { host, pathname } = new URL(reference.url);
    const path = pathname.split('/').filter(Boolean).map(decodeURIComponent);
    return { url: reference.url, place: [URL_FOLDER, host.replaceAll(':', '_'), ...path] };
  }
  const { repository } = reference;
  const file = reference.file ?? chooseFile(reference, listed ?? (await hubFiles(repository, access)));
  return { url: hubUrl({ repository, file }, access), place: [...repository.split('/'), ...file.split('/')] };
}

/**
 * Fetches a file; what an interrupted call left is gone on with. The content is checked against the hub's size and
 * SHA-256 before it gets its name. Of several calls for one file one fetches, and the others wait for it.
 *
 * @returns the path of the file
 * @throws HubError when the hub refuses, the content is not what it announced, or the disk is full
 */
export async function pullModel({ url, place }: Remote, options: PullOptions): Promise<string> {
  const path = join(options.directory, ...place);
  const info = await hubFileInfo(url, options);
  await options.beforeFetch?.(info);
  await onDisk(path, mkdir(dirname(path), { recursive: true }));
  try {
    return await withLock(`${path}.lock`, options, async (waited) => {
      // Whoever was first has fetched it.
      if ((waited || options.keepsWhole) && (await sizeOf(path)) === info.sizeBytes) return path;
      // The tag in the name keeps bytes of two versions of a file apart.
      const partPath = `${path}.${info.etag.slice(0, 16)}.part`;
      const have = await sizeOf(partPath);
      await requireSpace(path, info.sizeBytes - Math.min(have, info.sizeBytes));
      await fetchAll(info, partPath, options);
      await check(info, partPath, options);
      await onDisk(path, rename(partPath, path));
      return path;
    });
  } finally {
    await removeEmptyFolders(dirname(path), options.directory);
  }
}

async function fetchAll(info: HubFileInfo, partPath: string, options: PullOptions): Promise<void> {
  let failures = 0;
  for (let have = await sizeOf(partPath); have < info.sizeBytes; ) {
    try {
      await append(info, partPath, have, options);
    } catch (thrown) {
      options.signal?.throwIfAborted();
      const isTransient = thrown instanceof HubError && thrown.isTransient;
      failures = (await sizeOf(partPath)) > have ? 1 : failures + 1;
      if (!isTransient || failures >= MAX_ATTEMPTS) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * failures));
    }
    have = await sizeOf(partPath);
  }
}

/** One connection: appends what comes to the first `have` bytes of the part. */
async function append(
  info: HubFileInfo,
  partPath: string,
  have: number,
  options: PullOptions,
): Promise<void> {
  const { isWhole, body } = await hubFileBody(info, have, options);
  const part: FileHandle = await onDisk(partPath, open(partPath, isWhole ? 'w' : 'a'));
  try {
    let done = isWhole ? 0 : have;
    for await (const chunk of body) {
      done += chunk.byteLength;
      if (done > info.sizeBytes)
        throw mismatch(info, `more than ${info.sizeBytes} bytes`, `${info.sizeBytes} bytes`);
      await onDisk(partPath, part.appendFile(chunk));
      options.onProgress?.(done, info.sizeBytes);
    }
    if (done < info.sizeBytes) {
      throw new HubError(
        {
          what: info.url,
          given: `the end after ${done} bytes`,
          expected: `${info.sizeBytes} bytes`,
          todo: 'Run the same command again: it goes on where it stopped.',
        },
        { isTransient: true },
      );
    }
  } finally {
    await part.close();
  }
}

/** Compares the whole file with what the hub announced; a wrong one is removed, since no resume can mend it. */
async function check(info: HubFileInfo, partPath: string, { signal }: PullOptions): Promise<void> {
  const size = await sizeOf(partPath);
  let [given, expected] = [`${size} bytes`, `${info.sizeBytes} bytes`];
  if (size === info.sizeBytes) {
    if (info.sha256 === null) return;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(partPath, { highWaterMark: 1 << 20, signal }))
      hash.update(chunk as Buffer);
    [given, expected] = [`SHA-256 ${hash.digest('hex')}`, `SHA-256 ${info.sha256}`];
    if (given === expected) return;
  }
  await rm(partPath, { force: true });
  throw mismatch(info, given, expected);
}

function mismatch(info: HubFileInfo, given: string, expected: string): HubError {
  return new HubError({
    what: info.url,
    given,
    expected,
    todo: 'Run the same command again; if it repeats, something in between changes the file.',
  });
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function requireSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await onDisk(path, statfs(dirname(path)));
  if (bavail * bsize < bytes)
    throw diskError(path, `${formatBytes(bavail * bsize)} of free disk`, formatBytes(bytes));
}

/** Turns what the file system refuses into an error that says what to do. */
async function onDisk<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((thrown: unknown) => {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
    throw diskError(
      path,
      code === 'ENOSPC' ? 'a full disk' : messageOf(thrown),
      'a disk that takes the file',
    );
  });
}

function diskError(path: string, given: string, expected: string): HubError {
  return new HubError({
    what: path,
    given,
    expected,
    todo: 'Make room with `waferflow models rm`, or set WAFERFLOW_MODELS to a directory elsewhere.',
  });
}
