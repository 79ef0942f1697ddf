/** A request inside the leader: what is wanted, what is computed, which pages hold it. */

import type { CompiledGrammar } from '../grammar/compiled.js';
import type { GrammarMatcher } from '../grammar/grammar.js';
import type { FinishReason, Pooling, Profile, SamplingOptions } from '../types.js';
import type { DraftSource } from './draft.js';
import type { CachedPage } from './pages.js';
import type { Pool } from './pool.js';
import type { Sampler } from './sampler.js';

/** A request as it comes to the leader: plain data. */
export interface Job {
  readonly request: number;
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly eosIds: readonly number[];
  readonly sampling: SamplingOptions;
  readonly priority: number;
  readonly shareKey: string;
  /** The choice of adapters; 0 for none. */
  readonly adapter: number;
  /** Tokens that the answer may have before the reader has said that it took some. */
  readonly allowed: number;
  /** Likeliest tokens to report; null for no log-probabilities. */
  readonly logprobs: number | null;
  /** Ids of the predicted output; null for none. */
  readonly prediction: readonly number[] | null;
  readonly promptLookup: boolean;
  /** Whether drafts come from another model: it waits for them. */
  readonly isDrafted: boolean;
  /** Whether it drafts for another model, and is put right: what it has made is of use to nobody else. */
  readonly isGuess: boolean;
  readonly grammar: CompiledGrammar | null;
}

export interface JobResult {
  readonly finishReason: FinishReason;
  readonly cachedTokens: number;
  readonly draftTokens: number;
  readonly acceptedTokens: number;
  readonly queueMs: number;
  /** From the first step to the first token. */
  readonly prefillMs: number;
  /** From the first token to the last. */
  readonly decodeMs: number;
  /** Where steps are profiled. */
  readonly profile?: Profile;
}

export interface WindowScores {
  /** The most likely token after each position. */
  readonly argmax: Int32Array;
  /** Negative log-likelihood of the next token after each position but the last, in nats. */
  readonly nll: Float64Array;
  /** Log-probabilities after each position but the last, as the feed has them; empty where none were asked for. */
  readonly records: Int32Array[];
}

/** What a sequence is for. */
export type Purpose =
  | {
      readonly kind: 'generate';
      readonly job: Job;
      readonly sampler: Sampler;
      readonly drafter: DraftSource | null;
      readonly matcher: GrammarMatcher | null;
    }
  | { readonly kind: 'score'; readonly scores: WindowScores; readonly top: number | null }
  | { readonly kind: 'logits'; logits: Float32Array }
  | { readonly kind: 'embedding'; readonly pooling: Pooling; readonly pool: Pool };

export class Sequence {
  readonly request: number;
  readonly purpose: Purpose;
  /** Prompt and generated tokens. */
  readonly ids: number[];
  readonly promptTokens: number;
  readonly priority: number;
  readonly shareKey: string;
  readonly adapter: number;
  /** Rank among all requests by time. */
  readonly order: number;
  /** Tokens whose keys and values are in the cache. */
  computed = 0;
  /** Where the step finds its page table; -1 while it waits. */
  slot = -1;
  /** Pages that can be shared, from the start, then pages of its own. */
  shared: CachedPage[] = [];
  own: number[] = [];
  /** Tokens that the answer may have by now: its reader lags behind when there are as many. */
  allowed = Number.POSITIVE_INFINITY;
  /** Reads of the first row of logits and number of such rows in the step under way. */
  firstLogits = -1;
  drafts: readonly number[] = [];
  /** It makes no steps until a draft has come. */
  awaitsDraft: boolean = false;
  /** Tokens that it makes before it waits for the next draft. */
  undrafted = 0;
  /** The record with its states before the drafts of the step under way; null for none. */
  past: number | null = null;
  /** The last page of its answer after which a copy of its states was made. */
  answered: CachedPage | null = null;
  cachedTokens: number | null = null;
  draftTokens = 0;
  acceptedTokens = 0;
  lastPosition = -1;
  readonly submitMs = performance.now();
  startMs: number = 0;
  firstMs: number = 0;
  lastMs: number = 0;
  private settled: ((outcome: FinishReason | Error) => void) | null;

  constructor(
    facts: {
      readonly request: number;
      readonly ids: readonly number[];
      readonly purpose: Purpose;
      readonly priority: number;
      readonly shareKey: string;
      readonly adapter: number;
      readonly order: number;
    },
    settled: (outcome: FinishReason | Error) => void,
  ) {
    this.request = facts.request;
    this.purpose = facts.purpose;
    this.ids = [...facts.ids];
    this.promptTokens = facts.ids.length;
    this.priority = facts.priority;
    this.shareKey = facts.shareKey;
    this.adapter = facts.adapter;
    this.order = facts.order;
    if (facts.purpose.kind === 'generate') this.allowed = facts.purpose.job.allowed;
    this.settled = settled;
  }

  /** Whose pages it finds: those of the same key and the same choice of adapters. */
  get pageOwner(): string {
    return `${this.adapter} ${this.shareKey}`;
  }

  get pageCount(): number {
    return this.shared.length + this.own.length;
  }

  /** It keeps its pages and makes no steps until its reader has caught up. */
  get isPaused(): boolean {
    return this.awaitsDraft || this.ids.length - this.promptTokens >= this.allowed;
  }

  get isEnded(): boolean {
    return this.settled === null;
  }

  /** True while more than the newest token is not computed. */
  get isPrefilling(): boolean {
    return this.purpose.kind !== 'generate' || this.computed < this.ids.length - 1;
  }

  /** Whether the step leaves something for the position. */
  wants(position: number): boolean {
    const { purpose } = this;
    const isLast = position >= this.ids.length - 1;
    if (purpose.kind !== 'embedding') return purpose.kind === 'score' || isLast;
    return purpose.pooling === 'mean' || (purpose.pooling === 'first' ? position === 0 : isLast);
  }

  /** Whether every position has to be computed for it, whatever is cached. */
  get needsAllRows(): boolean {
    const { purpose } = this;
    return purpose.kind === 'score' || (purpose.kind === 'embedding' && purpose.pooling !== 'last');
  }

  /** Ends the request; later calls change nothing. */
  end(outcome: FinishReason | Error): void {
    const settled = this.settled;
    this.settled = null;
    settled?.(outcome);
  }

  result(finishReason: FinishReason): JobResult {
    const now = performance.now();
    const startMs = this.startMs || now;
    const firstMs = this.firstMs || now;
    return {
      finishReason,
      cachedTokens: this.cachedTokens ?? 0,
      draftTokens: this.draftTokens,
      acceptedTokens: this.acceptedTokens,
      queueMs: startMs - this.submitMs,
      prefillMs: firstMs - startMs,
      decodeMs: this.firstMs === 0 ? 0 : this.lastMs - this.firstMs,
    };
  }
}
