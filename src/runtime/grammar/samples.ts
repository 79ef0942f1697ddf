/** Texts of a language, drawn from it, to see whether they belong to another one too. */
import { Rng } from '../../core/rng.js';
import { type Expr, pairsOf } from './expr.js';

const drawn = 64;
/** Repetitions beyond the least of them. */
const mostMore = 3;

/** Whether every one of the texts drawn from a language without rules matches. */
export function seemWithin(expr: Expr, form: RegExp): boolean {
  const rng = new Rng(1);
  return Array.from({ length: drawn }, () => draw(expr, rng)).every((text) => form.test(text));
}

function draw(expr: Expr, rng: Rng): string {
  switch (expr.kind) {
    case 'text':
      return expr.text;
    case 'chars': {
      const pairs = pairsOf(expr.set);
      const [from, to] = pairs[rng.below(pairs.length)]!;
      return String.fromCodePoint(from + rng.below(to - from + 1));
    }
    case 'repeat': {
      const more = rng.below(Math.min(expr.most - expr.least, mostMore) + 1);
      return Array.from({ length: expr.least + more }, () => draw(expr.of, rng)).join('');
    }
    case 'seq':
      return expr.parts.map((part) => draw(part, rng)).join('');
    case 'alt':
      return expr.options.length === 0 ? '' : draw(expr.options[rng.below(expr.options.length)]!, rng);
    case 'rule':
      return '';
  }
}
