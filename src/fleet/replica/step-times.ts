/**
 * What one iteration of one copy of the model takes, as tables: made once from a timing model, read millions of
 * times. An iteration gives every running sequence one token and takes some prompt tokens in.
 */
import type { Curve } from './curve.js';

export interface StepTimes {
  /** By tokens that pass the weights together: prompt tokens, and where `sharesWeights` the running sequences. */
  readonly tokenSeconds: Float64Array;
  readonly sharesWeights: boolean;
  /** By sequences that yield a token; entry 0 is what a step costs without any. */
  readonly sequenceSeconds: Float64Array;
  /** Once per step in which sequences decode. */
  readonly decodeSeconds: number;
  /** By running sequences: how often the cost of the mean context is paid. */
  readonly contextWeight: Float64Array;
  /** By tokens in the cache of a sequence; null: contexts cost nothing. */
  readonly contextSeconds: Curve | null;
  /** Once per step that takes prompt tokens. */
  readonly promptSeconds: number;
  /** Attention of a prompt's first so many tokens among themselves. */
  readonly attendedSeconds: Curve | null;
  /** Attention of one prompt token in a chunk that ends at this position, and of the chunk as a whole. */
  readonly chunkTokenSeconds: Curve | null;
  readonly chunkSeconds: Curve | null;
  /** After a prompt's last chunk has left the first stage of a pipeline: its way through the others, in chunks. */
  readonly drainChunks: number;
  /** Whether the prompt's last step yields the first token; otherwise the first decoding step does. */
  readonly promptYieldsToken: boolean;
}

/** Attention of the prompt tokens [before, before + tokens) of one sequence. */
export function promptAttention(times: StepTimes, before: number, tokens: number): number {
  const { attendedSeconds, chunkTokenSeconds, chunkSeconds } = times;
  const end = before + tokens;
  let seconds = 0;
  if (attendedSeconds !== null) seconds += attendedSeconds.at(end) - attendedSeconds.at(before);
  if (chunkTokenSeconds !== null) seconds += tokens * chunkTokenSeconds.at(end);
  if (chunkSeconds !== null) seconds += chunkSeconds.at(end);
  return seconds;
}

/** A step's time without its prompts' attention. */
export function stepSeconds(
  times: StepTimes,
  running: number,
  meanContext: number,
  promptTokens: number,
  promptsDone: number,
): number {
  const shared = times.sharesWeights ? running + promptTokens : promptTokens;
  const yields = running + (times.promptYieldsToken ? promptsDone : 0);
  let seconds = times.tokenSeconds[shared]! + times.sequenceSeconds[yields]!;
  if (promptTokens > 0) seconds += times.promptSeconds;
  if (running > 0) {
    seconds += times.decodeSeconds;
    if (times.contextSeconds !== null)
      seconds += times.contextWeight[running]! * times.contextSeconds.at(meanContext);
  }
  return seconds;
}

/** One copy of the model: its times, its memory, what it draws and costs. */
export interface ReplicaModel {
  readonly machine: string;
  readonly machines: number;
  readonly times: StepTimes;
  /** Tokens that the KV memory holds. */
  readonly kvTokens: number;
  /** Tokens of the longest sequence that the model takes. */
  readonly maxContext: number;
  /** A request's way from the client to the scheduler and its tokens' way back, and what each user adds. */
  readonly requestSeconds: number;
  readonly requestPerUserSeconds: number;
  /** A sequence's cache to another copy: latency, and seconds per token. */
  readonly transferSeconds: number;
  readonly transferPerTokenSeconds: number;
  readonly watts: number;
  readonly dollarsPerHour: number;
}
