/**
 * From logits to a token. The order is that of Hugging Face's generate: penalties, bias, temperature, top-k,
 * top-p (over what top-k kept), min-p. All of it is deterministic down to the bit, ties go to the lowest id, and
 * a draw takes exactly one random number, so the same seed gives the same token on every engine.
 */
import { ModelError, OptionError } from '../../core/errors.js';
import { exp } from '../../core/exp.js';
import { Rng } from '../../core/rng.js';
import type { SamplingOptions } from '../types.js';
import { nextAbove, selectTopK } from './top-k.js';

/** Weights below this share of the highest are as good as 0: a random number has 53 bits. */
const SMALLEST = 2 ** -64;
const LOWEST_BUCKET = (1023 - 64) << 3;
const BUCKETS = (1023 << 3) - LOWEST_BUCKET + 1;
/** Where the high word of a float64 lies. */
const HIGH_WORD = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** Room for one draw at a time, shared by all samplers of a thread. */
export class SamplerScratch {
  readonly adjusted: Float32Array;
  readonly ids: Uint32Array;
  readonly weights: Float64Array;

  constructor(vocabSize: number) {
    this.adjusted = new Float32Array(vocabSize);
    this.ids = new Uint32Array(vocabSize);
    this.weights = new Float64Array(vocabSize);
  }
}

/** A state of one generation; options must have passed `validateSampling`. */
export class Sampler {
  /** True where the token is the plain argmax of the logits, which may then be found anywhere. */
  readonly isArgmax: boolean;
  private readonly options: Required<Omit<SamplingOptions, 'seed' | 'logitBias'>>;
  private readonly bias: ReadonlyMap<number, number>;
  private readonly rng: Rng;
  /** Occurrences among the generated tokens; tokens of the prompt alone stand at 0. */
  private readonly counts: Map<number, number>;
  /** With a window: what the penalties may look at, the prompt's tokens first. */
  private readonly seen: number[];
  private readonly promptTokens: number;
  private readonly adjusted: Float32Array;
  /** Ids and weights of the candidates of a draw. */
  private readonly ids: Uint32Array;
  private readonly weights: Float64Array;
  /** The words that `weights` is made of. */
  private readonly words: Uint32Array;
  private readonly mass = new Float64Array(BUCKETS);

  constructor(
    vocabSize: number,
    options: SamplingOptions,
    promptIds: readonly number[] = [],
    scratch = new SamplerScratch(vocabSize),
  ) {
    this.options = {
      temperature: options.temperature ?? 0,
      topK: options.topK ?? 0,
      topP: options.topP ?? 1,
      minP: options.minP ?? 0,
      repetitionPenalty: options.repetitionPenalty ?? 1,
      presencePenalty: options.presencePenalty ?? 0,
      frequencyPenalty: options.frequencyPenalty ?? 0,
      penaltyLastTokens: options.penaltyLastTokens ?? Number.POSITIVE_INFINITY,
    };
    this.bias = new Map(Object.entries(options.logitBias ?? {}).map(([id, bias]) => [Number(id), bias]));
    this.rng = new Rng(options.seed ?? Math.floor(Math.random() * 2 ** 32));
    const last = this.options.penaltyLastTokens;
    this.seen =
      last === Number.POSITIVE_INFINITY ? [] : promptIds.slice(Math.max(0, promptIds.length - last));
    this.promptTokens = this.seen.length;
    this.counts = new Map((last === Number.POSITIVE_INFINITY ? promptIds : this.seen).map((id) => [id, 0]));
    const { temperature, topK, repetitionPenalty, presencePenalty, frequencyPenalty } = this.options;
    const adjusts =
      this.bias.size > 0 || repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
    const draws = temperature > 0;
    const candidates = topK > 0 ? Math.min(topK, vocabSize) : vocabSize;
    this.isArgmax = !draws && !adjusts;
    this.adjusted = scratch.adjusted.subarray(0, adjusts ? vocabSize : 0);
    this.ids = scratch.ids.subarray(0, draws ? candidates : 0);
    this.weights = scratch.weights.subarray(0, draws ? candidates : 0);
    this.words = new Uint32Array(this.weights.buffer);
  }

  /** Counts a generated token for the penalties. `sample` does not do it, since a caller may use another token. */
  accept(id: number): void {
    const last = this.options.penaltyLastTokens;
    if (last === Number.POSITIVE_INFINITY) {
      this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
      return;
    }
    this.seen.push(id);
    this.counts.clear();
    for (let i = Math.max(0, this.seen.length - last); i < this.seen.length; i++) {
      const one = this.seen[i]!;
      this.counts.set(one, (this.counts.get(one) ?? 0) + (i < this.promptTokens ? 0 : 1));
    }
  }

  /**
   * The next token for logits [vocabSize], which stay as they are.
   *
   * @throws ModelError if a logit is NaN or +Infinity, OptionError if none is above -Infinity
   */
  sample(logits: Float32Array): number {
    const scores = this.adjusted.length > 0 ? this.adjust(logits) : logits;
    if (this.options.temperature === 0) return argmax(scores);
    const count = this.weigh(scores);
    return this.draw(count, this.threshold(count));
  }

