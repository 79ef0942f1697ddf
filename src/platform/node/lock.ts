/** A lock between processes: a file that only one of them can make, kept fresh while it is held. */
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';

/** A holder touches its lock this often; one that has not been touched for much longer is nobody's. */
const FRESH_MS = 5_000;
const STALE_MS = 30_000;
const POLL_MS = 100;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once before a wait. */
  readonly onWait?: () => void;
}

let made = 0;

/** Does the work while nobody else has the lock; tells it whether it had to wait for another one. */
export async function withLock<T>(
  path: string,
  { signal, onWait }: LockOptions,
  work: (waited: boolean) => Promise<T>,
): Promise<T> {
  const mark = JSON.stringify({ pid: process.pid, host: hostname(), number: ++made });
  let waited = false;
  while (!(await take(path, mark))) {
    signal?.throwIfAborted();
    if (!waited) onWait?.();
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, FRESH_MS);
  try {
    return await work(waited);
  } finally {
    clearInterval(beat);
    if ((await markOf(path)) === mark) await rm(path, { force: true });
  }
}

async function take(path: string, mark: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(mark);
    await file.close();
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
    // Somebody has it, or had it and died: then it is free for whoever comes first, at the next turn.
    if (await isAbandoned(path)) await rm(path, { force: true });
    return false;
  }
  return (await markOf(path)) === mark;
}

async function markOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}

async function isAbandoned(path: string): Promise<boolean> {
  const [text, age] = await Promise.all([
    markOf(path),
    stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    ),
  ]);
  if (age > STALE_MS) return true;
  try {
    const { pid, host } = JSON.parse(text ?? '') as { pid: number; host: string };
    return host === hostname() && !isAlive(pid);
  } catch {
    return false; // Being written.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
