/**
 * Worker 0: runs the steps of a generation and samples, so that between two tokens nothing waits for the thread that
 * called. It speaks with the engine through a few shared words (below) for tokens and cancellation, and through
 * `LeaderApi` for everything else.
 */
import {
  CTL_ARGMAX,
  CTL_IMAGE,
  CTL_LOGIT_INDEX,
  CTL_LOGIT_ROWS,
  CTL_PAGES,
  CTL_POSITIONS,
  CTL_ROWS,
  CTL_TOKENS,
} from '../../kernels/program/layout.js';
import { EngineError } from '../core/errors.js';
import { instantiateKernels, type KernelExports } from './kernels.js';
import { Sampler } from './sampler.js';
import type { FinishReason, SamplingOptions } from './types.js';

/** Words of the board, an Int32Array that the engine reads and the leader writes (and the other way: `cancel`). */
export const BOARD_TURN = 0;
export const BOARD_CANCEL = 1;
export const BOARD_PREFILLED = 2;
export const BOARD_COUNT = 3;
/** Not zero when the job has ended, whichever way. */
export const BOARD_DONE = 4;
export const BOARD_IDS = 5;

/**
 * The engine is woken no more often than this. Its thread needs a core that the workers are using, so waking it for
 * each of a thousand tokens a second would slow them all down; a reader does not see 8 ms.
 */
const wakeMs = 8;

/** Enough for the batch path with its pairs and fours. */
const warmUpTokens = 8;

/** What worker 0 needs to know of the layout. */
export interface LeaderInit {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly board: Int32Array;
  readonly control: number;
  readonly workers: number;
  readonly maxRows: number;
  readonly prefillImage: number;
  readonly decodeImage: number;
  readonly vocabSize: number;
  readonly logits: number;
  readonly logitsStride: number;
  readonly pageTable: number;
}

export interface Job {
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly eosIds: readonly number[];
  readonly sampling: SamplingOptions;
}

export interface JobResult {
  readonly finishReason: FinishReason;
  readonly prefillMs: number;
  /** From the first token to the last one sampled. */
  readonly decodeMs: number;
}

export interface WindowScores {
  /** The most likely token after each position. */
  readonly argmax: Int32Array;
  /** Negative log-likelihood of the window's next token after each position but the last, in nats. */
  readonly nll: Float64Array;
}

export interface LeaderApi {
  /** Runs both paths once, so that the first prompt does not wait for compilers and fresh pages. */
  warmUp(): void;
  generate(job: Job): JobResult;
  /** Scores up to `context` ids from position 0. Returns null if cancelled. */
  score(ids: readonly number[]): WindowScores | null;
  /** The logits [vocabSize] after the last of `ids`, from position 0. */
  logits(ids: readonly number[]): Float32Array;
}

/** The functions of worker 0; nothing else of it is exposed. */
export function createLeader(init: LeaderInit): LeaderApi {
  const leader = new Leader(init);
  return {
    warmUp: () => leader.ending(() => leader.warmUp()),
    generate: (job) => leader.ending(() => leader.generate(job)),
    score: (ids) => leader.ending(() => leader.score(ids)),
    logits: (ids) => leader.ending(() => leader.logits(ids)),
  };
}

class Leader {
  private readonly init: LeaderInit;
  private readonly kernels: KernelExports;
  private readonly words: Int32Array;
  private lastTurnMs = 0;

  constructor(init: LeaderInit) {
    this.init = init;
    this.kernels = instantiateKernels(init.module, init.memory);
    this.kernels.attach(init.control, 0);
    this.words = new Int32Array(init.memory.buffer);
  }

  /** Does a job and marks its end on the board, also when it throws. */
  ending<T>(job: () => T): T {
    try {
      return job();
    } finally {
      Atomics.store(this.init.board, BOARD_DONE, 1);
      this.turn(true);
    }
  }

  warmUp(): void {
    const ids = new Array<number>(
      Math.min(warmUpTokens, this.init.maxRows, this.init.board.length - BOARD_IDS),
    ).fill(0);
    this.prefill(ids, 0);
    this.step(this.init.decodeImage, [0], 0, 1);
  }

  generate({ promptIds, maxTokens, eosIds, sampling }: Job): JobResult {
    const { board } = this.init;
    const sampler = new Sampler(this.init.vocabSize, sampling, promptIds);
    const prefillStart = performance.now();
    const prefilled = this.prefill(promptIds, 0);
    const decodeStart = performance.now();
    const prefillMs = decodeStart - prefillStart;
    if (!prefilled) return { finishReason: 'cancelled', prefillMs, decodeMs: 0 };
    let lastMs = decodeStart;
    const end = (finishReason: FinishReason): JobResult => ({
      finishReason,
      prefillMs,
      decodeMs: lastMs - decodeStart,
    });
    for (let count = 1; ; count++) {
      const id = sampler.isArgmax ? this.best(0) : sampler.sample(this.logitsRow(0));
      if (eosIds.includes(id)) return end('stop');
      sampler.accept(id);
      lastMs = performance.now();
      board[BOARD_IDS + count - 1] = id;
      Atomics.store(board, BOARD_COUNT, count);
      this.turn(count === 1);
      if (count >= maxTokens) return end('length');
      if (this.cancelled()) return end('cancelled');
      this.step(this.init.decodeImage, [id], promptIds.length + count - 1, 1);
    }
  }

