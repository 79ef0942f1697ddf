/**
 * SentencePiece-style BPE as llama.cpp runs it for tokenizer model `llama`: the adjacent pair whose merged text has
 * the best score is merged first, the leftmost of equals; what is no token in the end becomes byte tokens.
 * O(n log n) in the length of the text.
 */
import { tokenKind, type Vocabulary } from './vocabulary.js';

/** What SentencePiece writes for a space. */
export const metaSpace = '\u2581';

/** Pairs to merge, best first: a binary heap of indices into parallel arrays. */
class MergeQueue {
  private readonly heap: number[] = [];
  readonly left: number[] = [];
  readonly right: number[] = [];
  readonly length: number[] = [];
  private readonly score: number[] = [];

  push(left: number, right: number, length: number, score: number): void {
    const entry = this.left.push(left) - 1;
    this.right.push(right);
    this.length.push(length);
    this.score.push(score);
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  pop(): number | undefined {
    const { heap } = this;
    const best = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return best;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return best;
  }

  private before(a: number, b: number): boolean {
    const difference = this.score[a]! - this.score[b]!;
    return difference > 0 || (difference === 0 && this.left[a]! < this.left[b]!);
  }
}

export class SentencePiece {
  private readonly idOf: ReadonlyMap<string, number>;
  private readonly scores: Float32Array;
  private readonly byteIds: readonly number[];

  constructor(vocabulary: Vocabulary) {
    const { idOf, kinds, scores, unknownId } = vocabulary;
    // Text never merges into a control token: that would let a prompt forge one.
    this.idOf = new Map(
      [...idOf].filter(
        ([, id]) =>
          ![tokenKind.control, tokenKind.unknown, tokenKind.byte].some((kind) => kind === kinds[id]),
      ),
    );
    this.scores = scores;
    this.byteIds = Array.from({ length: 256 }, (_, byte) => {
      const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
      return idOf.get(name) ?? unknownId ?? -1;
    });
  }

  /** Ids of `text`, in which spaces already are {@link metaSpace}. */
  encode(text: string, ids: number[]): void {
    const { start, next } = this.merge(text);
    for (let symbol = text === '' ? -1 : 0; symbol >= 0; symbol = next[symbol]!) {
      const piece = text.slice(start[symbol], next[symbol]! < 0 ? text.length : start[next[symbol]!]);
      const id = this.idOf.get(piece);
      if (id !== undefined) ids.push(id);
      else
        for (const byte of new TextEncoder().encode(piece))
          if (this.byteIds[byte]! >= 0) ids.push(this.byteIds[byte]!);
    }
  }

  /** The merged symbols as a linked list from symbol 0; a symbol reaches to the start of the next one. */
  private merge(text: string): { readonly start: Int32Array; readonly next: Int32Array } {
    const start = new Int32Array(text.length + 1);
    let count = 0;
    for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) start[count++] = at;
    const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1));
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    const end = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? start[i + 1]! : text.length));
    const queue = new MergeQueue();
    const offer = (left: number, right: number) => {
      if (left < 0 || right < 0) return;
      const id = this.idOf.get(text.slice(start[left], end[right]));
      if (id !== undefined) queue.push(left, right, end[right]! - start[left]!, this.scores[id]!);
    };
    for (let i = 1; i < count; i++) offer(i - 1, i);
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const left = queue.left[entry]!;
      const right = queue.right[entry]!;
      // Skips pairs of which a part has been merged since: it is gone (end 0) or longer now.
      if (end[left] === 0 || end[right]! - start[left]! !== queue.length[entry]) continue;
      end[left] = end[right]!;
      end[right] = 0;
      next[left] = next[right]!;
      if (next[right]! >= 0) previous[next[right]!] = left;
      offer(previous[left]!, left);
      offer(left, next[left]!);
    }
    return { start, next };
  }
}
