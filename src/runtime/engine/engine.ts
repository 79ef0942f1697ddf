/** A loaded model: prompts in, tokens out. Everything here is the same in Node and in a browser. */
import { EngineError, OptionError } from '../../core/errors.js';
import type { EncodeOptions, Text } from '../../formats/tokenizer-types.js';
import { simulate } from '../../timing/local-run.js';
import type { AdapterChoices } from '../adapters.js';
import { failureOf, unpackError } from '../failure.js';
import { STAT } from '../feed.js';
import { type CompiledGrammar, CompiledGrammars, type CompileElsewhere } from '../grammar/compiled.js';
import { vocabularyOf } from '../grammar/grammar.js';
import type { JobOutcome } from '../leader/leader.js';
import { readLogprobs } from '../leader/logprobs.js';
import type { Job, JobResult } from '../leader/sequence.js';
import type {
  EmbedInput,
  EmbedOptions,
  EmbedResult,
  Engine,
  EngineInfo,
  EngineStats,
  GenerateChunk,
  GenerateOptions,
  GenerateTimings,
  Guesses,
  Prompt,
  ScoreOptions,
  ScoreResult,
  Tokenizer,
  TokenLogprobs,
} from '../types.js';
import { Drafts, requireSameTokens } from './drafts.js';
import { finished, inTurn, validateEmbed } from './embed.js';
import { guessesOf } from './guesses.js';
import { LeaderCalls, type LeaderLine } from './leader-calls.js';
import { readOnce } from './once.js';
import { checkIds, samplingOf, stopStrings, validateGenerate } from './options.js';
import { checkPrompt } from './prompt.js';
import { withRecommended } from './recommended.js';
import { StopMatcher } from './stop.js';
import { Stream, streamAhead } from './stream.js';
import { type EncodeTurn, mostQuickLength, type TextHelper } from './texts.js';

/** The wafer and the GPU that every generation is compared with. */
const simulatedMachines = ['wse-3', 'h100'];

/** Default of `maxTokens`. */
const defaultMaxTokens = 128;

export interface EngineParts extends LeaderLine {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  readonly adapters: AdapterChoices;
  /** Tokens that the KV cache holds. */
  readonly kvTokens: number;
  /** Null where there is no other thread, as is the next. */
  readonly compileElsewhere: CompileElsewhere | null;
  readonly texts: TextHelper | null;
}

interface Generation {
  readonly promptIds: readonly number[];
  readonly options: GenerateOptions;
  readonly grammar: CompiledGrammar | Promise<CompiledGrammar> | null;
  readonly startMs: number;
}

export class WaferEngine implements Engine {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  readonly ended: Promise<Error | null>;
  private readonly parts: EngineParts;
  private readonly calls: LeaderCalls;
  private readonly grammars: CompiledGrammars;
  private requests = 0;
  /** What can still be encoded at once in this turn. */
  private quickLength = mostQuickLength;
  private knowsVocabulary: boolean = false;
  private closed: Promise<void> | null = null;

  constructor(parts: EngineParts) {
    this.parts = parts;
    this.info = parts.info;
    this.tokenizer = parts.tokenizer;
    this.calls = new LeaderCalls(parts);
    this.grammars = new CompiledGrammars(parts.compileElsewhere);
    this.ended = this.calls.ended;
  }

  stats(): EngineStats {
    const { stats } = this.parts.feed;
    const at = (place: keyof typeof STAT): number => stats[STAT[place]]!;
    const total = Math.ceil(this.parts.kvTokens / 32);
    return {
      running: at('running'),
      waiting: at('waiting'),
      waitingTokens: at('waitingTokens'),
      kvPages: { total, used: at('usedPages'), cached: at('cachedPages') },
      preemptions: at('preemptions'),
      prefixQueryTokens: at('prefixQueryTokens'),
      prefixHitTokens: at('prefixHitTokens'),
      steps: at('steps'),
      promptTokens: at('promptTokens'),
      generatedTokens: at('generatedTokens'),
    };
  }

  encode(
    text: Text,
    { owner, signal, ...options }: EncodeOptions & EncodeTurn = {},
  ): readonly number[] | Promise<readonly number[]> {
    const { texts } = this.parts;
    if (texts === null || this.isQuick(text)) return this.tokenizer.encode(text, options);
    return texts.encode(text, options, { owner, signal });
  }

