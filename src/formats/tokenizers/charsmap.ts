/**
 * SentencePiece's precompiled normaliser: a double array that finds the longest beginning of a text that is replaced, and
 * the replacements. Layout: the size of the array in bytes, the array (32 bits each), strings that end in 0.
 */
import { FormatError } from '../../core/errors.js';

const utf8 = new TextEncoder();
const text = new TextDecoder();

export class Charsmap {
  private readonly nodes: Uint32Array;
  private readonly strings: Uint8Array;
  private readonly what: string;

  /** Throws FormatError on bytes that are none; `what` goes in front. */
  constructor(bytes: Uint8Array, what: string) {
    this.what = what;
    const size = bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) : 0;
    if (size === 0 || size % 4 !== 0 || size + 4 >= bytes.length || bytes.at(-1) !== 0)
      throw this.error(`${bytes.length} bytes that begin with ${size}`);
    this.nodes = new Uint32Array(bytes.slice(4, 4 + size).buffer);
    this.strings = bytes.slice(4 + size);
  }

  private error(given: string): FormatError {
    return new FormatError({
      what: this.what,
      given,
      expected: 'the map of a SentencePiece model',
      todo: 'Convert the model again with a current converter.',
    });
  }

  private node(at: number): number {
    const node = this.nodes[at];
    if (node === undefined) throw this.error(`a step to entry ${at} of ${this.nodes.length}`);
    return node;
  }

  /** The text after all replacements; the longest that fits is taken at each place. */
  normalize(input: string): string {
    const bytes = utf8.encode(input);
    const out: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const { length, string } = this.longest(bytes, at);
      if (length > 0) {
        for (let i = string; this.strings[i] !== 0; i++) out.push(this.strings[i]!);
        at += length;
      } else {
        out.push(bytes[at++]!);
        while (at < bytes.length && (bytes[at]! & 0xc0) === 0x80) out.push(bytes[at++]!);
      }
    }
    return text.decode(Uint8Array.from(out));
  }

  private longest(bytes: Uint8Array, from: number): { readonly length: number; readonly string: number } {
    let length = 0;
    let string = 0;
    let at = base(this.node(0));
    for (let i = from; i < bytes.length && bytes[i] !== 0; i++) {
      at ^= bytes[i]!;
      const node = this.node(at);
      if ((node & 0x800000ff) >>> 0 !== bytes[i]) break;
      at ^= base(node);
      if ((node >>> 8) & 1) {
        length = i - from + 1;
        string = this.node(at) & 0x7fffffff;
        if (string >= this.strings.length) throw this.error(`a replacement at ${string}`);
      }
    }
    return { length, string };
  }
}

/** Where the children of a node lie. */
function base(node: number): number {
  return (node >>> 10) << ((node & 0x200) >>> 6);
}
