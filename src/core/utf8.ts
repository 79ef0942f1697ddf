/** UTF-8 that must be whole. */
import { FormatError } from './errors.js';

/**
 * The text of UTF-8 bytes.
 *
 * @throws FormatError with the place of the first invalid byte; `what` names the source
 */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const offset = validLength(bytes);
    throw new FormatError({
      what: `${what}, byte ${offset}`,
      given: `0x${bytes[offset]!.toString(16).padStart(2, '0')}, which is not UTF-8 here`,
      expected: 'UTF-8 text',
      todo: 'Convert it first, for example with `iconv -t UTF-8`.',
    });
  }
}

/** The length of the longest beginning that is whole UTF-8: what a lenient decoder keeps before its first U+FFFD. */
function validLength(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  // A beginning that a streaming decoder accepts is valid so far; that is monotone, so it can be bisected.
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isValidSoFar(bytes.subarray(0, middle))) low = middle;
    else high = middle - 1;
  }
  return Math.min(low, bytes.length - 1);
}

function isValidSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
