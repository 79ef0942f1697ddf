/** How a copy of the model is scheduled, and what it tells the fleet it belongs to. */
import type { LogHistogram } from '../measure/histogram.js';
import type { Timeline } from '../measure/timeline.js';

export type Role = 'both' | 'prefill' | 'decode';

export interface SchedulerPolicy {
  /** Sequences that run at once at most. */
  readonly maxBatch: number;
  /** Prompt tokens per step at most. */
  readonly chunkTokens: number;
  /** Requests that may wait at one replica; more are refused. */
  readonly maxQueue: number;
  readonly prefixCache: boolean;
  /** Whether the memory of the whole answer is set aside on admission (TensorRT-LLM) or grows (vLLM). */
  readonly reservesAnswer: boolean;
}

/** What a replica of type `R` tells the fleet it belongs to. */
export interface ReplicaListener<R> {
  /** Gaps between tokens, by tier. */
  readonly gaps: readonly [LogHistogram, LogHistogram];
  readonly timeline: Timeline | null;
  blockOf(slot: number, index: number): number;
  boundary(replica: R, time: number): void;
  firstToken(slot: number, time: number): void;
  drains(slot: number, until: number): void;
  /** The prompt of a prefill copy is done; it keeps its memory until `release`. */
  transfers(slot: number, time: number): void;
  ended(slot: number, time: number): void;
  /** Between two steps: the moment to give it more to do. */
  between(replica: R, time: number): void;
  preempted(slot: number): void;
}
