/**
 * Worker 0: runs the steps of all requests and samples, so that between two tokens nothing waits for the thread that
 * called. Calls come by messages, which it reads between steps when the feed says that there are some; tokens leave
 * through the feed.
 */
import { messageOf } from '../../core/errors.js';
import { failureOf, type PackedError, packError } from '../failure.js';
import { FEED_DRAFT, FEED_PREFILL, FEED_TOKEN, type FeedMemory, FeedWriter, STAT } from '../feed.js';
import { createGrammarCompiler, type GrammarCompiler } from '../grammar/grammar.js';
import type { FinishReason, Pooling } from '../types.js';
import { Drafter, type DraftSource, GivenDrafts } from './draft.js';
import { logprobsRecord } from './logprobs.js';
import { PagePool } from './pages.js';
import { Pool } from './pool.js';
import { requireFinite, Sampler, SamplerScratch } from './sampler.js';
import { Scheduler, type SchedulerLimits, type Share } from './scheduler.js';
import { type Job, type JobResult, type Purpose, Sequence, type WindowScores } from './sequence.js';
import { StateCopies } from './states.js';
import { Stepper, type StepperInit } from './stepper.js';

/** Enough for the batch path with its pairs and fours. */
const warmUpTokens = 8;
/** Steps of a mask for the token after a draft. */
const draftMaskSteps = 500;
/** Turns of the event loop within which a message that was announced arrives. */
const mailTurns = 50;
/** Later ones take a millisecond, for a sender that has lost its core. */
const quickTurns = 4;

/** What worker 0 needs to know of the layout. */
export interface LeaderInit extends StepperInit, SchedulerLimits {
  readonly feed: FeedMemory;
  /** Pages of the KV cache. */
  readonly pages: number;
  /** Records for copies of recurrent states, behind those of the running sequences. */
  readonly stateCopies: number;
}

/** One turn of the event loop, in which calls that have arrived are read. */
export type Pause = () => Promise<void>;

/** An input to be embedded. */
export type EmbedJob = Pick<Job, 'request' | 'priority' | 'shareKey' | 'adapter'> & {
  readonly ids: readonly number[];
};

/** A job's end, or what broke it and no other. */
export type JobOutcome = JobResult | { readonly failure: PackedError };

export interface LeaderApi {
  /** Runs both paths once, so that the first prompt does not wait for compilers and fresh pages. */
  warmUp(): void;
  generate(job: Job): Promise<JobOutcome>;
  /** Bytes of each token and the end tokens, before the first job with a grammar. */
  setVocabulary(vocabulary: readonly Uint8Array[], eosIds: readonly number[]): void;
  /** Scores up to `context` ids. Null if cancelled. */
  score(
    request: number,
    ids: readonly number[],
    top: number | null,
    adapter: number,
  ): Promise<WindowScores | null>;
  /** The logits [vocabSize] after the last of `ids`. */
  logits(request: number, ids: readonly number[], adapter: number): Promise<Float32Array>;
  /** What the model makes of the pooled rows of `ids`. Null if cancelled. */
  embed(input: EmbedJob, pooling: Pooling): Promise<Float32Array | null>;
  /** Ends a request, wherever it is; one that is unknown or has ended is left alone. */
  cancel(request: number): void;
  /** A request's answer may have so many tokens by now; with as many it is paused. */
  allow(request: number, tokens: number): void;
  /** The draft that a request waits for; it waits for the next one after `undrafted` tokens. */
  suggest(request: number, ids: readonly number[], undrafted: number): void;
  /** A guess has `kept` tokens of its answer right, goes on from `ids` behind them, and may have `allowed` in all. */
  correct(request: number, kept: number, ids: readonly number[], allowed: number): void;
}