  /** Whether a text is short enough, with those before it in this turn of the event loop. */
  private isQuick({ length }: Text): boolean {
    if (length > this.quickLength) return false;
    if (this.quickLength === mostQuickLength) {
      setTimeout(() => {
        this.quickLength = mostQuickLength;
      });
    }
    this.quickLength -= length;
    return true;
  }

  generate(prompt: Prompt, options: GenerateOptions = {}): AsyncIterable<GenerateChunk> {
    const startMs = performance.now();
    validateGenerate(options, this.tokenizer.vocabSize);
    this.requireText();
    const grammar = options.grammar === undefined ? null : this.grammars.of(options.grammar);
    if (options.draft !== undefined) requireSameTokens(this, options.draft);
    this.parts.adapters.numberOf(options.adapter);
    const promptIds = this.promptIds(prompt);
    this.requireRoom(promptIds.length, this.mostTokens - 1, 'prompt');
    return readOnce(this.run({ promptIds, options, grammar, startMs }));
  }

  /** Tokens that one sequence can have. */
  private get mostTokens(): number {
    return Math.min(this.info.context, this.parts.kvTokens);
  }

  private async *run({
    promptIds,
    options,
    grammar: compiling,
    startMs,
  }: Generation): AsyncGenerator<GenerateChunk, void, void> {
    const grammar = compiling instanceof Promise ? await compiling : compiling;
    const { leader } = this.parts.crew;
    const { config } = this.info;
    const promptTokens = promptIds.length;
    const request = this.requests++;
    const stream = new Stream(request, (tokens) => this.calls.tell(leader.allow(request, tokens)));
    const cancel = (): void => this.calls.tell(leader.cancel(request));
    const ids: number[] = [];
    const text: string[] = [];
    const { onPrefill, onQueue, signal } = options;
    if (grammar !== null) this.sendVocabulary();
    const drafts =
      options.draft === undefined
        ? null
        : new Drafts(options.draft, promptIds, (draft, undrafted) =>
            this.calls.tell(leader.suggest(request, draft, undrafted)),
          );
    const job = this.calls.ask(leader.generate(this.jobOf(request, promptIds, options, grammar)), {
      request,
      stream,
      drafts,
      onPrefill,
      onQueue,
      total: promptTokens,
    });
    job.then(
      () => stream.end(),
      (error: unknown) => stream.fail(error),
    );
    let isOver = false;
    try {
      signal?.addEventListener('abort', cancel);
      if (signal?.aborted) cancel();
      const decoder = this.tokenizer.decoder({ continues: true });
      const stops = new StopMatcher(stopStrings(options.stop));
      while (!stops.stopped) {
        const fresh = await stream.take();
        if (fresh === null) break;
        let piece = '';
        let used = 0;
        try {
          while (used < fresh.ids.length && !stops.stopped)
            piece += stops.push(decoder.push(fresh.ids[used++]!));
        } catch (fault) {
          throw failureOf(fault);
        }
        const delta = { ids: fresh.ids.slice(0, used), logprobs: fresh.logprobs.slice(0, used) };
        ids.push(...delta.ids);
        text.push(piece);
        yield {
          done: false,
          text: piece,
          ids: delta.ids,
          ...(options.logprobs === undefined ? {} : { logprobs: delta.logprobs }),
        };
      }
      if (stops.stopped) cancel();
      const result = resultOf(await job);
      isOver = true;
      const rest = stops.push(decoder.end()) + stops.end();
      if (rest !== '') {
        text.push(rest);
        yield {
          done: false,
          text: rest,
          ids: [],
          ...(options.logprobs === undefined ? {} : { logprobs: [] }),
        };
      }
      yield {
        done: true,
        text: text.join(''),
        ids,
        promptIds,
        finishReason: stops.stopped ? 'stop' : result.finishReason,
        stopString: stops.found,
        timings: timingsOf(result, { promptTokens, generated: ids.length, startMs, firstMs: stream.firstMs }),
        get simulated() {
          return simulatedMachines.map((name) => simulate(config, promptTokens, ids.length, name));
        },
      };
    } finally {
      signal?.removeEventListener('abort', cancel);
      drafts?.end();
      // A consumer that leaves early ends the job within one step.
      if (!isOver) {
        cancel();
        await job.catch(() => undefined);
      }
    }
  }

