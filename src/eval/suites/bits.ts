/** Bits per byte: how well a model predicts texts, on one scale for every vocabulary. */
import type { Engine } from '../../runtime/types.js';
import type { EvalOptions, Score } from '../types.js';

/** Of all texts together; each is scored on its own. */
export async function bitsPerByte(
  engine: Engine,
  texts: readonly string[],
  { signal, onProgress }: EvalOptions,
): Promise<Score[]> {
  let nats = 0;
  let bytes = 0;
  for (const [done, text] of texts.entries()) {
    const { nll } = await engine.score(engine.tokenizer.encode(text), { signal });
    nats += nll.reduce((sum, one) => sum + one, 0);
    bytes += Buffer.byteLength(text);
    onProgress(done + 1, texts.length);
  }
  return [{ metric: 'bitsPerByte', value: nats / Math.LN2 / bytes, n: texts.length }];
}
