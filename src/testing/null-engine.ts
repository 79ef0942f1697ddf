/**
 * An engine that computes nothing: the token numbered i of an answer is word i of a fixed list. For benches of what
 * is around an engine and for tests; never a stand-in for a model.
 */

import { EngineError } from '../core/errors.js';
import { joined, Origins, plain, said, type Text } from '../formats/jinja/text.js';
import type { ChatTemplateOptions, EncodeOptions } from '../formats/tokenizer-types.js';
import { finished, validateEmbed } from '../runtime/engine/embed.js';
import { validateGenerate } from '../runtime/engine/options.js';
import type {
  EmbedInput,
  EmbedOptions,
  EmbedResult,
  Engine,
  EngineInfo,
  EngineStats,
  FinishReason,
  GenerateChunk,
  GenerateOptions,
  Guesses,
  Prompt,
  ScoreResult,
  TokenDecoder,
  Tokenizer,
} from '../runtime/types.js';

export interface NullEngineOptions {
  /** Of each generation; null makes every token at once. Default null. */
  readonly tokensPerSecond?: number | null;
  /** Before the first token. */
  readonly prefillMs?: number;
  /** Tokens in a chunk when all are there at once; default 1. */
  readonly chunkTokens?: number;
  readonly maxRunning?: number;
  readonly context?: number;
}

const BYTES = 256;
const WORDS = 1000;
const END = BYTES + WORDS;
const TOKENS_PER_TURN = 512;
/** Of its embeddings. */
const FEATURES = 8;
/** Text of the end token, which closes the turns of conversations. */
const END_TEXT = '</s>';
const END_PATTERN = /<\/s>/g;
const utf8 = new TextEncoder();

/** The text of token i of every answer. */
export function nullWord(i: number): string {
  return ` w${String(i % WORDS).padStart(3, '0')}`;
}

/** One token per byte, words of the answers, and an end token. */
class NullTokenizer implements Tokenizer {
  readonly vocabSize = END + 1;
  readonly bosId = null;
  readonly eosIds: ReadonlySet<number> = new Set([END]);
  readonly addBos = false;
  readonly addEos = false;
  readonly warnings = [];
  readonly fim = { prefix: 1, suffix: 2, middle: 3 };
  readonly chatTemplate = null;
  readonly toolTemplate = null;
  readonly rankTemplate = null;

  encode(text: Text, { special = false }: EncodeOptions = {}): number[] {
    const origins = typeof text === 'string' ? null : new Origins(text);
    const ids: number[] = [];
    let start = 0;
    const add = (part: string): void => {
      for (const byte of utf8.encode(part)) ids.push(byte);
    };
    for (const { index } of special ? plain(text).matchAll(END_PATTERN) : []) {
      if (origins?.hasUser(index, index + END_TEXT.length)) continue;
      add(plain(text).slice(start, index));
      ids.push(END);
      start = index + END_TEXT.length;
    }
    add(plain(text).slice(start));
    return ids;
  }

  bytesOf(id: number): Uint8Array {
    if (id < BYTES) return Uint8Array.of(id);
    return id < END ? utf8.encode(nullWord(id - BYTES)) : new Uint8Array(0);
  }

  textOf(id: number): string {
    return id === END ? END_TEXT : this.decode([id]);
  }

  decode(ids: readonly number[]): string {
    const decoder = this.decoder();
    return ids.map((id) => decoder.push(id)).join('') + decoder.end();
  }

  decoder(): TokenDecoder {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (id) => decoder.decode(this.bytesOf(id), { stream: true }),
      end: () => decoder.decode(),
    };
  }

  applyChatTemplate(
    messages: readonly { role: string; content: string }[],
    { continues = false, addGenerationPrompt = true }: ChatTemplateOptions = {},
  ): Text {
    const turns = messages.flatMap(({ role, content }, i) => {
      const isOpen = continues && i === messages.length - 1;
      return [`${role}: `, said(content), ...(isOpen ? [] : [`${END_TEXT}\n`])];
    });
    return joined([...turns, ...(addGenerationPrompt && !continues ? ['assistant:'] : [])]);
  }
}

