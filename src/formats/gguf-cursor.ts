/** Reads a GGUF header front to back through a window that grows only as far as the header needs. */
import { FormatError } from '../core/errors.js';
import { formatBytes, MiB } from '../core/units.js';
import type { ByteSource } from './source.js';

const firstWindowBytes = MiB;

/** No metadata value is larger; the largest vocabularies take some 10 MiB. */
const maxPieceBytes = 256 * MiB;

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

export class GgufCursor {
  private readonly source: ByteSource;
  private bytes = new Uint8Array(0);
  private view = new DataView(this.bytes.buffer);
  /** Offset in the file of the window's first byte. */
  private windowOffset = 0;
  /** Position of the next byte, counted from the window's start. */
  private at = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.windowOffset + this.at;
  }

  /** Bytes of the file from the next byte on. */
  get remaining(): number {
    return this.source.byteLength - this.offset;
  }

  error(
    what: string,
    given: string,
    expected: string,
    todo = 'The file is damaged or no GGUF file: fetch it again.',
  ): FormatError {
    return new FormatError({ what: `${this.source.name}: ${what}`, given, expected, todo });
  }

  /** Makes the next `length` bytes available. Throws when the file is shorter, before anything is allocated. */
  async need(length: number, what: string): Promise<void> {
    if (this.at + length <= this.bytes.length) return;
    if (length > this.remaining) {
      throw this.error(
        what,
        `${this.remaining} bytes left at offset ${this.offset} of ${this.source.byteLength}`,
        `${length} bytes or more`,
        'The file is cut off or damaged: fetch it again.',
      );
    }
    if (length > maxPieceBytes) {
      throw this.error(what, formatBytes(length), `at most ${formatBytes(maxPieceBytes)}`);
    }
    const unread = this.bytes.subarray(this.at);
    // Doubling keeps the copying linear in the size of the header.
    const size = Math.min(this.remaining, Math.max(length, firstWindowBytes, 2 * unread.length));
    const grown = new Uint8Array(size);
    grown.set(unread);
    await this.source.read(this.offset + unread.length, grown.subarray(unread.length));
    this.windowOffset += this.at;
    this.at = 0;
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** The next `length` bytes, a view that is valid until the next call of `need`. */
  async take(length: number, what: string): Promise<DataView> {
    await this.need(length, what);
    const view = new DataView(this.bytes.buffer, this.at, length);
    this.at += length;
    return view;
  }

  async u32(what: string): Promise<number> {
    return (await this.take(4, what)).getUint32(0, true);
  }

  /** An unsigned 64-bit number that counts or measures something in this file, so it is at most `limit`. */
  async size(what: string, limit: number): Promise<number> {
    const value = (await this.take(8, what)).getBigUint64(0, true);
    if (value > BigInt(Math.max(0, limit))) {
      throw this.error(
        what,
        `${value}`,
        `at most ${Math.max(0, limit)} in a file of ${this.source.byteLength} bytes`,
      );
    }
    return Number(value);
  }

  /** A text that is a name of something; other bytes than UTF-8 are an error. */
  async string(what: string): Promise<string> {
    return this.decode(await this.stringBytes(what), what);
  }

  /** A text that may be for people alone: bytes that are not UTF-8, from an editor of another age, become U+FFFD. */
  async value(what: string): Promise<string> {
    return lossy.decode(await this.stringBytes(what));
  }

  private async stringBytes(what: string): Promise<Uint8Array> {
    const length = await this.size(`length of ${what}`, this.remaining - 8);
    const view = await this.take(length, what);
    return new Uint8Array(view.buffer, view.byteOffset, length);
  }

  /**
   * `count` strings. Vocabularies have hundreds of thousands, so they are decoded in one go and then cut apart:
   * one UTF-16 unit per byte that starts a character, two where it takes four bytes. Unless `strict` is set, bytes that
   * are not UTF-8 become U+FFFD.
   */
  async strings(count: number, what: string, strict: boolean): Promise<string[]> {
    const starts = new Float64Array(count + 1);
    let end = 0;
    for (let i = 0; i < count; i++) {
      if (this.at + end + 8 > this.bytes.length) await this.need(end + 8, what);
      const lengthAt = this.at + end;
      const high = this.view.getUint32(lengthAt + 4, true);
      const length = this.view.getUint32(lengthAt, true);
      if (high !== 0 || length > this.remaining - end - 8) {
        throw this.error(
          `length of string ${i} of ${what}`,
          `${this.view.getBigUint64(lengthAt, true)}`,
          `at most ${this.remaining - end - 8}`,
        );
      }
      end += 8 + length;
      starts[i + 1] = end;
    }
    await this.need(end, what);
    return strict ? this.cutStrings(starts, what) : this.decodeEach(starts);
  }

  private decodeEach(starts: Float64Array): string[] {
    const first = this.at;
    this.at += starts.at(-1)!;
    return Array.from(starts.subarray(1), (end, i) =>
      lossy.decode(this.bytes.subarray(first + starts[i]! + 8, first + end)),
    );
  }

  private cutStrings(starts: Float64Array, what: string): string[] {
    const count = starts.length - 1;
    const end = starts[count]!;
    const packed = new Uint8Array(end - 8 * count);
    const ends = new Float64Array(count);
    let size = 0;
    let units = 0;
    for (let i = 0; i < count; i++) {
      const stop = this.at + starts[i + 1]!;
      const start = this.at + starts[i]! + 8;
      if (start < stop && (this.bytes[start]! & 0xc0) === 0x80) throw this.notUtf8(`string ${i} of ${what}`);
      for (let p = start; p < stop; p++) {
        const byte = this.bytes[p]!;
        packed[size++] = byte;
        if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1;
      }
      ends[i] = units;
    }
    this.at += end;
    const all = this.decode(packed, what);
    const strings = new Array<string>(count);
    for (let i = 0, start = 0; i < count; i++) {
      strings[i] = all.slice(start, ends[i]);
      start = ends[i]!;
    }
    return strings;
  }

  private decode(bytes: Uint8Array, what: string): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.notUtf8(what);
    }
  }

  private notUtf8(what: string): FormatError {
    return this.error(what, 'bytes that are not UTF-8', 'UTF-8 text');
  }
}
