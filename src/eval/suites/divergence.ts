/** How far a quantised model has moved from the model it was made of: KL divergence, as llama.cpp's perplexity tool has it. */
import { ModelError } from '../../core/errors.js';
import { mean } from '../pass-at-k.js';
import type { EvalOptions, Score } from '../types.js';

/** What both models must offer: the logits after the last of some ids. */
export interface Predictor {
  readonly name: string;
  logits(ids: readonly number[]): Promise<Float32Array>;
}

/** KL(base || model) in nats, and the share of positions where both think the same token likeliest. */
export async function divergence(
  base: Predictor,
  model: Predictor,
  ids: readonly number[],
  { signal, onProgress }: Pick<EvalOptions, 'signal' | 'onProgress'>,
): Promise<Score[]> {
  const nats: number[] = [];
  const agrees: number[] = [];
  for (let length = 1; length <= ids.length; length++) {
    signal.throwIfAborted();
    const prefix = ids.slice(0, length);
    const [p, q] = [logSoftmax(await base.logits(prefix)), logSoftmax(await model.logits(prefix))];
    if (p.length !== q.length) throw differentVocabulary(base, model, p.length, q.length);
    nats.push(p.reduce((sum, log, i) => sum + Math.exp(log) * (log - q[i]!), 0));
    agrees.push(Number(argmax(p) === argmax(q)));
    onProgress(length, ids.length);
  }
  return [
    { metric: 'klNats', value: mean(nats), n: nats.length },
    { metric: 'sameTop', value: mean(agrees), n: agrees.length },
  ];
}

function logSoftmax(logits: Float32Array): Float64Array {
  const values = Float64Array.from(logits);
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const log = most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
  return values.map((value) => value - log);
}

function argmax(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

function differentVocabulary(base: Predictor, model: Predictor, a: number, b: number): ModelError {
  return new ModelError({
    what: `KL divergence of ${model.name} to ${base.name}`,
    given: `vocabularies of ${b} and ${a} tokens`,
    expected: 'two files of one model',
    todo: 'Give --base the file that the other was quantised from.',
  });
}