  score(ids: readonly number[]): WindowScores | null {
    const argmax = new Int32Array(ids.length);
    const nll = new Float64Array(Math.max(0, ids.length - 1));
    for (let from = 0; from < ids.length; from += this.init.maxRows) {
      if (this.cancelled()) return null;
      const chunk = ids.slice(from, from + this.init.maxRows);
      this.step(this.init.prefillImage, chunk, from, chunk.length);
      for (let row = 0; row < chunk.length; row++) {
        argmax[from + row] = this.best(row);
        const next = ids[from + row + 1];
        if (next === undefined) continue;
        const { logits, logitsStride, vocabSize } = this.init;
        const sum = this.kernels.logSumExp(logits + row * logitsStride, vocabSize);
        nll[from + row] = sum - this.logitsRow(row)[next]!;
      }
      Atomics.store(this.init.board, BOARD_PREFILLED, from + chunk.length);
      this.turn(false);
    }
    return { argmax, nll };
  }

  logits(ids: readonly number[]): Float32Array {
    this.prefill(ids, 0);
    return this.logitsRow(0).slice();
  }

  /** Runs the prompt chunk by chunk; the last token's logits are in row 0 then. False if cancelled. */
  private prefill(ids: readonly number[], position: number): boolean {
    const { board, maxRows, prefillImage } = this.init;
    for (let from = 0; from < ids.length; from += maxRows) {
      if (this.cancelled()) return false;
      const chunk = ids.slice(from, from + maxRows);
      const isLast = from + chunk.length === ids.length;
      this.step(prefillImage, chunk, position + from, isLast ? 1 : 0);
      Atomics.store(board, BOARD_PREFILLED, from + chunk.length);
      this.turn(false);
    }
    return true;
  }

  /** One pass over `ids` at consecutive positions, with logits for the last `logitRows` of them. */
  private step(image: number, ids: readonly number[], position: number, logitRows: number): void {
    const { words } = this;
    const at = (name: number): number => this.init.control / 4 + name;
    const tokens = words[at(CTL_TOKENS)]! >>> 2;
    const positions = words[at(CTL_POSITIONS)]! >>> 2;
    const pages = words[at(CTL_PAGES)]! >>> 2;
    const logitIndex = words[at(CTL_LOGIT_INDEX)]! >>> 2;
    for (let row = 0; row < ids.length; row++) {
      words[tokens + row] = ids[row]!;
      words[positions + row] = position + row;
      words[pages + row] = this.init.pageTable;
    }
    for (let i = 0; i < logitRows; i++) words[logitIndex + i] = ids.length - logitRows + i;
    words[at(CTL_IMAGE)] = image;
    words[at(CTL_ROWS)] = ids.length;
    words[at(CTL_LOGIT_ROWS)] = logitRows;
    if (this.kernels.step() === 0) return;
    throw new EngineError({
      what: 'step',
      given: 'a worker that ended',
      expected: `${this.init.workers} workers`,
      todo: 'Load the model again; if it happens again, please report it.',
    });
  }

  /** The most likely token of a logits row: the best of the workers' bests, the lowest id among equals. */
  private best(row: number): number {
    const { words } = this;
    const { workers, control } = this.init;
    const bests = (words[control / 4 + CTL_ARGMAX]! >>> 2) + row * workers;
    const logits = this.logitsRow(row);
    let best = -1;
    for (let worker = 0; worker < workers; worker++) {
      const id = words[bests + worker]!;
      if (id >= 0 && (best < 0 || logits[id]! > logits[best]!)) best = id;
    }
    return best;
  }

  private logitsRow(row: number): Float32Array {
    const { logits, logitsStride, memory, vocabSize } = this.init;
    return new Float32Array(memory.buffer, logits + row * logitsStride, vocabSize);
  }

  private cancelled(): boolean {
    return Atomics.load(this.init.board, BOARD_CANCEL) !== 0;
  }

  /** Tells the engine that the board has changed: at once if `isUrgent`, else when it was told long enough ago. */
  private turn(isUrgent: boolean): void {
    const now = performance.now();
    if (!isUrgent && now - this.lastTurnMs < wakeMs) return;
    this.lastTurnMs = now;
    Atomics.add(this.init.board, BOARD_TURN, 1);
    Atomics.notify(this.init.board, BOARD_TURN);
  }
}
