/**
 * Which rows the next step computes. Every step takes all sequences that decode and a chunk of the prompts that are
 * still being read, so neither can starve the other: a decoding sequence waits for one chunk at most, a prompt moves
 * on in every step.
 */
import { FEED_QUEUE, type FeedWriter, STAT } from '../feed.js';
import type { GrammarMatcher } from '../grammar/grammar.js';
import { maskStepsPerTurn } from '../grammar/limits.js';
import { kvPagePositions } from '../program/frame.js';
import type { PagePool } from './pages.js';
import type { Sequence } from './sequence.js';
import type { StateCopies } from './states.js';
import type { Stepper } from './stepper.js';

/** Prompts that share the chunk of a step, so that a short one is not behind all of a long one. */
const promptsAtOnce = 4;
/** How often waiting requests are told their position. */
const positionsMs = 50;

export interface SchedulerLimits {
  readonly maxRunning: number;
  /** Where it is false, all positions of a sequence are computed in one step, and their keys and values are nobody else's. */
  readonly isCausal: boolean;
  /** Rows of prompts and drafts in a step. */
  readonly prefillChunk: number;
}

/** A sequence's part of a step: `rows` tokens from its first that is not computed, or the newest and its drafts. */
export interface Share {
  readonly sequence: Sequence;
  readonly rows: number;
}

export class Scheduler {
  private readonly stepper: Stepper;
  private readonly pool: PagePool;
  /** Null for a model without recurrent states. */
  private readonly copies: StateCopies | null;
  private readonly feed: FeedWriter;
  private readonly limits: SchedulerLimits;
  private readonly fail: (sequence: Sequence, error: unknown) => void;
  private waiting: Sequence[] = [];
  /** The one to serve first comes first. */
  private running: Sequence[] = [];
  private readonly freeSlots: number[];
  /** Rows computed for each key that has requests here. */
  private readonly served = new Map<string, number>();
  /** Masks were not ready in the last plan: there is more to do, even without a share. */
  isPreparing: boolean = false;
  /** Whether the last plan is for the program that makes embeddings. */
  isEmbedding: boolean = false;
  private positionsMs = 0;
  private readonly positions = new Map<Sequence, number>();

  /** @param fail ends a sequence of which a part failed */
  constructor(
    stepper: Stepper,
    pool: PagePool,
    copies: StateCopies | null,
    feed: FeedWriter,
    limits: SchedulerLimits,
    fail: (sequence: Sequence, error: unknown) => void,
  ) {
    this.stepper = stepper;
    this.pool = pool;
    this.copies = copies;
    this.feed = feed;
    this.limits = limits;
    this.fail = fail;
    this.freeSlots = Array.from({ length: limits.maxRunning }, (_, i) => limits.maxRunning - 1 - i);
  }

  /** All requests that have not ended. */
  get sequences(): readonly Sequence[] {
    return [...this.running, ...this.waiting];
  }

  submit(sequence: Sequence): void {
    const { shareKey } = sequence;
    if (!this.served.has(shareKey)) {
      // A newcomer has no credit for the time in which it wanted nothing.
      this.served.set(shareKey, this.served.size === 0 ? 0 : Math.min(...this.served.values()));
    }
    this.waiting.push(sequence);
    this.positionsMs = 0;
  }

  find(request: number): Sequence | undefined {
    return this.running.find((s) => s.request === request) ?? this.waiting.find((s) => s.request === request);
  }

  /** Frees what an ended sequence holds. */
  remove(sequence: Sequence): void {
    if (sequence.slot >= 0) this.leave(sequence);
    else this.waiting = this.waiting.filter((other) => other !== sequence);
    this.positions.delete(sequence);
    this.positionsMs = 0;
    const { shareKey } = sequence;
    if (!this.sequences.some((other) => other.shareKey === shareKey)) this.served.delete(shareKey);
    this.count();
  }

