/** Where the bytes of a model come from: the smallest thing that a reader needs, so that a file, a download or an array will do. */
import { FormatError } from '../core/errors.js';

export interface ByteSource {
  /** For messages: a path or a URL. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * Fills `target` with the bytes at `offset`; `target` may be a view of shared WebAssembly memory.
   * Rejects with FormatError when the source ends before that.
   */
  read(offset: number, target: Uint8Array): Promise<void>;
  /**
   * Another file in the same place, for models of several parts; closed with this one. Undefined where a source stands
   * alone. Rejects with FormatError when there is none of that name.
   */
  neighbor?(name: string): Promise<ByteSource>;
}

/** The error of a read that a source cannot satisfy. */
export function endOfSource(
  source: Pick<ByteSource, 'name' | 'byteLength'>,
  offset: number,
  length: number,
): FormatError {
  return new FormatError({
    what: source.name,
    given: `${source.byteLength} bytes`,
    expected: `at least ${offset + length} bytes`,
    todo: 'The file is cut off: fetch or copy it again.',
  });
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = 'bytes in memory'): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    read(offset, target) {
      const end = offset + target.byteLength;
      if (end > bytes.byteLength) return Promise.reject(endOfSource(this, offset, target.byteLength));
      target.set(bytes.subarray(offset, end));
      return Promise.resolve();
    },
  };
}
