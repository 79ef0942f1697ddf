/** A loaded model: prompts in, tokens out. Everything here is the same in Node and in a browser. */
import { CTL_ABORT, CTL_BARRIER_GENERATION, CTL_EPOCH } from '../../kernels/program/layout.js';
import { EngineError, messageOf, OptionError } from '../core/errors.js';
import { simulate } from '../timing/simulate.js';
import type { Board } from './board.js';
import type { JobResult, LeaderApi } from './leader.js';
import type { Remote } from './link.js';
import { stopStrings, validateGenerate } from './options.js';
import { StopMatcher } from './stop.js';
import type {
  Engine,
  EngineInfo,
  EngineStats,
  FinishReason,
  GenerateChunk,
  GenerateOptions,
  GenerateTimings,
  Prompt,
  ScoreOptions,
  ScoreResult,
  Tokenizer,
} from './types.js';

/** The wafer and the GPU that every generation is compared with. */
const simulatedMachines = ['wse-3', 'h100'];

/** Default of `maxTokens`. */
const defaultMaxTokens = 128;

/** The running workers of an engine, as a platform starts them. */
export interface Crew {
  readonly leader: Remote<LeaderApi>;
  /** Rejects when a worker ends that should not have. */
  readonly failed: Promise<never>;
  /** Whether the workers keep the process alive: they do while a job runs. */
  hold(isBusy: boolean): void;
  stop(): Promise<void>;
}

export interface EngineParts {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  readonly board: Board;
  readonly crew: Crew;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
}

export class WaferEngine implements Engine {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  private readonly parts: EngineParts;
  /** Ends when the last job that was asked for has ended. */
  private queue: Promise<void> = Promise.resolve();
  private closed: Promise<void> | null = null;
  private failure: unknown = null;
  /** Rejects the job that is being waited for. */
  private breakJob: ((error: unknown) => void) | null = null;
  readonly ended: Promise<Error | null>;
  private end: (error: Error | null) => void = () => undefined;
  private jobs = 0;

  constructor(parts: EngineParts) {
    this.parts = parts;
    this.info = parts.info;
    this.tokenizer = parts.tokenizer;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    parts.crew.failed.catch((error: unknown) => this.fail(error));
  }

  stats(): EngineStats {
    const total = Math.ceil(this.info.context / 32);
    return {
      running: Math.min(1, this.jobs),
      waiting: Math.max(0, this.jobs - 1),
      waitingTokens: 0,
      kvPages: { total, used: 0, cached: 0 },
      preemptions: 0,
      prefixQueryTokens: 0,
      prefixHitTokens: 0,
      steps: 0,
      promptTokens: 0,
      generatedTokens: 0,
    };
  }

  generate(prompt: Prompt, options: GenerateOptions = {}): AsyncIterable<GenerateChunk> {
    const startMs = performance.now();
    validateGenerate(options, this.tokenizer.vocabSize);
    const promptIds = this.promptIds(prompt);
    this.requireRoom(promptIds.length, this.info.context - 1, 'prompt');
    return this.run(promptIds, options, startMs);
  }

