/** The engine's public types: what goes into `load` and `generate`, and what comes out. */
import type { ModelShape } from '../../models/model.js';
import type { MeasuredMs } from '../core/units.js';
import type { ChatMessage, EncodeOptions, Text, Tokenizer } from '../formats/tokenizer-types.js';
import type { Simulated } from '../timing/local-run.js';
import type { EncodeTurn } from './engine/texts.js';

export type { ChatMessage, TokenDecoder, Tokenizer } from '../formats/tokenizer-types.js';

/** How the key and value vectors of past tokens are stored; int16 have a scale per vector. */
export const kvTypes = ['int16', 'f32'] as const;
export type KvType = (typeof kvTypes)[number];

/**
 * How integers are multiplied, with the same bits: `simd` in plain 128-bit SIMD, the others in relaxed SIMD, `relaxed` by
 * pairs of int8 and seven bits, `u8s8` and `s8s8` by fours as x86 with AVX-VNNI and ARM with dot products do. `auto` tries
 * them and takes the fastest that is exact.
 */
export type SimdMode = 'simd' | 'relaxed' | 'u8s8' | 's8s8';
export const simdModes = ['simd', 'relaxed', 'u8s8', 's8s8'] as const satisfies readonly SimdMode[];
/** For people. */
export const simdNames: Readonly<Record<SimdMode, string>> = {
  simd: 'plain SIMD',
  relaxed: 'relaxed SIMD',
  u8s8: 'relaxed SIMD u8 x s8',
  s8s8: 'relaxed SIMD s8 x s8',
};

export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** A LoRA adapter: the path of a GGUF file or a PEFT folder, or the bytes of a GGUF file. */
export interface LoraOption {
  readonly file: string | Uint8Array;
  /** By which requests choose it; default: the file's name. */
  readonly name?: string;
  /** Multiplies what it adds; default 1. */
  readonly scale?: number;
}

export interface LoadOptions {
  /** Adapters that requests choose from; who says nothing has all of them together. */
  readonly lora?: readonly LoraOption[];
  /** Adds all adapters to the weights when they are loaded: as fast as without any, and no request can choose. */
  readonly loraMerge?: boolean;
  /** Tokens that the KV cache holds; default: the model's own context, at most 4096. */
  readonly context?: number;
  /** Threads that compute; default: the number of cores. */
  readonly workers?: number;
  /** Default int16: half the bytes, with errors as small as those of halves; f32 on a `rectangle`, as the fabric has it. */
  readonly kvType?: KvType;
  /** Measures what the time of steps is spent on, which takes about 1 % of it: `timings.profile`. */
  readonly profile?: boolean;
  /** Prompt tokens processed per step; default 64. Does not change any result. */
  readonly prefillChunk?: number;
  readonly simd?: SimdMode | 'auto';
  /** The rectangle of PEs of the plan that is executed; its width is the number of tiles that a row's sum is cut into. */
  readonly rectangle?: { readonly width: number; readonly height: number };
  /** Sequences that run at once; further ones wait. Default 8. */
  readonly maxRunning?: number;
  /** Tokens of all sequences that the KV cache holds together; default: `context`. */
  readonly kvTokens?: number;
  /** Stretches the positions to go past the trained context; default: what the file says. */
  readonly ropeScaling?: RopeScalingOption;
  /** In place of the file's chat template: Jinja, or the name of another template in the file. */
  readonly chatTemplate?: string;
  /** Variables of the chat template, such as `enable_thinking`, that hold where a conversation names none. */
  readonly chatVariables?: Readonly<Record<string, unknown>>;
  /** What generations get that leave it open, before what the file recommends. */
  readonly defaults?: GenerateDefaults;
  /** Matrices are loaded in this type, e.g. `q8_0` or `q4_k`; default: as they are stored. */
  readonly quantize?: string;
  /** Most bytes of one WebAssembly memory; layers that need more lie in several. Default: 4 GiB. Does not change any result. */
  readonly shardBytes?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** `linear` divides every position by the factor, `yarn` the slow frequencies only (Peng et al. 2023). */
export interface RopeScalingOption {
  readonly type: 'linear' | 'yarn';
  readonly factor: number;
}

/** Text, token ids (taken as they are, no BOS added), or messages for the model's chat template. */
export type Prompt = string | readonly number[] | readonly ChatMessage[];

/** Whoever sets none of temperature, top-k, top-p, min-p and penalties gets what the model's file recommends. */
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
  /** The penalties look at so many of the newest tokens; default: all. */
  readonly penaltyLastTokens?: number;
  /** Added to the logits of these token ids. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** Same seed, same text. Default: random. */
  readonly seed?: number;
}

/** What a generation gets that leaves it open. */
export type GenerateDefaults = SamplingOptions & Pick<GenerateOptions, 'maxTokens'>;

