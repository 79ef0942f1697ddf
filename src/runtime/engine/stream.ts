/** A running request as the engine sees it: tokens that have come and are not taken yet. */
import type { TokenLogprobs } from '../types.js';

/** Tokens that a request may be ahead of its reader; then it is paused. */
export const streamAhead = 512;
/** The leader is told what was read in steps of this many tokens. */
const step = 128;

export class Stream {
  readonly request: number;
  /** Tokens come, the end, or a failure. */
  private wake: (() => void) | null = null;
  private readonly allow: (tokens: number) => void;
  private ids: number[] = [];
  private logprobs: TokenLogprobs[] = [];
  private taken = 0;
  private allowed = streamAhead;
  private isEnded = false;
  private failure: unknown = null;
  /** Time of the first token's arrival; 0 before. */
  firstMs = 0;

  /** @param allow tells the leader how many tokens the answer may have by now */
  constructor(request: number, allow: (tokens: number) => void) {
    this.request = request;
    this.allow = allow;
  }

  push(id: number, logprobs: TokenLogprobs | undefined): void {
    if (this.firstMs === 0) this.firstMs = performance.now();
    this.ids.push(id);
    if (logprobs !== undefined) this.logprobs.push(logprobs);
    this.wake?.();
  }

  /** Nothing more will come. */
  end(): void {
    this.isEnded = true;
    this.wake?.();
  }

  fail(error: unknown): void {
    this.failure ??= error;
    this.end();
  }

  /** The tokens that have come, at least one; null after the last. @throws what the request failed with */
  async take(): Promise<{ ids: number[]; logprobs: TokenLogprobs[] } | null> {
    while (this.ids.length === 0 && !this.isEnded) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    if (this.failure !== null) throw this.failure;
    if (this.ids.length === 0) return null;
    const { ids, logprobs } = this;
    this.ids = [];
    this.logprobs = [];
    this.taken += ids.length;
    if (this.taken + streamAhead - this.allowed >= step && !this.isEnded) {
      this.allowed = this.taken + streamAhead;
      this.allow(this.allowed);
    }
    return { ids, logprobs };
  }
}