/** The functions of worker 0; nothing else of it is exposed. */
export function createLeader(init: LeaderInit, pause: Pause): LeaderApi {
  const leader = new Leader(init, pause);
  const read = <A extends unknown[], R>(call: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      leader.onMessage();
      return call(...args);
    };
  };
  return {
    warmUp: () => leader.warmUp(),
    generate: read((job) => leader.generate(job)),
    setVocabulary: read((vocabulary, eosIds) => leader.setVocabulary(vocabulary, eosIds)),
    score: read((request, ids, top, adapter) => leader.score(request, ids, top, adapter)),
    logits: read((request, ids, adapter) => leader.logits(request, ids, adapter)),
    embed: read((input, pooling) => leader.embed(input, pooling)),
    cancel: read((request) => leader.cancel(request)),
    allow: read((request, tokens) => leader.allow(request, tokens)),
    suggest: read((request, ids, undrafted) => leader.suggest(request, ids, undrafted)),
    correct: read((request, kept, ids, allowed) => leader.correct(request, kept, ids, allowed)),
  };
}

class Leader {
  /** Calls read so far. */
  private messages = 0;
  /** Announced calls that are not waited for any more: they could not be sent, or are late. */
  private missing = 0;
  private readonly init: LeaderInit;
  /** Recurrent ones. */
  private readonly hasStates: boolean;
  private readonly stepper: Stepper;
  private readonly feed: FeedWriter;
  private readonly scheduler: Scheduler;
  private readonly scratch: SamplerScratch;
  private readonly pause: Pause;
  private grammars: GrammarCompiler | null = null;
  private isLooping: boolean = false;
  private hasSettled: boolean = false;
  private requests = 0;
  /** Embeddings whose rows are all there. */
  private readonly finished: Sequence[] = [];

  constructor(init: LeaderInit, pause: Pause) {
    this.init = init;
    this.pause = pause;
    this.stepper = new Stepper(init);
    this.feed = new FeedWriter(init.feed);
    this.hasStates = init.states.some(({ stride }) => stride > 0);
    const copies = this.hasStates ? new StateCopies(init.maxRunning, init.stateCopies) : null;
    this.scheduler = new Scheduler(
      this.stepper,
      new PagePool(init.pages, copies),
      copies,
      this.feed,
      init,
      (sequence, error) => this.end(sequence, failureOf(error)),
    );
    this.scratch = new SamplerScratch(init.vocabSize);
  }

  warmUp(): void {
    const { answers, embeddings } = this.init.images;
    const image = answers?.image ?? embeddings.image;
    this.stepper.setPage(0, 0, 0);
    const rows = Math.min(warmUpTokens, this.stepper.maxRows);
    for (let row = 0; row < rows; row++) this.stepper.add(0, 0, row, row === rows - 1);
    this.stepper.run(image);
    this.stepper.add(0, 0, 0, true);
    this.stepper.run(image);
    this.stepper.profiler?.clear();
  }

  generate(job: Job): Promise<JobOutcome> {
    const { request, promptIds, priority, shareKey, adapter } = job;
    let purpose: Purpose;
    try {
      purpose = this.purposeOf(job);
    } catch (error) {
      return Promise.resolve({ failure: packError(failureOf(error)) });
    }
    return new Promise((resolve) => {
      const facts = { request, ids: promptIds, purpose, priority, shareKey, adapter };
      const sequence = this.submit(facts, (outcome) => {
        if (outcome instanceof Error) resolve({ failure: packError(failureOf(outcome)) });
        else {
          const { profiler } = this.stepper;
          resolve({ ...sequence.result(outcome), ...(profiler && { profile: profiler.profile }) });
        }
      });
    });
  }

  private purposeOf(job: Job): Purpose {
    return {
      kind: 'generate',
      job,
      sampler: new Sampler(this.init.vocabSize, job.sampling, job.promptIds, this.scratch),
      drafter: drafterOf(job),
      matcher: job.grammar === null ? null : this.grammars!.follow(job.grammar.key, job.grammar.automaton),
    };
  }

