/** What to ask and when: lengths and times from a trace, or of one's own. */
import { Rng } from '../core/rng.js';
import { gamma } from '../fleet/requests/arrivals.js';
import type { Trace } from '../fleet/requests/traces.js';
import type { LoadRequest } from './types.js';

export interface Lengths {
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Tokens of the context, and what each request may take of it. */
export interface LengthLimits {
  readonly context: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export interface PlannedRequest extends LoadRequest {
  /** After the start; requests of a closed loop have no time. */
  readonly atMs: number | null;
}

/** A token of any vocabulary, or two. */
const WORDS = [
  'the',
  'a',
  'of',
  'and',
  'to',
  'in',
  'is',
  'it',
  'for',
  'on',
  'as',
  'with',
  'at',
  'by',
  'be',
  'this',
];
const BLOCK_TOKENS = 512;

/** Texts of about so many tokens; the server's own count is what is reported. */
export class PromptWriter {
  private readonly wordsPerToken: number;

  constructor(wordsPerToken: number) {
    this.wordsPerToken = wordsPerToken;
  }

  /** A text of its own for each number, so that no other one is a prefix of it. */
  text(number: number, tokens: number): string {
    return this.words(new Rng(number), tokens);
  }

  /** Equal blocks give equal texts, so prompts share prefixes as those of the trace did. */
  blocks(hashes: Int32Array, tokens: number): string {
    const parts: string[] = [];
    for (let i = 0; i * BLOCK_TOKENS < tokens; i++) {
      const length = Math.min(BLOCK_TOKENS, tokens - i * BLOCK_TOKENS);
      parts.push(this.words(new Rng(hashes[i] ?? -1), length));
    }
    return parts.join(' ');
  }

  private words(rng: Rng, tokens: number): string {
    const count = Math.max(1, Math.round(tokens * this.wordsPerToken));
    return Array.from({ length: count }, () => WORDS[rng.below(WORDS.length)]!).join(' ');
  }
}

/** The sample from which the words of a token are counted. */
export function sampleText(words: number): string {
  return new PromptWriter(1).text(0, words);
}

export interface WorkloadOptions {
  readonly requests: number;
  readonly lengths: Lengths;
  readonly trace: Trace | null;
  readonly limits: LengthLimits;
  /** Times of the trace are divided by this; null for times from `rate` or none. */
  readonly traceSpeed: number | null;
  /** Requests per second, Infinity for all at once; null for a closed loop. */
  readonly rate: number | null;
  /** 1: Poisson arrivals; less: bursts; more: more even; Infinity: even. */
  readonly burstiness: number;
  readonly seed: number;
  readonly writer: PromptWriter;
}

/** Requests in the order of their times. Made one by one, since all prompts together can be large. */
export function* workload(options: WorkloadOptions): Generator<PlannedRequest, void, void> {
  const { trace, lengths, limits, writer, seed } = options;
  const count = trace === null ? options.requests : Math.min(options.requests, trace.seconds.length);
  const times =
    options.rate === null ? null : arrivals(count, options.rate, options.burstiness, new Rng(seed));
  for (let i = 0; i < count; i++) {
    const wanted =
      trace === null
        ? lengths
        : { promptTokens: trace.promptTokens[i]!, outputTokens: trace.outputTokens[i]! };
    const maxTokens = Math.max(1, Math.min(wanted.outputTokens, limits.outputTokens, limits.context >> 1));
    const promptTokens = Math.min(wanted.promptTokens, limits.promptTokens, limits.context - maxTokens);
    const isShared = trace !== null && trace.hashStarts.length > 0;
    const atMs =
      trace !== null && options.traceSpeed !== null
        ? (trace.seconds[i]! * 1e3) / options.traceSpeed
        : (times?.[i] ?? null);
    yield {
      atMs,
      maxTokens,
      prompt: isShared
        ? writer.blocks(trace.hashes.subarray(trace.hashStarts[i], trace.hashStarts[i + 1]), promptTokens)
        : writer.text(seed * 1_000_003 + i + 1, promptTokens),
    };
  }
}

/** Milliseconds: gamma-distributed gaps, stretched so that the last request comes when the rate says. */
export function arrivals(count: number, rate: number, burstiness: number, rng: Rng): Float64Array {
  const times = new Float64Array(count);
  if (rate === Number.POSITIVE_INFINITY) return times;
  let time = 0;
  for (let i = 0; i < count; i++) {
    time += burstiness === Number.POSITIVE_INFINITY ? 1 : gamma(burstiness, rng);
    times[i] = time;
  }
  const scale = (count / rate) * (1e3 / time);
  return times.map((at) => at * scale);
}
