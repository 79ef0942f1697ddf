/** A whole answer, sent in pieces, so that it shows whether its client takes any: one that does not is cut off. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

const sliceBytes = 64 * 1024;

export function inSlices(bytes: Buffer, response: ServerResponse, stallMs: number): Readable {
  return inPieces(slicesOf(bytes), response, stallMs);
}

function* slicesOf(bytes: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes);
}

/** Each piece is made in a turn of its own, when the one before is on its way. */
export function inPieces(
  pieces: Iterable<Buffer | string>,
  response: ServerResponse,
  stallMs: number,
): Readable {
  return Readable.from(timed(pieces, response, stallMs), { objectMode: false, highWaterMark: 0 });
}

async function* timed(
  pieces: Iterable<Buffer | string>,
  response: ServerResponse,
  stallMs: number,
): AsyncGenerator<Buffer | string, void, void> {
  const timer = setTimeout(() => response.destroy(), stallMs);
  response.once('close', () => clearTimeout(timer));
  for (const piece of pieces) {
    timer.refresh();
    yield piece;
    await nextTurn();
  }
}
