/** The tokenizer of RWKV's World models: the longest token from the left, over bytes. */

import { nowhere, root, Trie } from './trie.js';
import type { Vocabulary } from './vocabulary.js';

const utf8 = new TextEncoder();
const simpleEscapes: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13 };

/** The bytes of a token text, in which backslashes escape: `\n`, `\xff`, `\\`. */
export function bytesOfRwkvText(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; ) {
    const char = String.fromCodePoint(text.codePointAt(at)!);
    at += char.length;
    if (char !== '\\' || at >= text.length) bytes.push(...utf8.encode(char));
    else if (text[at] === 'x') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 3;
    } else {
      const escaped = String.fromCodePoint(text.codePointAt(at)!);
      const simple = simpleEscapes[escaped];
      if (simple === undefined) bytes.push(...utf8.encode(escaped));
      else bytes.push(simple);
      at += escaped.length;
    }
  }
  return Uint8Array.from(bytes);
}

export class Rwkv {
  private readonly trie: Trie;
  private readonly unknownId: number | null;

  constructor({ texts, unknownId }: Vocabulary) {
    this.unknownId = unknownId;
    this.trie = new Trie(4 * texts.length);
    for (const [id, text] of texts.entries()) {
      const bytes = bytesOfRwkvText(text);
      if (bytes.length > 0) this.trie.add(bytes, id);
    }
  }

  /** Appends the ids of `text`. */
  encode(text: string, ids: number[]): void {
    const bytes = utf8.encode(text);
    for (let at = 0; at < bytes.length; ) {
      let best = nowhere;
      let end = at + 1;
      for (let i = at, node = root; i < bytes.length; ) {
        node = this.trie.step(node, bytes[i++]!);
        if (node < 0) break;
        const id = this.trie.valueOf(node);
        if (id >= 0) {
          best = id;
          end = i;
        }
      }
      const id = best >= 0 ? best : this.unknownId;
      if (id !== null) ids.push(id);
      at = end;
    }
  }
}