  /** Puts the rows of the next step into the stepper; says whose they are. Empty when nothing can run. */
  plan(): Share[] {
    this.admit();
    const preparing = this.prepareMasks();
    this.isPreparing = preparing.size > 0;
    let shares: Share[] = [];
    // A step runs one program: answers and embeddings take turns.
    for (let turn = 0; turn < 2 && shares.length === 0; turn++) {
      this.isEmbedding = !this.isEmbedding;
      shares = this.sharesOf(
        this.running.filter(({ purpose }) => (purpose.kind === 'embedding') === this.isEmbedding),
        preparing,
      );
    }
    for (const share of shares) this.addRows(share);
    this.tellPositions();
    this.count();
    return shares;
  }

  /** What each of `running` gets of the next step; it has its pages. */
  private sharesOf(running: readonly Sequence[], preparing: ReadonlySet<Sequence>): Share[] {
    const shares: Share[] = [];
    const quotas = this.promptQuotas(running);
    let room = this.limits.prefillChunk;
    for (const rows of quotas.values()) room -= rows;
    for (const sequence of running) {
      if (sequence.slot < 0 || sequence.isPaused) continue;
      sequence.drafts = [];
      let rows = quotas.get(sequence) ?? 0;
      if (preparing.has(sequence) && sequence.computed + Math.max(1, rows) >= sequence.ids.length) continue;
      if (!sequence.isPrefilling) {
        try {
          sequence.drafts = draftsOf(sequence, room);
        } catch (error) {
          this.fail(sequence, error);
          continue;
        }
        room -= sequence.drafts.length;
        rows = 1 + sequence.drafts.length;
      }
      if (sequence.isPrefilling) rows = this.toBorder(sequence, rows);
      if (rows === 0 || !this.reserve(sequence, sequence.computed + rows)) continue;
      if (sequence.drafts.length > 0 && !this.rememberPast(sequence)) {
        sequence.drafts = [];
        rows = 1;
      }
      shares.push({ sequence, rows });
    }
    return shares;
  }

  /**
   * Goes on with the masks of the next tokens, for a bounded time in all, since everybody's next step waits meanwhile.
   * Returns those who are not ready.
   */
  private prepareMasks(): Set<Sequence> {
    const wanting = this.running.filter((s) => !s.isPaused && matcherOf(s)?.isReady === false);
    const preparing = new Set<Sequence>();
    for (const sequence of wanting) {
      try {
        if (matcherOf(sequence)!.prepare(maskStepsPerTurn / wanting.length) === false)
          preparing.add(sequence);
      } catch (error) {
        this.fail(sequence, error);
      }
    }
    return preparing;
  }

  /** With states a prompt's part ends with a page where it can, so that others can go on from there. */
  private toBorder({ computed }: Sequence, rows: number): number {
    if (this.copies === null) return rows;
    const border = Math.floor((computed + rows) / kvPagePositions) * kvPagePositions;
    return border > computed ? border - computed : rows;
  }

  /** Copies the states of a sequence with drafts, which cannot be taken out again. False if there is no room for that. */
  private rememberPast(sequence: Sequence): boolean {
    if (this.copies === null) return true;
    sequence.past = this.copies.take();
    if (sequence.past === null) return false;
    this.stepper.copyStates(sequence.slot, sequence.past);
    return true;
  }

  /** Whether the states are those after all rows of the step; if not, they are what they were before it. */
  private settlePast(sequence: Sequence, computed: number): boolean {
    const { past } = sequence;
    if (past === null) return true;
    const isWhole = computed === sequence.computed + 1 + sequence.drafts.length;
    if (!isWhole) this.stepper.copyStates(past, sequence.slot);
    this.copies!.give(past);
    sequence.past = null;
    return isWhole;
  }

  /** Keeps the states at the end of a page; of an answer's pages only the newest keeps them. */
  private keepStates(sequence: Sequence): void {
    const { copies } = this;
    const { shared, computed, promptTokens } = sequence;
    const page = shared.at(-1);
    if (!copies || !page || page.state !== null || shared.length * kvPagePositions !== computed) return;
    const isAnswer = computed > promptTokens;
    if (isAnswer && sequence.answered) copies.drop(sequence.answered);
    const record = copies.take();
    if (record === null) return;
    this.stepper.copyStates(sequence.slot, record);
    copies.keep(page, record);
    if (isAnswer) sequence.answered = page;
  }

