/** A vocabulary as a tree of bytes, so that tokens with the same beginning are looked at together. */

export interface TokenTrie {
  /** Nodes in depth-first order, children by byte: the byte that leads to each and its number of bytes before that. */
  readonly bytes: Uint8Array;
  readonly depths: Uint16Array;
  /** The node after everything below this one. */
  readonly skips: Int32Array;
  /** Tokens of node i: `tokens[firstToken[i]]` to `tokens[firstToken[i + 1] - 1]`. */
  readonly firstToken: Int32Array;
  readonly tokens: Int32Array;
  /** Eight words per node: a bit for each byte that leads to a node below it. */
  readonly below: Int32Array;
  /** Bytes of the longest token. */
  readonly depth: number;
}

/** Tokens without bytes, and those longer than 65535, are in no node. */
export function buildTokenTrie(vocabulary: readonly Uint8Array[]): TokenTrie {
  const ids = vocabulary.flatMap((bytes, id) => (bytes.length > 0 && bytes.length <= 0xffff ? [id] : []));
  ids.sort((a, b) => compareBytes(vocabulary[a]!, vocabulary[b]!) || a - b);
  const bytes: number[] = [];
  const depths: number[] = [];
  const skips: number[] = [];
  const firstToken: number[] = [];
  /** The nodes from the root to the last token. */
  const path: number[] = [];
  const leave = (depth: number): void => {
    while (path.length > depth) skips[path.pop()!] = bytes.length;
  };
  let last = new Uint8Array(0);
  let depth = 0;
  for (const [index, id] of ids.entries()) {
    const token = vocabulary[id]!;
    let common = 0;
    while (common < last.length && common < token.length && token[common] === last[common]) common++;
    leave(common);
    for (let i = common; i < token.length; i++) {
      path.push(bytes.length);
      bytes.push(token[i]!);
      depths.push(i);
      // A node on the way has no token of its own, so it ends where the next one begins.
      firstToken.push(index);
    }
    last = new Uint8Array(token);
    depth = Math.max(depth, token.length);
  }
  leave(0);
  firstToken.push(ids.length);
  return {
    bytes: Uint8Array.from(bytes),
    depths: Uint16Array.from(depths),
    skips: Int32Array.from(skips),
    below: bytesBelow(bytes, skips),
    firstToken: Int32Array.from(firstToken),
    tokens: Int32Array.from(ids),
    depth,
  };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function bytesBelow(bytes: readonly number[], skips: readonly number[]): Int32Array {
  const below = new Int32Array(bytes.length * 8);
  for (let node = bytes.length - 1; node >= 0; node--) {
    for (let child = node + 1; child < skips[node]!; child = skips[child]!) {
      const byte = bytes[child]!;
      below[node * 8 + (byte >>> 5)]! |= 1 << (byte & 31);
      for (let word = 0; word < 8; word++) below[node * 8 + word]! |= below[child * 8 + word]!;
    }
  }
  return below;
}
