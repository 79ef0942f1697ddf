/** Text files that flags name. */
import { readFile } from 'node:fs/promises';
import { decodeUtf8 } from '../core/utf8.js';
import { fileError } from '../platform/node/file-source.js';

/** @throws FormatError when it cannot be read or is not UTF-8 */
export async function readTextFile(path: string, expected = 'a readable text file'): Promise<string> {
  const bytes = await readFile(path).catch((thrown: unknown) => {
    throw fileError(path, thrown, expected);
  });
  return decodeUtf8(bytes, path);
}
