/** The merging of byte-pair encoding, for texts of any length: O(n log n) time, typed arrays and two heaps of numbers. */

/** Score of merging `text[start, middle)` with `text[middle, end)`, or undefined where they do not merge. */
export type PairScore = (start: number, middle: number, end: number) => number | undefined;

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

/**
 * The pieces of `text` after merging: it starts as characters, and the adjacent pair with the best score is merged,
 * the leftmost of equals, until no pair has a score.
 */
export function mergePairs(text: string, scoreOf: PairScore): string[] {
  // Symbol i is text[start[i], end[i]), a linked list; end is 0 once it has been merged into the one before.
  const start = new Int32Array(text.length);
  const end = new Int32Array(text.length);
  const next = new Int32Array(text.length);
  const previous = new Int32Array(text.length);
  let count = 0;
  for (let at = 0; at < text.length; count++) {
    start[count] = at;
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
    end[count] = at;
    previous[count] = count - 1;
    next[count] = at < text.length ? count + 1 : -1;
  }
  const queue = new MergeQueue();
  const offer = (left: number, right: number) => {
    if (left < 0 || right < 0) return;
    const score = scoreOf(start[left]!, start[right]!, end[right]!);
    if (score !== undefined) queue.push(left, right, end[right]! - start[left]!, score);
  };
  for (let i = 1; i < count; i++) offer(i - 1, i);
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const left = queue.left[entry]!;
    const right = queue.right[entry]!;
    // Skips pairs of which a part has been merged since: it is gone or longer now.
    if (end[left] === 0 || end[right]! - start[left]! !== queue.length[entry]) continue;
    end[left] = end[right]!;
    end[right] = 0;
    next[left] = next[right]!;
    if (next[right]! >= 0) previous[next[right]!] = left;
    offer(previous[left]!, left);
    offer(left, next[left]!);
  }
  const pieces: string[] = [];
  for (let i = count > 0 ? 0 : -1; i >= 0; i = next[i]!) pieces.push(text.slice(start[i], end[i]));
  return pieces;
}