export interface GenerateOptions extends SamplingOptions {
  /** Default 128; the context bounds it as well. */
  readonly maxTokens?: number;
  /** Generation ends before the first of these strings; none of it is returned. */
  readonly stop?: string | readonly string[];
  /** Takes end tokens for plain ones and goes on to `maxTokens`; for benches. */
  readonly ignoreEos?: boolean;
  /** Larger goes first, and keeps its place when KV pages run out; default 0. */
  readonly priority?: number;
  /** Requests of different keys share the engine evenly, and nothing that is cached; default: all are of one key. */
  readonly shareKey?: string;
  /** Reports each token's log-probability and those of the so many likeliest, 0 to 20; default: none. */
  readonly logprobs?: number;
  /** Text that the answer will probably repeat: checked several tokens at a time. Never changes the answer. */
  readonly prediction?: string | readonly number[];
  /** Drafts from earlier repetitions in prompt and answer. Never changes the answer; default false. */
  readonly promptLookup?: boolean;
  /** A quicker model with the same tokens, whose guesses are checked several at a time. Never changes the answer. */
  readonly draft?: Engine;
  /** Name of one of the adapters that the model was loaded with, null for none; default: all of them together. */
  readonly adapter?: string | null;
  /** Only tokens that keep the answer a prefix of this language can be chosen. */
  readonly grammar?: Grammar;
  readonly signal?: AbortSignal;
  /**
   * Called with the number of requests in front while this one waits, and when it starts with 0 and the prompt tokens
   * whose keys and values are in the prefix cache.
   */
  readonly onQueue?: (position: number, cachedTokens?: number) => void;
  /** Called after every prefill chunk with prompt tokens done and in all. */
  readonly onPrefill?: (done: number, total: number) => void;
}

/** What an answer may be; schema as JSON text, pattern as ECMAScript, EBNF in the GGML dialect with a rule `root`. */
export type Grammar =
  | { readonly type: 'json' }
  | { readonly type: 'jsonSchema'; readonly schema: string }
  | { readonly type: 'regex'; readonly pattern: string }
  | { readonly type: 'ebnf'; readonly text: string }
  /** Values with a text before and behind each, one of several. */
  | { readonly type: 'framed'; readonly ways: readonly FramedValue[] };

/** A value of a JSON schema between two texts. */
export interface FramedValue {
  readonly before: string;
  readonly schema: string;
  readonly after: string;
}