  guess(promptIds: readonly number[]): Guesses {
    this.requireRoom(promptIds.length, this.mostTokens - 1, 'prompt');
    const { leader } = this.parts.crew;
    const request = this.requests++;
    // Its own count of what it may make is that of `correct`.
    const stream = new Stream(request, () => undefined);
    const job: Job = {
      request,
      promptIds,
      maxTokens: this.mostTokens - promptIds.length,
      eosIds: [],
      sampling: { temperature: 0 },
      priority: 0,
      shareKey: '',
      adapter: 0,
      allowed: 1,
      logprobs: null,
      prediction: null,
      promptLookup: false,
      isDrafted: false,
      isGuess: true,
      grammar: null,
    };
    this.calls.ask(leader.generate(job), { request, stream, total: promptIds.length }).then(
      () => stream.end(),
      (error: unknown) => stream.fail(error),
    );
    return guessesOf({
      stream,
      correct: (kept, ids, allowed) => this.calls.tell(leader.correct(request, kept, ids, allowed)),
      cancel: () => this.calls.tell(leader.cancel(request)),
    });
  }

  async score(ids: readonly number[], options: ScoreOptions = {}): Promise<ScoreResult> {
    checkIds(ids, this.tokenizer.vocabSize);
    this.requireText();
    if (ids.length === 0) throw emptyPrompt('ids');
    const { leader } = this.parts.crew;
    const { signal, top } = options;
    const adapter = this.parts.adapters.numberOf(options.adapter);
    const argmax: number[] = [];
    const nll: number[] = [];
    const logprobs: TokenLogprobs[] = [];
    // Every window starts with BOS where the ids do, and repeats half a window of context.
    const bos = ids[0] === this.tokenizer.bosId ? [ids[0]] : [];
    const size = this.mostTokens - bos.length;
    const stride = Math.max(1, size >> 1);
    const rest = ids.slice(bos.length);
    for (let from = 0; ; from += stride) {
      signal?.throwIfAborted();
      const window = [...bos, ...rest.slice(from, from + size)];
      const request = this.requests++;
      const cancel = (): void => this.calls.tell(leader.cancel(request));
      signal?.addEventListener('abort', cancel);
      try {
        const asked = leader.score(request, window, top ?? null, adapter);
        const scores = await this.calls.ask(asked, { request, total: window.length });
        if (scores === null) signal?.throwIfAborted();
        else {
          const skip = argmax.length - from;
          argmax.push(...scores.argmax.subarray(skip));
          const known = skip > 0 ? skip - 1 : 0;
          nll.push(...scores.nll.subarray(known));
          for (const record of scores.records.slice(known)) logprobs.push(readLogprobs(record)!);
        }
      } finally {
        signal?.removeEventListener('abort', cancel);
      }
      options.onProgress?.(argmax.length, ids.length);
      if (from + size >= rest.length) break;
    }
    return { tokens: ids.length, argmax, nll, ...(top !== undefined && { logprobs }) };
  }

  async embed(inputs: readonly EmbedInput[], options: EmbedOptions = {}): Promise<EmbedResult> {
    const { embedding } = this.info;
    validateEmbed(options, embedding.dimensions);
    const { signal, pooling = embedding.pooling, priority = 0, shareKey = '' } = options;
    const ids = inputs.map((input, i) => this.embeddedIds(input, options.truncate === true, `input ${i}`));
    const { leader } = this.parts.crew;
    const adapter = this.parts.adapters.numberOf(undefined);
    const vectors = await inTurn(ids, async (own) => {
      signal?.throwIfAborted();
      const request = this.requests++;
      const cancel = (): void => this.calls.tell(leader.cancel(request));
      signal?.addEventListener('abort', cancel);
      try {
        const asked = leader.embed({ request, ids: own, priority, shareKey, adapter }, pooling);
        const vector = await this.calls.ask(asked, { request, total: own.length });
        if (vector === null) signal?.throwIfAborted();
        return vector!;
      } finally {
        signal?.removeEventListener('abort', cancel);
      }
    });
    return {
      embeddings: vectors.map((vector) => finished(vector, options)),
      tokens: ids.map(({ length }) => length),
    };
  }

  private embeddedIds(input: EmbedInput, isCut: boolean, what: string): readonly number[] {
    if (typeof input !== 'string') checkIds(input, this.tokenizer.vocabSize, what);
    const ids = typeof input === 'string' ? this.tokenizer.encode(input) : [...input];
    const most = this.mostTokens;
    if (isCut && ids.length > most) {
      // What ends an input ends a part of it too.
      const end = this.tokenizer.addEos ? [ids.at(-1)!] : [];
      ids.splice(most - end.length, ids.length, ...end);
    }
    this.requireRoom(ids.length, most, what);
    return ids;
  }