  setVocabulary(vocabulary: readonly Uint8Array[], eosIds: readonly number[]): void {
    this.grammars = createGrammarCompiler(vocabulary, eosIds);
  }

  score(
    request: number,
    ids: readonly number[],
    top: number | null,
    adapter: number,
  ): Promise<WindowScores | null> {
    const scores: WindowScores = {
      records: [],
      argmax: new Int32Array(ids.length),
      nll: new Float64Array(Math.max(0, ids.length - 1)),
    };
    const purpose: Purpose = { kind: 'score', scores, top };
    return new Promise((resolve, reject) => {
      this.submit({ request, ids, purpose, priority: 0, shareKey: '', adapter }, (outcome) => {
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome === 'cancelled' ? null : scores);
      });
    });
  }

  logits(request: number, ids: readonly number[], adapter: number): Promise<Float32Array> {
    const purpose: Purpose = { kind: 'logits', logits: new Float32Array(0) };
    return new Promise((resolve, reject) => {
      this.submit({ request, ids, purpose, priority: 0, shareKey: '', adapter }, (outcome) => {
        if (outcome instanceof Error) reject(outcome);
        else resolve(purpose.logits);
      });
    });
  }

  embed(input: EmbedJob, pooling: Pooling): Promise<Float32Array | null> {
    const pool = new Pool(this.init.images.embeddings.rows.features);
    return new Promise((resolve, reject) => {
      const purpose: Purpose = { kind: 'embedding', pooling, pool };
      this.submit({ ...input, purpose }, (outcome) => {
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome === 'cancelled' ? null : pool.result);
      });
    });
  }

  cancel(request: number): void {
    const sequence = this.scheduler.find(request);
    if (sequence === undefined) return;
    this.end(sequence, 'cancelled');
    this.start();
  }

  allow(request: number, tokens: number): void {
    const sequence = this.scheduler.find(request);
    if (sequence === undefined) return;
    sequence.allowed = tokens;
    this.start();
  }

  suggest(request: number, ids: readonly number[], undrafted: number): void {
    const sequence = this.scheduler.find(request);
    if (sequence?.purpose.kind !== 'generate') return;
    const { drafter } = sequence.purpose;
    if (drafter instanceof GivenDrafts) drafter.give(ids);
    sequence.undrafted = undrafted;
    sequence.awaitsDraft = false;
    this.start();
  }

  correct(request: number, kept: number, ids: readonly number[], allowed: number): void {
    const sequence = this.scheduler.find(request);
    if (sequence === undefined) return;
    const right = sequence.promptTokens + kept;
    // States that have gone past what is right cannot be taken back.
    if (this.hasStates && right < sequence.ids.length) {
      this.end(sequence, 'stop');
      return;
    }
    sequence.ids.length = right;
    sequence.ids.push(...ids);
    sequence.computed = Math.min(sequence.computed, right, sequence.ids.length - 1);
    sequence.allowed = allowed;
    this.start();
  }

  private submit(
    facts: Omit<ConstructorParameters<typeof Sequence>[0], 'order'>,
    settled: (outcome: FinishReason | Error) => void,
  ): Sequence {
    const sequence = new Sequence({ ...facts, order: this.requests++ }, settled);
    this.scheduler.submit(sequence);
    this.start();
    return sequence;
  }

  private start(): void {
    if (this.isLooping) return;
    this.isLooping = true;
    this.loop().then(
      () => undefined,
      (error: unknown) => {
        const reason = error instanceof Error ? error : new Error(messageOf(error));
        // None of them is stepped again, whatever is asked next.
        for (const sequence of this.scheduler.sequences) this.end(sequence, reason);
        // What fails outside of any sequence leaves a state that nobody knows: the engine is told, and ends.
        setTimeout(() => {
          throw reason;
        });
      },
    );
  }

  /** Steps for as long as any request can move. */
  private async loop(): Promise<void> {
    try {
      await this.readMail();
      for (;;) {
        const shares = this.scheduler.plan();
        if (shares.length > 0) {
          const { answers, embeddings } = this.init.images;
          this.stepper.run(this.scheduler.isEmbedding ? embeddings.image : answers!.image);
          this.feed.stats[STAT.steps]! += 1;
          for (const share of shares) this.advance(share);
          this.finishEmbeddings();
        } else if (!this.scheduler.isPreparing) break;
        this.feed.turn(false);
        // The answer to a call leaves when promises get their turn.
        if (this.hasSettled) await null;
        this.hasSettled = false;
        await this.readMail();
      }
    } finally {
      this.isLooping = false;
      this.stepper.profiler?.rest();
      this.feed.turn(true);
    }
  }

  /** Lets calls come in that the engine has announced. */
  private async readMail(): Promise<void> {
    if (this.feed.isOneThread) await this.pause();
    for (let turn = 0; this.feed.mail - this.messages > this.missing; turn++) {
      if (turn === mailTurns) this.missing = this.feed.mail - this.messages;
      else if (turn < quickTurns) await this.pause();
      else await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** A call has come. */
  onMessage(): void {
    this.messages++;
    this.missing = Math.min(this.missing, Math.max(0, this.feed.mail - this.messages));
  }

  /** Takes what the step computed for a sequence. */
  private advance({ sequence, rows }: Share): void {
    const { purpose } = sequence;
    try {
      if (purpose.kind === 'generate') this.advanceAnswer(sequence, purpose, rows);
      else this.advanceReading(sequence, purpose, rows);
    } catch (error) {
      this.end(sequence, failureOf(error));
    }
  }

  private advanceReading(
    sequence: Sequence,
    purpose: Exclude<Purpose, { kind: 'generate' }>,
    rows: number,
  ): void {
    const { ids, computed, firstLogits, promptTokens } = sequence;
    if (purpose.kind === 'score') {
      for (let row = 0; row < rows; row++) {
        const position = computed + row;
        purpose.scores.argmax[position] = this.stepper.best(firstLogits + row);
        const next = ids[position + 1];
        if (next === undefined) continue;
        const logits = this.stepper.logitsRow(firstLogits + row);
        purpose.scores.nll[position] = this.stepper.logSumExp(firstLogits + row) - logits[next]!;
        if (purpose.top === null) continue;
        const record = logprobsRecord(this.stepper, firstLogits + row, purpose.top);
        purpose.scores.records[position] = Int32Array.of(next, ...record(next));
      }
    } else if (purpose.kind === 'embedding') {
      // One that had to give way begins again.
      if (computed === 0) purpose.pool.clear();
      this.feed.stats[STAT.promptTokens]! += rows;
      for (let row = 0, position = computed; position < computed + rows; position++)
        if (sequence.wants(position)) purpose.pool.add(this.stepper.embeddingRow(firstLogits + row++));
    } else if (firstLogits >= 0) {
      purpose.logits = this.stepper.logitsRow(firstLogits).slice();
    }
    this.scheduler.advance(sequence, computed + rows);
    this.feed.write(sequence.request, FEED_PREFILL, [sequence.computed]);
    if (sequence.computed < promptTokens) return;
    if (purpose.kind === 'embedding') this.finished.push(sequence);
    else this.end(sequence, 'stop');
  }

  /** What follows pooling is a step of its own, so it comes when all rows of the step before are read. */
  private finishEmbeddings(): void {
    for (const sequence of this.finished.splice(0)) {
      const { purpose } = sequence;
      if (sequence.isEnded || purpose.kind !== 'embedding') continue;
      try {
        purpose.pool.result = this.stepper.finish(purpose.pool.mean());
        this.end(sequence, 'stop');
      } catch (error) {
        this.end(sequence, failureOf(error));
      }
    }
  }

  private advanceAnswer(
    sequence: Sequence,
    purpose: Extract<Purpose, { kind: 'generate' }>,
    rows: number,
  ): void {
    const { ids, firstLogits, drafts, promptTokens } = sequence;
    const reached = sequence.computed + rows - drafts.length;
    if (sequence.computed < promptTokens) {
      this.feed.write(sequence.request, FEED_PREFILL, [Math.min(reached, promptTokens)]);
      this.feed.stats[STAT.promptTokens]! += Math.min(reached, promptTokens) - sequence.computed;
    }
    if (firstLogits < 0) {
      this.scheduler.advance(sequence, reached);
      return;
    }
    let accepted = 0;
    let ended: FinishReason | null = null;
    for (;;) {
      ended = this.choose(sequence, purpose, firstLogits + accepted);
      if (ended !== null || accepted === drafts.length || drafts[accepted] !== ids.at(-1)) break;
      // A draft is not worth waiting for its mask.
      if (purpose.matcher?.prepare(draftMaskSteps) === false) break;
      accepted++;
    }
    purpose.drafter?.learn(drafts.length, accepted);
    sequence.draftTokens += drafts.length;
    sequence.acceptedTokens += accepted;
    if (ended !== null) this.end(sequence, ended);
    else {
      this.scheduler.advance(sequence, ids.length - 1);
      if (purpose.job.isDrafted) this.askForDraft(sequence, accepted + 1);
    }
  }

  private askForDraft(sequence: Sequence, made: number): void {
    sequence.undrafted -= made;
    if (sequence.undrafted > 0) return;
    sequence.awaitsDraft = true;
    this.feed.write(sequence.request, FEED_DRAFT, []);
    this.feed.turn(true);
  }

  /** Samples a token from a row of logits and takes it in; says why the answer ends there, if it does. */
  private choose(
    sequence: Sequence,
    { job, sampler, drafter, matcher }: Extract<Purpose, { kind: 'generate' }>,
    row: number,
  ): FinishReason | null {
    const record = job.logprobs === null ? null : logprobsRecord(this.stepper, row, job.logprobs);
    const mask = matcher?.mask() ?? null;
    if (mask !== null) forbid(this.stepper.logitsRow(row), mask);
    const id =
      mask === null && sampler.isArgmax ? this.best(row) : sampler.sample(this.stepper.logitsRow(row));
    if (job.eosIds.includes(id)) return 'stop';
    sampler.accept(id);
    matcher?.accept(id);
    drafter?.push(id);
    sequence.ids.push(id);
    sequence.lastMs = performance.now();
    this.feed.stats[STAT.generatedTokens]! += 1;
    this.feed.write(sequence.request, FEED_TOKEN, record === null ? [id] : [id, ...record(id)]);
    if (sequence.firstMs === 0) {
      sequence.firstMs = sequence.lastMs;
      this.feed.turn(true);
    }
    return sequence.ids.length - sequence.promptTokens >= job.maxTokens ? 'length' : null;
  }

  private best(row: number): number {
    const id = this.stepper.best(row);
    requireFinite(this.stepper.logitsRow(row)[id]!, id);
    return id;
  }

  private end(sequence: Sequence, outcome: FinishReason | Error): void {
    this.scheduler.remove(sequence);
    sequence.end(outcome);
    this.hasSettled = true;
  }
}

function drafterOf({ prediction, promptLookup, promptIds, isDrafted }: Job): DraftSource | null {
  if (isDrafted) return new GivenDrafts();
  if (prediction === null && !promptLookup) return null;
  return new Drafter(prediction ?? [], promptIds);
}

/** -Infinity for every token whose bit is not set. */
function forbid(logits: Float32Array, mask: Int32Array): void {
  for (let word = 0; word < mask.length; word++) {
    const bits = mask[word]!;
    if (bits === -1) continue;
    const end = Math.min(32, logits.length - word * 32);
    for (let bit = 0; bit < end; bit++) {
      if ((bits & (1 << bit)) === 0) logits[word * 32 + bit] = Number.NEGATIVE_INFINITY;
    }
  }
}