  /** Penalties and bias on a copy of the logits. */
  private adjust(logits: Float32Array): Float32Array {
    const { repetitionPenalty, presencePenalty, frequencyPenalty } = this.options;
    const out = this.adjusted;
    out.set(logits);
    for (const [id, count] of this.counts) {
      const logit = out[id]!;
      const repeated = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
      out[id] = repeated - (count > 0 ? presencePenalty + count * frequencyPenalty : 0);
    }
    for (const [id, bias] of this.bias) out[id] = out[id]! + bias;
    return out;
  }

  /** Fills `ids` and `weights` = e^((score - highest) / temperature) of the candidates; returns their number. */
  private weigh(scores: Float32Array): number {
    const { ids, weights } = this;
    const { temperature, topP, minP } = this.options;
    const best = ids.length < scores.length ? selectTopK(scores, ids) : argmax(scores);
    const highest = scores[best]!;
    requireFinite(highest, best);
    let count = ids.length;
    if (count === scores.length) {
      // Spares the exponentials that min-p drops anyway; a millionth of slack, since the last bit of log varies.
      const floor = topP === 1 ? highest + temperature * Math.log(minP) * 1.000001 : Number.NEGATIVE_INFINITY;
      count = 0;
      for (let i = 0; i < scores.length; i++) if (scores[i]! >= floor) ids[count++] = i;
    }
    for (let i = 0; i < count; i++) weights[i] = exp((scores[ids[i]!]! - highest) / temperature);
    return count;
  }

  /**
   * The lowest weight that top-p and min-p keep, and how many of exactly that weight they keep. Weights are added
   * up by buckets of one eighth of a power of two, so that only the bucket at the edge of the nucleus is sorted.
   */
  private threshold(count: number): { weight: number; ties: number } {
    const { topP, minP } = this.options;
    const { weights, mass } = this;
    if (topP === 1) return { weight: minP, ties: count };
    mass.fill(0);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const weight = weights[i]!;
      total += weight;
      if (weight >= SMALLEST) mass[bucketOf(this.words, i)]! += weight;
    }
    let left = topP * total;
    let bucket = BUCKETS - 1;
    while (bucket > 0 && mass[bucket]! < left) left -= mass[bucket--]!;
    const edge: number[] = [];
    for (let i = 0; i < count; i++) {
      if (weights[i]! >= SMALLEST && bucketOf(this.words, i) === bucket) edge.push(weights[i]!);
    }
    const sorted = Float64Array.from(edge).sort();
    let at = sorted.length;
    while (at > 0 && left > 0) left -= sorted[--at]!;
    const weight = sorted[at] ?? 0;
    if (at === sorted.length || weight < minP) return { weight: minP, ties: count };
    return { weight, ties: sorted.lastIndexOf(weight) - at + 1 };
  }

  /** Draws one of the kept candidates in proportion to its weight. */
  private draw(count: number, { weight: least, ties }: { weight: number; ties: number }): number {
    const { ids, weights } = this;
    let kept = 0;
    let total = 0;
    let left = ties;
    for (let i = 0; i < count; i++) {
      const weight = weights[i]!;
      if (weight < least || weight === 0 || (weight === least && left-- <= 0)) continue;
      ids[kept] = ids[i]!;
      weights[kept++] = weight;
      total += weight;
    }
    let rest = this.rng.next() * total;
    for (let i = 0; i < kept; i++) {
      rest -= weights[i]!;
      if (rest < 0) return ids[i]!;
    }
    return ids[kept - 1]!;
  }
}

/** The bucket of weight i in (0, 1]: its exponent and three bits of its mantissa, ascending. */
function bucketOf(words: Uint32Array, i: number): number {
  return (words[2 * i + HIGH_WORD]! >>> 17) - LOWEST_BUCKET;
}

/** The index of the highest value, the lowest such index among equals. Throws as `Sampler.sample`. */
export function argmax(logits: Float32Array): number {
  let best = Number.NEGATIVE_INFINITY;
  let id = 0;
  for (let i = nextAbove(logits, 0, best); i < logits.length; i = nextAbove(logits, i + 1, best)) {
    requireFinite(logits[i]!, i);
    best = logits[i]!;
    id = i;
  }
  requireFinite(best, id);
  return id;
}

/** Throws ModelError on what no model in order gives, OptionError where every token is forbidden. */
export function requireFinite(logit: number, id: number): void {
  if (Number.isFinite(logit)) return;
  if (logit === Number.NEGATIVE_INFINITY) {
    throw new OptionError({
      what: 'sampling the next token',
      given: 'a logit of -Infinity for every token',
      expected: 'a token that is not forbidden',
      todo: 'Forbid fewer tokens in logitBias.',
    });
  }
  throw new ModelError({
    what: 'sampling the next token',
    given: `a logit of ${logit} for token ${id}`,
    expected: 'numbers from the model',
    todo: 'Check the model file with `waferflow score`: its weights may be damaged.',
  });
}
