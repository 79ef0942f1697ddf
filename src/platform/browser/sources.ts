/** Files behind a URL as byte sources. */
import { FormatError, messageOf } from '../../core/errors.js';
import { MiB } from '../../core/units.js';
import { type ByteSource, bytesSource, endOfSource } from '../../formats/source.js';

/** One request fetches at least this much, since a model has hundreds of small tensors. */
const windowBytes = 16 * MiB;

/**
 * A file behind a URL. It is read in ranges where the server offers them, else fetched whole.
 * @throws FormatError when it cannot be fetched
 */
export async function urlSource(url: string, signal?: AbortSignal): Promise<ByteSource> {
  const first = await request(url, 0, windowBytes, signal);
  const total = /\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1];
  const bytes = await body(first, url);
  if (first.status !== 206 || total === undefined) return bytesSource(bytes, url);
  return new RangeSource(url, Number(total), bytes, signal);
}

class RangeSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  private readonly signal: AbortSignal | undefined;
  private window: Uint8Array;
  private windowOffset = 0;

  constructor(url: string, byteLength: number, first: Uint8Array, signal: AbortSignal | undefined) {
    this.name = url;
    this.byteLength = byteLength;
    this.window = first;
    this.signal = signal;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (offset + target.byteLength > this.byteLength) throw endOfSource(this, offset, target.byteLength);
    for (let done = 0; done < target.byteLength; ) {
      const at = offset + done - this.windowOffset;
      if (at < 0 || at >= this.window.byteLength) {
        await this.fetchWindow(offset + done);
        continue;
      }
      const piece = this.window.subarray(at, at + target.byteLength - done);
      target.set(piece, done);
      done += piece.byteLength;
    }
  }

  private async fetchWindow(offset: number): Promise<void> {
    const length = Math.min(windowBytes, this.byteLength - offset);
    const response = await request(this.name, offset, length, this.signal);
    const bytes = await body(response, this.name);
    if (response.status !== 206 || bytes.byteLength !== length) {
      throw unfetched(this.name, `${bytes.byteLength} bytes at offset ${offset} instead of ${length}`);
    }
    this.window = bytes;
    this.windowOffset = offset;
  }
}

async function request(
  url: string,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const headers = { range: `bytes=${offset}-${offset + length - 1}` };
  const response = await fetch(url, { headers, ...(signal && { signal }) }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw unfetched(url, messageOf(cause), cause);
  });
  if (!response.ok) throw unfetched(url, `HTTP status ${response.status}`);
  return response;
}

async function body(response: Response, url: string): Promise<Uint8Array> {
  const bytes = await response.arrayBuffer().catch((cause: unknown) => {
    throw unfetched(url, messageOf(cause), cause);
  });
  return new Uint8Array(bytes);
}

function unfetched(url: string, given: string, cause?: unknown): FormatError {
  const todo = 'Check the address and that the server is there.';
  return new FormatError({ what: url, given, expected: 'the file', todo }, { cause });
}