interface Waiter {
  readonly options: GenerateOptions;
  readonly tokens: number;
  readonly go: () => void;
}

export class NullEngine implements Engine {
  readonly tokenizer: Tokenizer = new NullTokenizer();
  readonly info: EngineInfo;
  readonly ended: Promise<Error | null>;
  private readonly options: Required<NullEngineOptions>;
  private readonly waiters: Waiter[] = [];
  private settle: (error: Error | null) => void = () => undefined;
  private failure: Error | null = null;
  private running = 0;
  private promptTokens = 0;
  private generatedTokens = 0;

  constructor(options: NullEngineOptions = {}) {
    this.options = {
      tokensPerSecond: null,
      prefillMs: 0,
      chunkTokens: 1,
      maxRunning: 64,
      context: 1_048_576,
      ...options,
    };
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.info = {
      name: 'null engine: computes nothing',
      architecture: 'none',
      config: {
        hiddenSize: 1,
        intermediateSize: 1,
        numHiddenLayers: 1,
        numAttentionHeads: 1,
        numKeyValueHeads: 1,
        headDim: 1,
        vocabSize: END + 1,
        maxPositionEmbeddings: this.options.context,
        ropeTheta: 10_000,
        tieWordEmbeddings: true,
      },
      parameters: 0,
      weightBytes: 0,
      kvBytes: 0,
      kvBytesPerToken: 0,
      context: this.options.context,
      workers: 0,
      simd: 'simd',
      kvType: 'int16',
      loadMs: 0,
      licence: null,
      embedding: { dimensions: FEATURES, pooling: 'mean', isOnly: false, isRanker: false },
      adapters: [],
      sampling: {},
    };
  }

  encode(text: Text, options?: EncodeOptions): readonly number[] {
    return this.tokenizer.encode(text, options);
  }

  stats(): EngineStats {
    return {
      running: this.running,
      waiting: this.waiters.length,
      waitingTokens: this.waiters.reduce((sum, { tokens }) => sum + tokens, 0),
      kvPages: { total: this.options.maxRunning, used: this.running, cached: 0 },
      preemptions: 0,
      prefixQueryTokens: 0,
      prefixHitTokens: 0,
      steps: this.generatedTokens,
      promptTokens: this.promptTokens,
      generatedTokens: this.generatedTokens,
    };
  }

  generate(prompt: Prompt, options: GenerateOptions = {}): AsyncIterable<GenerateChunk> {
    validateGenerate(options, this.tokenizer.vocabSize);
    return this.run(this.idsOf(prompt), options, performance.now());
  }

  private async *run(
    promptIds: readonly number[],
    options: GenerateOptions,
    startMs: number,
  ): AsyncGenerator<GenerateChunk, void, void> {
    const { maxTokens = 128, signal } = options;
    const { tokensPerSecond, prefillMs, chunkTokens } = this.options;
    await this.take(promptIds.length, options);
    const beginMs = performance.now();
    const ids: number[] = [];
    const text: string[] = [];
    let firstMs = 0;
    let turnAt = 0;
    let reason: FinishReason = 'length';
    try {
      if (prefillMs > 0) await pause(prefillMs, signal);
      firstMs = performance.now();
      this.promptTokens += promptIds.length;
      while (ids.length < maxTokens) {
        if (this.failure !== null) throw this.failure;
        if (signal?.aborted) {
          reason = 'cancelled';
          break;
        }
        let due = ids.length + chunkTokens;
        if (tokensPerSecond !== null) {
          due = 1 + Math.floor(((performance.now() - firstMs) * tokensPerSecond) / 1000);
          if (due <= ids.length) {
            await pause((ids.length * 1000) / tokensPerSecond - (performance.now() - firstMs), signal);
            continue;
          }
        }
        // A consumer that takes every token at once must not keep sockets from being served.
        if (ids.length - turnAt >= TOKENS_PER_TURN) {
          turnAt = ids.length;
          await new Promise((resolve) => setImmediate(resolve));
        }
        const fresh: number[] = [];
        let piece = '';
        for (let i = ids.length; i < Math.min(due, maxTokens); i++) {
          fresh.push(BYTES + (i % WORDS));
          piece += nullWord(i);
        }
        ids.push(...fresh);
        text.push(piece);
        this.generatedTokens += fresh.length;
        yield {
          done: false,
          text: piece,
          ids: fresh,
          ...(options.logprobs !== undefined && logprobsOf(fresh)),
        };
      }
      const decodeMs = performance.now() - firstMs;
      yield {
        done: true,
        text: text.join(''),
        ids,
        promptIds,
        finishReason: reason,
        stopString: null,
        timings: {
          promptTokens: promptIds.length,
          generatedTokens: ids.length,
          cachedTokens: 0,
          draftTokens: 0,
          acceptedTokens: 0,
          queueMs: beginMs - startMs,
          ttftMs: firstMs - startMs,
          prefillMs: firstMs - beginMs,
          decodeMs,
          prefillTokensPerSecond: 0,
          decodeTokensPerSecond: ids.length > 1 && decodeMs > 0 ? (1000 * (ids.length - 1)) / decodeMs : 0,
        },
        simulated: [],
      };
    } finally {
      this.running--;
      this.next();
    }
  }

