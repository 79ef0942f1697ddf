/** Ids of long texts seen before: a conversation comes back whole with every turn, its messages unchanged. */

/** Shorter texts are encoded faster than they are worth keeping. */
const leastLength = 256;
/** Of all texts together, in UTF-16 units. */
const mostLength = 4_000_000;

const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

interface Kept {
  readonly text: string;
  readonly ids: readonly number[];
}

export class FragmentCache {
  /** The one that was used last comes last. */
  private readonly known = new Map<string, Kept>();
  /** Of all texts kept, in UTF-16 units. */
  length = 0;

  /** The ids of a well-formed text: those that are kept, or what `encode` makes of it. */
  get(text: string, encode: (text: string) => readonly number[]): readonly number[] {
    if (text.length < leastLength || text.length > mostLength) return encode(text);
    let kept = this.known.get(text);
    if (kept) this.known.delete(text);
    else {
      // A part of a longer string keeps all of that string in memory: what stays has to be a copy.
      kept = { text: fromUtf8.decode(toUtf8.encode(text)), ids: encode(text) };
      this.length += text.length;
    }
    this.known.set(kept.text, kept);
    for (const oldest of this.known.keys()) {
      if (this.length <= mostLength) break;
      this.known.delete(oldest);
      this.length -= oldest.length;
    }
    return kept.ids;
  }
}
