/** The pages of the KV cache: which are free, and which full ones can be found again by the tokens in them. */
import { kvPagePositions } from '../program/frame.js';
import type { StateCopies, StateHolder } from './states.js';

/** A full page whose tokens, and all tokens before them, are known. */
export interface CachedPage extends StateHolder {
  readonly page: number;
  readonly parent: CachedPage | null;
  readonly key: string;
  readonly children: Map<string, CachedPage>;
  /** Sequences that use it. Who uses a page uses its parents too. */
  users: number;
}

/**
 * Hands out pages. A page that a sequence has filled stays findable when the sequence has ended, until its room is
 * needed: the same tokens after the same tokens give the same keys and values bit for bit, so sharing changes nothing.
 */
export class PagePool {
  readonly total: number;
  private readonly free: number[];
  private readonly roots = new Map<string, CachedPage>();
  /** Unused cached pages that no other cached page builds on, the one unused for longest first. */
  private readonly leaves = new Set<CachedPage>();
  private unused = 0;
  /** Null for a model without recurrent states. */
  private readonly copies: StateCopies | null;

  constructor(total: number, copies: StateCopies | null) {
    this.total = total;
    this.copies = copies;
    this.free = Array.from({ length: total }, (_, i) => total - 1 - i);
  }

  /** Pages that `take` can still give. */
  get available(): number {
    return this.free.length + this.unused;
  }

  /** Cached pages that nobody uses. */
  get cached(): number {
    return this.unused;
  }

  /** A page to write to, or null when all are in use. Forgets the cached page unused for longest if it has to. */
  take(): number | null {
    const page = this.free.pop();
    if (page !== undefined) return page;
    for (const leaf of this.leaves) {
      this.forget(leaf);
      return leaf.page;
    }
    return null;
  }

  /** Gives back a page that is not cached. */
  give(page: number): void {
    this.free.push(page);
  }

  /**
   * The cached pages of the longest known beginning of `ids` that one can go on from, at most `most`; the caller becomes
   * a user of each. What others have read is not known to `owner`: how soon an answer comes would tell.
   */
  find(ids: readonly number[], most: number, owner: string): CachedPage[] {
    const found: CachedPage[] = [];
    let children = this.roots;
    while (found.length < most) {
      const node = children.get(keyOf(ids, found.length, owner));
      if (node === undefined) break;
      found.push(node);
      children = node.children;
    }
    if (this.copies) found.length = found.findLastIndex(({ state }) => state !== null) + 1;
    const last = found.at(-1);
    if (last) this.copies?.touch(last);
    for (const node of found) this.use(node);
    return found;
  }

  /**
   * Makes `page`, which holds the `parents.length`-th page of `ids`, findable; the caller is its user. If another page
   * with these tokens is known already, that one is returned and `page` is free again.
   */
  share(parents: readonly CachedPage[], ids: readonly number[], page: number, owner: string): CachedPage {
    const parent = parents.at(-1) ?? null;
    const siblings = parent === null ? this.roots : parent.children;
    const key = keyOf(ids, parents.length, owner);
    const known = siblings.get(key);
    if (known !== undefined) {
      this.give(page);
      this.use(known);
      return known;
    }
    const node: CachedPage = { page, parent, key, children: new Map(), users: 1, state: null };
    siblings.set(key, node);
    return node;
  }

  /** The caller, a user of all these pages, is done with them. */
  release(pages: readonly CachedPage[]): void {
    for (let i = pages.length - 1; i >= 0; i--) {
      const node = pages[i]!;
      if (--node.users > 0) continue;
      this.unused++;
      if (node.children.size === 0) this.leaves.add(node);
    }
  }

  private use(node: CachedPage): void {
    if (node.users++ > 0) return;
    this.unused--;
    this.leaves.delete(node);
  }

  private forget(leaf: CachedPage): void {
    const { parent, key } = leaf;
    this.copies?.drop(leaf);
    this.leaves.delete(leaf);
    this.unused--;
    (parent === null ? this.roots : parent.children).delete(key);
    if (parent !== null && parent.users === 0 && parent.children.size === 0) this.leaves.add(parent);
  }
}

/** The tokens of a page, as text; of a first page with whose it is. */
function keyOf(ids: readonly number[], page: number, owner: string): string {
  const tokens = ids.slice(page * kvPagePositions, (page + 1) * kvPagePositions).join();
  return page === 0 && owner !== '' ? `${tokens} ${owner}` : tokens;
}