  /** The tokens up to `computed` are in the cache: makes the full pages among them findable. */
  advance(sequence: Sequence, computed: number): void {
    // Where drafts were wrong, the right ones are computed again from the states before.
    if (!this.settlePast(sequence, computed)) return;
    sequence.computed = computed;
    if (!this.limits.isCausal) return;
    const { shared, own } = sequence;
    const shareable = isGuess(sequence) ? Math.min(computed, sequence.promptTokens) : computed;
    while (own.length > 0 && (shared.length + 1) * kvPagePositions <= shareable) {
      const page = own.shift()!;
      const node = this.pool.share(shared, sequence.ids, page, sequence.pageOwner);
      if (node.page !== page) this.stepper.setPage(sequence.slot, shared.length, node.page);
      shared.push(node);
    }
    this.keepStates(sequence);
  }

  /** Rows of each prompt in this step: equal parts for the first few, what is left in order. */
  private promptQuotas(running: readonly Sequence[]): Map<Sequence, number> {
    const all = running.filter((s) => s.isPrefilling && !s.isPaused);
    const quotas = new Map<Sequence, number>();
    let left = this.limits.prefillChunk;
    if (!this.limits.isCausal) {
      // The chunk has room for the longest there can be.
      for (const sequence of all) {
        if (sequence.ids.length > left) continue;
        quotas.set(sequence, sequence.ids.length);
        left -= sequence.ids.length;
      }
      return quotas;
    }
    const prompts = all.slice(0, promptsAtOnce);
    const part = Math.max(1, Math.floor(left / Math.max(1, prompts.length)));
    for (const most of [part, Number.POSITIVE_INFINITY]) {
      for (const sequence of prompts) {
        const had = quotas.get(sequence) ?? 0;
        const rows = Math.min(left, most, sequence.ids.length - sequence.computed - had);
        quotas.set(sequence, had + rows);
        left -= rows;
      }
    }
    return quotas;
  }

  private addRows({ sequence, rows }: Share): void {
    const { slot, computed, ids, drafts, adapter } = sequence;
    const last = computed + rows - 1;
    sequence.firstLogits = -1;
    for (let position = computed; position <= last; position++) {
      const id = ids[position] ?? drafts[position - ids.length]!;
      const row = this.stepper.add(slot, id, position, sequence.wants(position), adapter);
      if (sequence.firstLogits < 0) sequence.firstLogits = row;
    }
    this.served.set(sequence.shareKey, (this.served.get(sequence.shareKey) ?? 0) + rows);
    if (sequence.startMs === 0) sequence.startMs = performance.now();
  }

  private admit(): void {
    while (this.waiting.length > 0) {
      const next = this.next();
      if (this.freeSlots.length === 0 && !this.makeRoom(next.priority)) return;
      const isReread = next.needsAllRows || !this.limits.isCausal;
      const cacheable = isReread ? 0 : Math.floor((next.ids.length - 1) / kvPagePositions);
      const found = this.pool.find(next.ids, cacheable, next.pageOwner);
      const needed = Math.ceil((next.ids.length + 1) / kvPagePositions) - found.length;
      // A page for each running sequence, so that the newcomer does not push one out at once.
      if (this.running.length > 0 && needed + this.running.length > this.pool.available) {
        this.pool.release(found);
        if (!this.makeRoom(next.priority)) return;
        continue;
      }
      this.enter(next, found);
    }
  }

  private enter(sequence: Sequence, found: Sequence['shared']): void {
    this.waiting = this.waiting.filter((other) => other !== sequence);
    this.positions.delete(sequence);
    this.positionsMs = 0;
    sequence.slot = this.freeSlots.pop()!;
    sequence.shared = found;
    sequence.computed = found.length * kvPagePositions;
    found.forEach(({ page }, i) => {
      this.stepper.setPage(sequence.slot, i, page);
    });
    const state = found.at(-1)?.state ?? null;
    if (state !== null) this.stepper.copyStates(state, sequence.slot);
    if (sequence.cachedTokens === null) {
      sequence.cachedTokens = sequence.computed;
      if (sequence.purpose.kind === 'generate') {
        this.feed.stats[STAT.prefixQueryTokens]! += sequence.promptTokens;
        this.feed.stats[STAT.prefixHitTokens]! += sequence.computed;
        this.feed.write(sequence.request, FEED_QUEUE, [0, sequence.computed]);
      }
    }
    this.running.push(sequence);
    this.running.sort(byRank);
  }