  /** The logits [vocabSize] after the last of `ids`; for tests and tools that look inside. */
  async logits(ids: readonly number[]): Promise<Float32Array> {
    checkIds(ids, this.tokenizer.vocabSize);
    this.requireText();
    this.requireRoom(ids.length, this.mostTokens, 'ids');
    const request = this.requests++;
    const { crew, adapters } = this.parts;
    const asked = crew.leader.logits(request, ids, adapters.numberOf(undefined));
    return await this.calls.ask(asked, { request, total: ids.length });
  }

  close(): Promise<void> {
    if (this.closed === null) {
      this.calls.close(
        new EngineError({
          what: 'engine',
          given: 'a call after close()',
          expected: 'an open engine',
          todo: 'Load the model again.',
        }),
      );
      this.parts.texts?.close();
      this.closed = this.parts.crew.stop();
    }
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Grammars are followed where tokens are chosen, which needs to know their bytes: told once. */
  private sendVocabulary(): void {
    if (this.knowsVocabulary) return;
    this.knowsVocabulary = true;
    const bytes = vocabularyOf(this.tokenizer);
    this.calls.tell(this.parts.crew.leader.setVocabulary(bytes, [...this.tokenizer.eosIds]));
  }

  private jobOf(
    request: number,
    promptIds: readonly number[],
    options: GenerateOptions,
    grammar: CompiledGrammar | null,
  ): Job {
    const { prediction } = options;
    return {
      request,
      promptIds,
      maxTokens: Math.min(
        options.maxTokens ?? this.info.sampling.maxTokens ?? defaultMaxTokens,
        this.mostTokens - promptIds.length,
      ),
      // A grammar's end is an end token.
      eosIds: options.ignoreEos && grammar === null ? [] : [...this.tokenizer.eosIds],
      sampling: samplingOf(withRecommended(options, this.info.sampling)),
      priority: options.priority ?? 0,
      shareKey: options.shareKey ?? '',
      adapter: this.parts.adapters.numberOf(options.adapter),
      allowed: streamAhead,
      logprobs: options.logprobs ?? null,
      prediction:
        typeof prediction === 'string'
          ? this.tokenizer.encode(prediction, { bos: false })
          : (prediction ?? null),
      promptLookup: options.promptLookup ?? false,
      isDrafted: options.draft !== undefined,
      isGuess: false,
      grammar,
    };
  }

  private promptIds(prompt: Prompt): number[] {
    const kind = checkPrompt(prompt);
    if (kind === 'text') return this.tokenizer.encode(prompt as string, { special: true });
    if (prompt.length === 0) throw emptyPrompt('prompt');
    if (kind === 'ids') {
      checkIds(prompt as readonly number[], this.tokenizer.vocabSize, 'prompt');
      return [...(prompt as readonly number[])];
    }
    const text = this.tokenizer.applyChatTemplate(prompt as Exclude<Prompt, string | readonly number[]>);
    return this.tokenizer.encode(text, { special: true, bos: false });
  }

  private requireText(): void {
    if (!this.info.embedding.isOnly) return;
    throw new OptionError({
      what: this.info.name,
      given: 'a prompt',
      expected: 'texts to embed, as the model makes vectors and no text',
      todo: 'Use embed, `waferflow embed` or /v1/embeddings, or choose another model.',
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

function resultOf(outcome: JobOutcome): JobResult {
  if ('failure' in outcome) throw unpackError(outcome.failure);
  return outcome;
}

interface Counts {
  readonly promptTokens: number;
  readonly generated: number;
  readonly startMs: number;
  readonly firstMs: number;
}

function timingsOf(
  { finishReason: _, ...result }: JobResult,
  { promptTokens, generated, startMs, firstMs }: Counts,
): GenerateTimings {
  const { prefillMs, decodeMs, cachedTokens } = result;
  return {
    ...result,
    promptTokens,
    generatedTokens: generated,
    ttftMs: generated > 0 ? firstMs - startMs : 0,
    prefillTokensPerSecond: prefillMs > 0 ? (1000 * (promptTokens - cachedTokens)) / prefillMs : 0,
    decodeTokensPerSecond: generated > 1 && decodeMs > 0 ? (1000 * (generated - 1)) / decodeMs : 0,
  };
}
