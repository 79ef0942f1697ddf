/** Ids of words seen before, which skip the merging. */

/** Longer words repeat too seldom to be worth the memory. */
const maxLength = 64;
const maxWords = 50_000;

export class WordCache {
  private readonly known = new Map<string, readonly number[]>();

  get(word: string): readonly number[] | undefined {
    return this.known.get(word);
  }

  set(word: string, ids: readonly number[]): void {
    if (word.length > maxLength) return;
    if (this.known.size >= maxWords) this.known.clear();
    this.known.set(word, ids);
  }
}