  /** Of those waiting: highest priority, then the key that had least, then the oldest. */
  private next(): Sequence {
    const served = (s: Sequence): number => this.served.get(s.shareKey) ?? 0;
    return this.waiting.reduce((best, s) => {
      const difference = s.priority - best.priority || served(best) - served(s) || best.order - s.order;
      return difference > 0 ? s : best;
    });
  }

  /** Sends the lowest running sequence below `priority` back to wait. */
  private makeRoom(priority: number): boolean {
    const victim = this.victim();
    if (victim === undefined || victim.priority >= priority) return false;
    this.preempt(victim);
    return true;
  }

  /** Pages for the first `tokens` tokens. False if the sequence itself had to give way. */
  private reserve(sequence: Sequence, tokens: number): boolean {
    while (sequence.pageCount * kvPagePositions < tokens) {
      const page = this.pool.take();
      if (page !== null) {
        this.stepper.setPage(sequence.slot, sequence.pageCount, page);
        sequence.own.push(page);
        continue;
      }
      // Those before this one in the list have rows in the step already, and are never the lowest.
      const victim = this.victim()!;
      this.preempt(victim);
      if (victim === sequence) return false;
    }
    return true;
  }

  /** Who gives way first: a paused sequence, else the lowest. */
  private victim(): Sequence | undefined {
    return this.running.findLast((s) => s.isPaused) ?? this.running.at(-1);
  }

  /** Back to wait; what it has said stays, its keys and values are computed again later unless still cached. */
  private preempt(sequence: Sequence): void {
    this.leave(sequence);
    this.waiting.push(sequence);
    this.feed.stats[STAT.preemptions]! += 1;
  }

  private leave(sequence: Sequence): void {
    this.running = this.running.filter((other) => other !== sequence);
    this.pool.release(sequence.shared);
    for (const page of sequence.own) this.pool.give(page);
    if (sequence.past !== null) this.copies!.give(sequence.past);
    this.freeSlots.push(sequence.slot);
    sequence.slot = -1;
    sequence.past = null;
    sequence.answered = null;
    sequence.shared = [];
    sequence.own = [];
    sequence.computed = 0;
  }

  private tellPositions(): void {
    const now = performance.now();
    if (this.waiting.length === 0 || now - this.positionsMs < positionsMs) return;
    this.positionsMs = now;
    [...this.waiting].sort(byRank).forEach((sequence, i) => {
      const position = i + 1;
      if (this.positions.get(sequence) === position || sequence.purpose.kind !== 'generate') return;
      // One that was sent back has started already.
      if (sequence.cachedTokens !== null) return;
      this.positions.set(sequence, position);
      this.feed.write(sequence.request, FEED_QUEUE, [position]);
    });
  }

  private count(): void {
    const { stats } = this.feed;
    stats[STAT.running] = this.running.length;
    stats[STAT.waiting] = this.waiting.length;
    stats[STAT.waitingTokens] = this.waiting.reduce((sum, s) => sum + s.promptTokens, 0);
    stats[STAT.cachedPages] = this.pool.cached;
    stats[STAT.usedPages] = this.pool.total - this.pool.available;
  }
}

function byRank(a: Sequence, b: Sequence): number {
  return b.priority - a.priority || a.order - b.order;
}

function isGuess({ purpose }: Sequence): boolean {
  return purpose.kind === 'generate' && purpose.job.isGuess;
}

function matcherOf({ purpose }: Sequence): GrammarMatcher | null {
  return purpose.kind === 'generate' ? purpose.matcher : null;
}

function draftsOf({ purpose, ids, promptTokens }: Sequence, room: number): readonly number[] {
  if (purpose.kind !== 'generate' || purpose.drafter === null) return [];
  // The last token is never fed back, so a draft may reach up to the one before it.
  const left = purpose.job.maxTokens - (ids.length - promptTokens) - 1;
  return purpose.drafter.draft(Math.min(room, left));
}
