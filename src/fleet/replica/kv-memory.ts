/** The KV memory of one copy: what each sequence holds for itself, and the blocks of prompts that all share. */
import { PrefixCache } from './prefix-cache.js';
import type { ReplicaListener } from './scheduling.js';
import type { Sequences } from './sequences.js';

/** Tokens of one block of the prefix cache, as in Mooncake's traces. */
export const BLOCK_TOKENS = 512;

export class KvMemory {
  readonly cache = new PrefixCache();
  readonly capacity: number;
  /** Integral over time of the tokens that live sequences hold. */
  tokenSeconds = 0;
  peakTokens = 0;
  private ownTokens = 0;
  private readonly sequences: Sequences;
  private readonly keepsBlocks: boolean;
  /** Numbers the blocks of a sequence: equal numbers are equal prompts up to there. */
  private readonly blocks: Pick<ReplicaListener<never>, 'blockOf'>;

  constructor(
    capacity: number,
    keepsBlocks: boolean,
    sequences: Sequences,
    blocks: Pick<ReplicaListener<never>, 'blockOf'>,
  ) {
    this.capacity = capacity;
    this.keepsBlocks = keepsBlocks;
    this.sequences = sequences;
    this.blocks = blocks;
  }

  get used(): number {
    return this.ownTokens + this.cache.heldBlocks * BLOCK_TOKENS;
  }

  /** Tokens that nobody holds; cached blocks of nobody count, as they can go. */
  get free(): number {
    return this.capacity - this.used;
  }

  /** Holds what the cache has of its first `tokens` tokens; how many blocks that are. */
  hold(slot: number, tokens: number): number {
    const s = this.sequences;
    let held = 0;
    if (this.keepsBlocks && s.hasPrefix[slot] === 1) {
      const most = Math.floor(this.knownTokens(slot, tokens) / BLOCK_TOKENS);
      while (held < most && this.cache.hold(this.blocks.blockOf(slot, held))) held++;
    }
    s.heldBlocks[slot] = held;
    return held;
  }

  /** Sets tokens aside for a sequence alone. */
  take(slot: number, tokens: number): void {
    this.sequences.ownTokens[slot] = tokens;
    this.ownTokens += tokens;
    this.evictOverflow();
  }

  /** Tokens of decoding sequences, which are booked on each of them when it stops decoding. */
  grow(tokens: number): void {
    this.ownTokens += tokens;
  }

  /** Makes the whole blocks among its first `tokens` tokens part of the cache, held by it. */
  share(slot: number, tokens: number): void {
    const { sequences: s, cache } = this;
    if (!this.keepsBlocks || s.hasPrefix[slot] === 0) return;
    const blocks = Math.floor(this.knownTokens(slot, tokens) / BLOCK_TOKENS);
    const from = s.heldBlocks[slot]!;
    for (let i = from; i < blocks; i++) {
      const block = this.blocks.blockOf(slot, i);
      if (!cache.hold(block)) cache.add(block);
    }
    const moved = Math.max(0, blocks - from) * BLOCK_TOKENS;
    s.heldBlocks[slot] = Math.max(from, blocks);
    s.ownTokens[slot] = s.ownTokens[slot]! - moved;
    this.ownTokens -= moved;
  }

  dropBlocks(slot: number): void {
    const { sequences: s, cache } = this;
    for (let i = s.heldBlocks[slot]! - 1; i >= 0; i--) cache.drop(this.blocks.blockOf(slot, i));
    s.heldBlocks[slot] = 0;
  }

  /** Frees all that a sequence holds. */
  release(slot: number): void {
    const { ownTokens } = this.sequences;
    this.dropBlocks(slot);
    this.ownTokens -= ownTokens[slot]!;
    ownTokens[slot] = 0;
  }

  /** Forgets the cached blocks that nobody holds. */
  empty(): void {
    while (this.cache.evict());
  }

  evictOverflow(): void {
    const most = this.capacity - this.ownTokens;
    while (this.cache.size * BLOCK_TOKENS > most && this.cache.evict());
  }

  /** Books a stretch at whose begin `before` tokens were held. */
  account(seconds: number, before: number): void {
    const { used } = this;
    this.tokenSeconds += (seconds * (before + used)) / 2;
    this.peakTokens = Math.max(this.peakTokens, used);
  }

  /** Of its first `tokens` tokens, those whose blocks have known numbers. */
  private knownTokens(slot: number, tokens: number): number {
    const { continues, prompt } = this.sequences;
    return continues[slot] === 1 ? tokens : Math.min(tokens, prompt[slot]!);
  }
}