  private async *run(
    promptIds: readonly number[],
    options: GenerateOptions,
    startMs: number,
  ): AsyncGenerator<GenerateChunk, void, void> {
    const done = await this.take();
    const { board, crew } = this.parts;
    const cancel = (): void => board.cancel();
    const { config } = this.info;
    const promptTokens = promptIds.length;
    const ids: number[] = [];
    const text: string[] = [];
    let job: Promise<JobResult> | null = null;
    try {
      board.reset();
      options.signal?.addEventListener('abort', cancel);
      if (options.signal?.aborted) cancel();
      job = crew.leader.generate({
        promptIds,
        maxTokens: Math.min(options.maxTokens ?? defaultMaxTokens, this.info.context - promptTokens),
        eosIds: [...this.tokenizer.eosIds],
        sampling: samplingOf(options),
      });
      // A failure is met at the await below; until then it must not count as unhandled.
      job.catch(() => undefined);
      const decoder = this.tokenizer.decoder({ continues: true });
      const stops = new StopMatcher(stopStrings(options.stop));
      let firstMs = 0;
      let prefilled = 0;
      for (;;) {
        const turn = board.turn;
        const isDone = board.isDone;
        const fresh = board.idsFrom(ids.length);
        if (board.prefilled > prefilled) {
          prefilled = board.prefilled;
          options.onPrefill?.(prefilled, promptTokens);
        }
        if (fresh.length > 0) {
          if (firstMs === 0) firstMs = performance.now();
          let piece = '';
          const used: number[] = [];
          for (const id of fresh) {
            used.push(id);
            piece += stops.push(decoder.push(id));
            if (stops.stopped) break;
          }
          ids.push(...used);
          text.push(piece);
          yield { done: false, text: piece, ids: used };
        }
        if (stops.stopped || (isDone && fresh.length === 0)) break;
        if (fresh.length === 0) await board.turned(turn);
      }
      if (stops.stopped) cancel();
      const { finishReason, prefillMs, decodeMs } = await this.outcome(job);
      const rest = stops.push(decoder.end()) + stops.end();
      if (rest !== '') {
        text.push(rest);
        yield { done: false, text: rest, ids: [] };
      }
      const reason: FinishReason = stops.stopped ? 'stop' : finishReason;
      yield {
        done: true,
        text: text.join(''),
        ids,
        promptIds,
        finishReason: reason,
        stopString: stops.found,
        timings: timingsOf({ promptTokens, generated: ids.length, prefillMs, decodeMs, startMs, firstMs }),
        get simulated() {
          return simulatedMachines.map((name) => simulate(config, promptTokens, ids.length, name));
        },
      };
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      // A consumer that leaves early ends the job within one step.
      cancel();
      if (job !== null && this.failure === null) await this.outcome(job).catch(() => undefined);
      done();
    }
  }

  async score(ids: readonly number[], options: ScoreOptions = {}): Promise<ScoreResult> {
    this.checkIds(ids, 'ids');
    if (ids.length === 0) throw emptyPrompt('ids');
    const done = await this.take();
    const { board, crew } = this.parts;
    const cancel = (): void => board.cancel();
    const argmax: number[] = [];
    const nll: number[] = [];
    try {
      options.signal?.addEventListener('abort', cancel);
      // Every window starts with BOS where the ids do, and repeats half a window of context.
      const bos = ids[0] === this.tokenizer.bosId ? [ids[0]] : [];
      const size = this.info.context - bos.length;
      const stride = Math.max(1, size >> 1);
      const rest = ids.slice(bos.length);
      for (let from = 0; ; from += stride) {
        const window = rest.slice(from, from + size);
        board.reset();
        options.signal?.throwIfAborted();
        const scores = await this.outcome(crew.leader.score([...bos, ...window]));
        if (scores === null) options.signal?.throwIfAborted();
        else {
          const skip = argmax.length - from;
          argmax.push(...scores.argmax.subarray(skip));
          nll.push(...scores.nll.subarray(skip > 0 ? skip - 1 : 0));
        }
        options.onProgress?.(argmax.length, ids.length);
        if (from + size >= rest.length) break;
      }
      return { tokens: ids.length, argmax, nll };
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      done();
    }
  }

  /** The logits [vocabSize] after the last of `ids`; for tests and tools that look inside. */
  async logits(ids: readonly number[]): Promise<Float32Array> {
    this.checkIds(ids, 'ids');
    this.requireRoom(ids.length, this.info.context, 'ids');
    const done = await this.take();
    try {
      this.parts.board.reset();
      return await this.outcome(this.parts.crew.leader.logits(ids));
    } finally {
      done();
    }
  }

  close(): Promise<void> {
    if (this.closed === null) {
      this.fail(
        new EngineError({
          what: 'engine',
          given: 'a call after close()',
          expected: 'an open engine',
          todo: 'Load the model again.',
        }),
      );
      this.end(null);
      this.closed = this.parts.crew.stop();
    }
    return this.closed;
  }

