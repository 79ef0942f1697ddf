/** A whole answer, sent in slices, so that it shows whether its client takes any: one that does not is cut off. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

const sliceBytes = 64 * 1024;

export function inSlices(bytes: Buffer, response: ServerResponse, stallMs: number): Readable {
  return Readable.from(slicesOf(bytes, response, stallMs), { objectMode: false, highWaterMark: 0 });
}

/** The next slice is asked for when the one before is on its way. */
async function* slicesOf(
  bytes: Buffer,
  response: ServerResponse,
  stallMs: number,
): AsyncGenerator<Buffer, void, void> {
  const timer = setTimeout(() => response.destroy(), stallMs);
  response.once('close', () => clearTimeout(timer));
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    timer.refresh();
    yield bytes.subarray(at, at + sliceBytes);
  }
}
