/** Log-probabilities of a step's logits, and their form in the feed. */

import type { TokenLogprobs } from '../types.js';
import type { Stepper } from './stepper.js';
import { selectTopK } from './top-k.js';

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

function floatOf(word: number): number {
  bits[0] = word;
  return float[0]!;
}

/**
 * Reads a row of logits before anything is forbidden or penalised; the result gives the words for the token that is
 * chosen in the end: its log-probability, then pairs of id and log-probability of the `top` likeliest.
 */
export function logprobsRecord(stepper: Stepper, row: number, top: number): (id: number) => number[] {
  const logits = stepper.logitsRow(row);
  const sum = stepper.logSumExp(row);
  const ids = new Uint32Array(Math.min(top, logits.length));
  if (ids.length > 0) selectTopK(logits, ids);
  const best = [...ids].sort((a, b) => logits[b]! - logits[a]! || a - b);
  const pairs = best.flatMap((id) => [id, bitsOf(logits[id]! - sum)]);
  // A forbidden token's logit is overwritten, but a token that is chosen was never forbidden.
  return (id) => [bitsOf(logits[id]! - sum), ...pairs];
}

/** The words of a token in the feed, back as log-probabilities; undefined if none were asked for. */
export function readLogprobs(payload: Int32Array): TokenLogprobs | undefined {
  if (payload.length < 2) return undefined;
  const top = [];
  for (let i = 2; i < payload.length; i += 2)
    top.push({ id: payload[i]!, logprob: floatOf(payload[i + 1]!) });
  return { id: payload[0]!, logprob: floatOf(payload[1]!), top };
}
