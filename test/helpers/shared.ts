import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const noted = new Set<string>();

/**
 * The path of a file of `../shared`, which lies beside the repository and not in it; null, and one line on stderr,
 * where it is absent. Use as `describe.skipIf(sharedPath(...) === null)`.
 */
export function sharedPath(relative: string): string | null {
  const path = fileURLToPath(new URL(`../../../shared/${relative}`, import.meta.url));
  if (existsSync(path)) return path;
  if (!noted.has(relative)) process.stderr.write(`skipped: ../shared/${relative} is not there\n`);
  noted.add(relative);
  return null;
}
