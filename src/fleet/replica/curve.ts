/** A function of a number of tokens as straight lines between even knots, with its exact integral. */

const SPACING = 64;

export class Curve {
  private readonly values: Float64Array;
  private readonly integrals: Float64Array;

  /** Samples `of` at few places, more densely where tokens are few, and draws lines between them. */
  constructor(maxTokens: number, of: (tokens: number) => number) {
    const knots = Math.ceil(maxTokens / SPACING) + 2;
    this.values = interpolated(knots, SPACING, of);
    this.integrals = new Float64Array(knots);
    for (let i = 1; i < knots; i++) {
      this.integrals[i] = this.integrals[i - 1]! + ((this.values[i - 1]! + this.values[i]!) / 2) * SPACING;
    }
  }

  at(tokens: number): number {
    const knot = this.knot(tokens);
    const low = this.values[knot]!;
    return low + ((this.values[knot + 1]! - low) / SPACING) * (tokens - knot * SPACING);
  }

  /** The integral from 0 to `tokens`. */
  integral(tokens: number): number {
    const knot = this.knot(tokens);
    const low = this.values[knot]!;
    const over = tokens - knot * SPACING;
    const slope = (this.values[knot + 1]! - low) / SPACING;
    return this.integrals[knot]! + over * (low + (slope / 2) * over);
  }

  /** Beyond the last knot its last line goes on. */
  private knot(tokens: number): number {
    return Math.min(this.values.length - 2, Math.floor(tokens / SPACING));
  }
}

/**
 * `of(0), of(spacing), ...`, of which only some are computed: all up to 64, then each at most 3 % further on, and
 * every power of two, where windows and tiles end.
 */
export function interpolated(length: number, spacing: number, of: (x: number) => number): Float64Array {
  const values = new Float64Array(length);
  let low = 0;
  values[0] = of(0);
  while (low < length - 1) {
    const power = 2 ** Math.floor(Math.log2(low) + 1);
    const high = Math.min(length - 1, low < 64 ? low + 1 : Math.min(power, Math.ceil(low * 1.03)));
    values[high] = of(high * spacing);
    for (let i = low + 1; i < high; i++) {
      values[i] = values[low]! + ((values[high]! - values[low]!) * (i - low)) / (high - low);
    }
    low = high;
  }
  return values;
}