/** Natural logarithms of probabilities before temperature and the other options. */
export interface TokenLogprobs {
  readonly id: number;
  readonly logprob: number;
  /** The likeliest tokens, best first, as many as were asked for. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

/** `stop`: end token or stop string; `length`: maxTokens or the context is used up; `cancelled`: the signal. */
export type FinishReason = 'stop' | 'length' | 'cancelled';

/** What one generation took on this machine. */
export interface GenerateTimings {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Prompt tokens whose keys and values were in the prefix cache. */
  readonly cachedTokens: number;
  /** Draft tokens checked and accepted; 0 without speculation. */
  readonly draftTokens: number;
  readonly acceptedTokens: number;
  /** From the call of generate to the first step with this request. */
  readonly queueMs: MeasuredMs;
  /** From the call of generate to the first token. */
  readonly ttftMs: MeasuredMs;
  /** From the first step with this request to its first token. */
  readonly prefillMs: MeasuredMs;
  /** From the first token to the last. */
  readonly decodeMs: MeasuredMs;
  readonly prefillTokensPerSecond: number;
  /** (generatedTokens - 1) / decodeMs; 0 with fewer than two tokens. */
  readonly decodeTokensPerSecond: number;
  /** Where the engine was loaded with `profile`. */
  readonly profile?: Profile;
}

/** What the time of a step is spent on; `leader` is between steps: sampling, scheduling, messages. */
export const profileParts = [
  'products',
  'attention',
  'norms',
  'elements',
  'states',
  'waiting',
  'leader',
] as const;
export type ProfilePart = (typeof profileParts)[number];

/** Steps of one kind, and the time of worker 0 in them. */
export interface StepProfile {
  readonly steps: number;
  readonly ms: Readonly<Record<ProfilePart, MeasuredMs>>;
}

/** Since the model was loaded: steps of one token, and of several, as prompts and drafts take them. */
export type Profile = Readonly<Record<'single' | 'several', StepProfile>>;

/** A piece of the answer: `ids` are the tokens behind it; `text` may lag by held-back characters. */
export interface GenerateDelta {
  readonly done: false;
  readonly text: string;
  readonly ids: readonly number[];
  /** One per id, if asked for. */
  readonly logprobs?: readonly TokenLogprobs[];
}

/** Comes once, after all deltas: the whole text and all ids of the generation. */
export interface GenerateEnd {
  readonly done: true;
  readonly text: string;
  readonly ids: readonly number[];
  readonly promptIds: readonly number[];
  readonly finishReason: FinishReason;
  /** The stop string that ended it, if one did. */
  readonly stopString: string | null;
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
  /** Of the token at i + 1, where `top` was given. */
  readonly logprobs?: readonly TokenLogprobs[];
}

export interface ScoreOptions {
  /** Reports each token's log-probability and those of the so many likeliest in its place, 0 to 20; default: none. */
  readonly top?: number;
  /** As for `generate`. */
  readonly adapter?: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** How the rows of an input become one vector: the mean of all, the first or the last. */
export type Pooling = 'mean' | 'first' | 'last';
export const poolings = ['mean', 'first', 'last'] as const satisfies readonly Pooling[];

/** A text, which is encoded as the model wants it, or token ids, which are taken as they are. */
export type EmbedInput = string | readonly number[];

export interface EmbedOptions {
  /** Default: what the model's file says, or the last row. */
  readonly pooling?: Pooling;
  /** Makes the length of every vector 1; default true. */
  readonly normalize?: boolean;
  /** Keeps so many of a vector's first numbers, for models that are trained for that; default: all. */
  readonly dimensions?: number;
  /** Cuts inputs off that are longer than the context; default false: they are errors. */
  readonly truncate?: boolean;
  /** As those of {@link GenerateOptions}. */
  readonly priority?: number;
  readonly shareKey?: string;
  readonly signal?: AbortSignal;
}

export interface EmbedResult {
  /** One vector for each input. */
  readonly embeddings: readonly Float32Array[];
  /** Tokens of each input that were read. */
  readonly tokens: readonly number[];
}

/** What a model makes of whole inputs. */
export interface EmbeddingInfo {
  /** Numbers of a vector. */
  readonly dimensions: number;
  /** What is done where nobody says otherwise. */
  readonly pooling: Pooling;
  /** Whether the model is made for this alone and writes no text. */
  readonly isOnly: boolean;
  /** Whether the numbers are a classifier's, which says how well the two texts of an input go together. */
  readonly isRanker: boolean;
}

export interface EngineInfo {
  readonly name: string;
  readonly architecture: string;
  readonly config: ModelShape;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
  /** Of the KV cache, for every token that it holds. */
  readonly kvBytesPerToken: number;
  readonly context: number;
  readonly workers: number;
  readonly simd: SimdMode;
  readonly kvType: KvType;
  readonly loadMs: MeasuredMs;
  readonly licence: string | null;
  readonly embedding: EmbeddingInfo;
  /** Names of the adapters that requests can choose. */
  readonly adapters: readonly string[];
  /**
   * What the model's maker recommends, and the `defaults` that it was loaded with before that; empty if neither says
   * anything. Holds for calls that say nothing of how tokens are drawn.
   */
  readonly sampling: GenerateDefaults;
}

/** A moment of the engine: what runs and waits, KV pages, and counters since it was loaded. */
export interface EngineStats {
  readonly running: number;
  readonly waiting: number;
  /** Prompt tokens of the waiting requests. */
  readonly waitingTokens: number;
  /** Pages of 32 tokens: `used` by running sequences, `cached` held for reuse only, the rest free. */
  readonly kvPages: { readonly total: number; readonly used: number; readonly cached: number };
  readonly preemptions: number;
  readonly prefixQueryTokens: number;
  readonly prefixHitTokens: number;
  readonly steps: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** How a model believes that a text goes on, for another model to check. */
export interface Guesses {
  /** At most `most` tokens that come behind the answer so far; fewer where there is no more room. One call at a time. */
  next(answer: readonly number[], most: number): Promise<readonly number[]>;
  /** No more are wanted; safe to call twice. */
  end(): void;
}

/** A loaded model. Generations run side by side, up to `maxRunning`; further calls wait their turn. */
export interface Engine {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  /**
   * The ids that the tokenizer gives: at once for a short text, later for a long one, which then holds up nobody. Of
   * those that wait all owners have their turn. Rejects with OptionError on a text that takes too long.
   */
  encode(text: Text, options?: EncodeOptions & EncodeTurn): readonly number[] | Promise<readonly number[]>;
  stats(): EngineStats;
  /** Settles when the engine can no longer run: null after `close()`, else what broke it. */
  readonly ended: Promise<Error | null>;
  generate(prompt: Prompt, options?: GenerateOptions): AsyncIterable<GenerateChunk>;
  /** Guesses at the greedy answer to a prompt; `end` has to be called. */
  guess(promptIds: readonly number[]): Guesses;
  /** Scores ids in windows of the context with half a window of overlap, so longer inputs work too. */
  score(ids: readonly number[], options?: ScoreOptions): Promise<ScoreResult>;
  /** A vector for each input. The same input gives the same bits, whatever else is embedded with it. */
  embed(inputs: readonly EmbedInput[], options?: EmbedOptions): Promise<EmbedResult>;
  /** Stops the workers and frees the memory; calls under way reject. Safe to call twice. */
  close(): Promise<void>;
  /** `await using engine = await load()` closes it. */
  [Symbol.asyncDispose](): Promise<void>;
}
