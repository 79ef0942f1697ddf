/** Text files that flags name. */
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { FormatError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { decodeUtf8 } from '../core/utf8.js';
import { fileError } from '../platform/node/file-source.js';

/** @throws FormatError when it cannot be read or is not UTF-8 */
export async function readTextFile(path: string, expected = 'a readable text file'): Promise<string> {
  const bytes = await readFile(path).catch((thrown: unknown) => {
    throw fileError(path, thrown, expected);
  });
  return decodeUtf8(bytes, path);
}

/** The same at once. @throws FormatError too when it has more than `most` bytes: something else than what was meant */
export function readTextFileSync(path: string, expected?: string, most = Number.POSITIVE_INFINITY): string {
  const { size, bytes } = read(path, expected, most);
  if (bytes !== null) return decodeUtf8(bytes, path);
  throw new FormatError({
    what: path,
    given: formatBytes(size),
    expected: `at most ${formatBytes(most)}`,
    todo: 'Check that it is the file that you meant.',
  });
}

function read(path: string, expected: string | undefined, most: number) {
  try {
    const { size } = statSync(path);
    return { size, bytes: size > most ? null : readFileSync(path) };
  } catch (thrown) {
    throw fileError(path, thrown, expected);
  }
}
