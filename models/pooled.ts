/** What follows when an input's rows have become one vector: nothing, or products that files carry for it. */
import type { Decoder, Style } from './decoder.js';
import type { PlainActivation, Value, WeightRef } from './op.js';

/**
 * The classifier of models that rank, where the file is of one: a product with an element function and a norm, then one
 * with the score; either may be missing. Other files' vectors are pooled and that is all.
 */
export function ranked(how: 'mean' | 'first' | 'last', act: PlainActivation): NonNullable<Style['pooled']> {
  return {
    how,
    finish(model, x) {
      if (!model.config.isRanker) return x;
      if (model.config.has('cls.weight')) {
        x = model.graph.activation(product(model, x, 'cls'), { name: act });
        if (model.config.has('cls.norm.weight')) x = model.norm(x, 'cls.norm');
      }
      return model.config.has('cls.output.weight') ? product(model, x, 'cls.output') : x;
    },
  };
}

/** Products one after the other, without biases or functions, as far as the file has them. */
export function dense(
  how: 'mean' | 'first' | 'last',
  stems: readonly string[],
): NonNullable<Style['pooled']> {
  return {
    how,
    finish: (model, x) =>
      stems.reduce((v, stem) => (model.config.has(`${stem}.weight`) ? product(model, v, stem) : v), x),
  };
}

function product(model: Decoder, x: Value, stem: string): Value {
  const stored = model.config.file.shape(`${stem}.weight`)!;
  // A product with one row is stored like a vector.
  const rows = stored.length === 2 ? stored[0]! : 1;
  const weight: WeightRef = { name: `${stem}.weight`, shape: [rows, x.features] };
  const bias = model.config.has(`${stem}.bias`) ? { name: `${stem}.bias`, shape: [rows] } : null;
  return model.graph.linear(x, [weight], [bias])[0]!;
}
