/** Blobs, and files that were dropped on a page, as byte sources. */
import { FormatError, messageOf } from '../core/errors.js';
import { type ByteSource, endOfSource } from '../formats/source.js';

/** A file or other blob that the user gave to the page. */
export function blobSource(blob: Blob, name = blob instanceof File ? blob.name : 'a blob'): ByteSource {
  return {
    name,
    byteLength: blob.size,
    async read(offset, target) {
      if (offset + target.byteLength > blob.size) throw endOfSource(this, offset, target.byteLength);
      const part = blob.slice(offset, offset + target.byteLength);
      const bytes = await part.arrayBuffer().catch((cause: unknown) => {
        throw new FormatError(
          {
            what: name,
            given: messageOf(cause),
            expected: 'a readable file',
            todo: 'It may have moved or changed since: choose it again.',
          },
          { cause },
        );
      });
      target.set(new Uint8Array(bytes));
    },
  };
}
