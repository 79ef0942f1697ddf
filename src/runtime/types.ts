/** The engine's public types: what goes into `load` and `generate`, and what comes out. */
import type { LlamaConfig } from '../../models/llama.js';
import type { MeasuredMs } from '../core/units.js';
import type { ChatMessage, Tokenizer } from '../formats/types.js';
import type { Simulated } from '../timing/simulate.js';

export type { ChatMessage, TokenDecoder, Tokenizer } from '../formats/types.js';

/** How the key and value vectors of past tokens are stored. */
export type KvType = 'f16' | 'f32';

/** `simd` is plain 128-bit SIMD, `relaxed` adds relaxed SIMD; `auto` measures and takes the faster one. */
export type SimdMode = 'simd' | 'relaxed';

export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface LoadOptions {
  /** Tokens that the KV cache holds; default: the model's own context, at most 4096. */
  readonly context?: number;
  /** Threads that compute; default: the number of cores. */
  readonly workers?: number;
  readonly kvType?: KvType;
  /** Prompt tokens processed per step; default 64. Does not change any result. */
  readonly prefillChunk?: number;
  readonly simd?: SimdMode | 'auto';
  /** The rectangle of PEs of the plan that is executed; its width is the number of tiles that a row's sum is cut into. */
  readonly rectangle?: { readonly width: number; readonly height: number };
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** Text, token ids (taken as they are, no BOS added), or messages for the model's chat template. */
export type Prompt = string | readonly number[] | readonly ChatMessage[];

export interface SamplingOptions {
  /** 0 takes the most likely token (greedy); default 0. */
  readonly temperature?: number;
  /** Keeps the k most likely tokens; 0 keeps all. */
  readonly topK?: number;
  /** Keeps the smallest set of tokens whose probabilities add up to p; 1 keeps all. */
  readonly topP?: number;
  /** Drops tokens less likely than this share of the most likely one; 0 drops none. */
  readonly minP?: number;
  /** Divides positive and multiplies negative logits of tokens seen before (CTRL); 1 is off. */
  readonly repetitionPenalty?: number;
  /** Subtracted once from the logit of every token generated before; 0 is off. */
  readonly presencePenalty?: number;
  /** Subtracted per occurrence from the logit of a token generated before; 0 is off. */
  readonly frequencyPenalty?: number;
  /** Added to the logits of these token ids. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** Same seed, same text. Default: random. */
  readonly seed?: number;
}

export interface GenerateOptions extends SamplingOptions {
  /** Default 128; the context bounds it as well. */
  readonly maxTokens?: number;
  /** Generation ends before the first of these strings; none of it is returned. */
  readonly stop?: string | readonly string[];
  readonly signal?: AbortSignal;
  /** Called after every prefill chunk with prompt tokens done and in all. */
  readonly onPrefill?: (done: number, total: number) => void;
}

/** `stop`: end token or stop string; `length`: maxTokens or the context is used up; `cancelled`: the signal. */
export type FinishReason = 'stop' | 'length' | 'cancelled';

/** What one generation took on this machine. */
export interface GenerateTimings {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** From the call of generate to the first token. */
  readonly ttftMs: MeasuredMs;
  /** Time of the prefill steps alone. */
  readonly prefillMs: MeasuredMs;
  /** From the first token to the last. */
  readonly decodeMs: MeasuredMs;
  readonly prefillTokensPerSecond: number;
  /** (generatedTokens - 1) / decodeMs; 0 with fewer than two tokens. */
  readonly decodeTokensPerSecond: number;
}

/** A piece of the answer: `ids` are the tokens behind it; `text` may lag by held-back characters. */
export interface GenerateDelta {
  readonly done: false;
  readonly text: string;
  readonly ids: readonly number[];
}

/** Comes once, after all deltas: the whole text and all ids of the generation. */
export interface GenerateEnd {
  readonly done: true;
  readonly text: string;
  readonly ids: readonly number[];
  readonly promptIds: readonly number[];
  readonly finishReason: FinishReason;
  readonly timings: GenerateTimings;
  /** What a wafer and a GPU would take for these very tokens, computed when asked for: simulated, never measured. */
  readonly simulated: readonly Simulated[];
}

export type GenerateChunk = GenerateDelta | GenerateEnd;

/** Teacher-forced scores; entry i of both arrays speaks of the token after position i. */
export interface ScoreResult {
  /** Number of tokens scored, BOS included when the model adds one. */
  readonly tokens: number;
  readonly argmax: readonly number[];
  /** Negative log-likelihood of the token at i + 1 in nats; one shorter than `argmax`. */
  readonly nll: readonly number[];
}

export interface ScoreOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface EngineInfo {
  readonly name: string;
  readonly architecture: string;
  readonly config: LlamaConfig;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly context: number;
  readonly workers: number;
  readonly simd: SimdMode;
  readonly loadMs: MeasuredMs;
  readonly licence: string | null;
}

/** A loaded model. One generation runs at a time; further calls wait their turn. */
export interface Engine {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  generate(prompt: Prompt, options?: GenerateOptions): AsyncIterable<GenerateChunk>;
  /** Scores ids in windows of the context with half a window of overlap, so longer inputs work too. */
  score(ids: readonly number[], options?: ScoreOptions): Promise<ScoreResult>;
  /** Stops the workers and frees the memory; safe to call twice. */
  close(): Promise<void>;
}