  /** From here on every call ends in `error`, those under way too; no worker waits for another any more. */
  private fail(error: unknown): void {
    this.failure ??= error;
    if (this.closed === null && error instanceof Error) this.end(error);
    const words = new Int32Array(this.parts.memory.buffer, this.parts.control);
    Atomics.store(words, CTL_ABORT, 1);
    for (const word of [CTL_EPOCH, CTL_BARRIER_GENERATION]) Atomics.notify(words, word);
    this.parts.board.giveUp();
    this.breakJob?.(this.failure);
  }

  /** Waits for the engine to be free; the caller has to call what it gets when its job has ended. */
  private async take(): Promise<() => void> {
    const before = this.queue;
    this.jobs++;
    let free = (): void => undefined;
    this.queue = new Promise((resolve) => {
      free = resolve;
    });
    await before;
    if (this.failure !== null) {
      this.jobs--;
      free();
      throw this.failure;
    }
    this.parts.crew.hold(true);
    return () => {
      this.parts.crew.hold(false);
      this.jobs--;
      free();
    };
  }

  /** The job's result, or the failure that keeps it from ever coming. */
  private async outcome<T>(job: Promise<T>): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.breakJob = reject;
        if (this.failure !== null) reject(this.failure);
        job.then(resolve, reject);
      });
    } catch (error) {
      if (this.failure !== null) throw this.failure;
      // Only the message of an error comes across from the leader.
      const todo = 'Try again; if it happens again, please report it.';
      const facts = { what: 'worker 0', given: messageOf(error), expected: 'a finished job', todo };
      throw new EngineError(facts, { cause: error });
    } finally {
      this.breakJob = null;
    }
  }

  private promptIds(prompt: Prompt): number[] {
    if (typeof prompt === 'string') return this.tokenizer.encode(prompt);
    if (prompt.length === 0) throw emptyPrompt('prompt');
    if (typeof prompt[0] === 'number') {
      this.checkIds(prompt as readonly number[], 'prompt');
      return [...(prompt as readonly number[])];
    }
    const text = this.tokenizer.applyChatTemplate(prompt as Exclude<Prompt, string | readonly number[]>);
    return this.tokenizer.encode(text, { special: true, bos: false });
  }

  private checkIds(ids: readonly number[], what: string): void {
    const { vocabSize } = this.tokenizer;
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (wrong === undefined) return;
    throw new OptionError({
      what,
      given: `token id ${wrong}`,
      expected: `whole numbers from 0 to ${vocabSize - 1}`,
      todo: 'Take ids from this model’s own tokenizer.',
    });
  }

  private requireRoom(tokens: number, most: number, what: string): void {
    if (tokens === 0) throw emptyPrompt(what);
    if (tokens <= most) return;
    throw new OptionError({
      what,
      given: `${tokens} tokens`,
      expected: `at most ${most}, as the context is ${this.info.context}`,
      todo: 'Shorten it, or load the model with a larger context.',
    });
  }
}

function emptyPrompt(what: string): OptionError {
  return new OptionError({
    what,
    given: 'no tokens',
    expected: 'at least one',
    todo: 'Give some text: this model does not begin a text by itself.',
  });
}

type Sampling = Omit<GenerateOptions, 'maxTokens' | 'stop' | 'signal' | 'onPrefill'>;

/** What crosses to the leader: functions and signals cannot. */
function samplingOf({
  maxTokens: _m,
  stop: _s,
  signal: _a,
  onPrefill: _p,
  ...sampling
}: GenerateOptions): Sampling {
  return sampling;
}

interface Times {
  readonly promptTokens: number;
  readonly generated: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  readonly startMs: number;
  readonly firstMs: number;
}

function timingsOf({
  promptTokens,
  generated,
  prefillMs,
  decodeMs,
  startMs,
  firstMs,
}: Times): GenerateTimings {
  return {
    promptTokens,
    generatedTokens: generated,
    cachedTokens: 0,
    draftTokens: 0,
    acceptedTokens: 0,
    queueMs: 0,
    ttftMs: generated > 0 ? firstMs - startMs : 0,
    prefillMs,
    decodeMs,
    prefillTokensPerSecond: prefillMs > 0 ? (1000 * promptTokens) / prefillMs : 0,
    decodeTokensPerSecond: generated > 1 && decodeMs > 0 ? (1000 * (generated - 1)) / decodeMs : 0,
  };
}