  /** Which bytes an input has, in eight classes. */
  embed(inputs: readonly EmbedInput[], options: EmbedOptions = {}): Promise<EmbedResult> {
    validateEmbed(options, FEATURES);
    const ids = inputs.map((input) => (typeof input === 'string' ? this.tokenizer.encode(input) : input));
    const embeddings = ids.map((own) => {
      const counts = new Float32Array(FEATURES);
      for (const id of own) counts[id % FEATURES]! += 1;
      return finished(counts, options);
    });
    return Promise.resolve({ embeddings, tokens: ids.map(({ length }) => length) });
  }

  guess(): Guesses {
    return {
      next: (answer, most) =>
        Promise.resolve(Array.from({ length: most }, (_, i) => BYTES + ((answer.length + i) % WORDS))),
      end: () => undefined,
    };
  }

  score(): Promise<ScoreResult> {
    return Promise.reject(this.gone('a score'));
  }

  /** Ends like an engine whose worker died: everything under way fails. */
  break(error: Error): void {
    this.failure ??= error;
    this.settle(error);
    for (const { go } of this.waiters.splice(0)) go();
  }

  close(): Promise<void> {
    this.failure ??= this.gone('a call after close()');
    this.settle(null);
    for (const { go } of this.waiters.splice(0)) go();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private gone(given: string): EngineError {
    return new EngineError({
      what: 'the null engine',
      given,
      expected: 'calls of generate before close()',
      todo: 'Load a model.',
    });
  }

  private idsOf(prompt: Prompt): readonly number[] {
    if (typeof prompt === 'string') return this.tokenizer.encode(prompt, { special: true });
    if (typeof prompt[0] !== 'object') return prompt as readonly number[];
    const text = this.tokenizer.applyChatTemplate(prompt as never);
    return this.tokenizer.encode(text, { special: true });
  }

  /** Waits for a place among those that run. */
  private async take(tokens: number, options: GenerateOptions): Promise<void> {
    if (this.running >= this.options.maxRunning && this.failure === null && !options.signal?.aborted) {
      await new Promise<void>((resolve) => {
        const waiter = { options, tokens, go: resolve };
        this.waiters.push(waiter);
        options.onQueue?.(this.waiters.length);
        options.signal?.addEventListener('abort', () => {
          const at = this.waiters.indexOf(waiter);
          if (at < 0) return;
          this.waiters.splice(at, 1);
          resolve();
        });
      });
    }
    if (this.failure !== null) throw this.failure;
    this.running++;
    options.onQueue?.(0);
  }

  private next(): void {
    if (this.running >= this.options.maxRunning) return;
    this.waiters.shift()?.go();
    for (const [i, { options }] of this.waiters.entries()) options.onQueue?.(i + 1);
  }
}

function logprobsOf(ids: readonly number[]) {
  return { logprobs: ids.map((id) => ({ id, logprob: 0, top: [{ id, logprob: 0 }] })) };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
}
