/** Routing in float64. */
import { LEAST_SUM } from './numbers.js';

/** How a router chooses and weighs. */
export interface Routing {
  readonly top: number;
  readonly scoring: 'softmax' | 'sigmoid' | 'softmaxOfChosen' | 'sqrtSoftplus';
  readonly chooseBy: 'scores' | 'logits';
  readonly groups: { readonly count: number; readonly used: number } | null;
  readonly isNormalised: boolean;
  readonly times: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function softmax(x: readonly number[]): number[] {
  const top = Math.max(...x);
  const all = x.map((value) => Math.exp(value - top));
  const sum = all.reduce((a, b) => a + b, 0);
  return all.map((value) => value / sum);
}

const SCORES: Readonly<Record<Routing['scoring'], (x: readonly number[]) => number[]>> = {
  softmax,
  sigmoid: (x) => x.map(sigmoid),
  softmaxOfChosen: (x) => [...x],
  sqrtSoftplus: (x) => x.map((value) => Math.sqrt(softplus(value))),
};

/** Places of the `count` largest, the largest first and of equal ones the lower. */
function best(x: readonly number[], count: number): number[] {
  return [...x.keys()].sort((a, b) => x[b]! - x[a]! || a - b).slice(0, count);
}

/** The numbers of the chosen of logits [experts], best first, then their weights; `bias` [experts] counts for the choice only. */
export function route(logits: ArrayLike<number>, bias: ArrayLike<number> | null, facts: Routing): number[] {
  const all = Array.from(logits);
  const scores = SCORES[facts.scoring](all);
  let keys = facts.chooseBy === 'logits' ? all : scores;
  if (bias) keys = keys.map((key, e) => key + bias[e]!);
  if (facts.groups) {
    const { count, used } = facts.groups;
    const size = all.length / count;
    const sums = Array.from({ length: count }, (_, g) => {
      const group = keys.slice(g * size, (g + 1) * size);
      return best(group, 2).reduce((sum, e) => sum + group[e]!, 0);
    });
    const kept = best(sums, used);
    keys = keys.map((key, e) => (kept.includes(Math.floor(e / size)) ? key : Number.NEGATIVE_INFINITY));
  }
  const chosen = best(keys, facts.top);
  let weights = chosen.map((e) => scores[e]!);
  if (facts.scoring === 'softmaxOfChosen') weights = softmax(weights);
  const sum = facts.isNormalised
    ? Math.max(
        weights.reduce((a, b) => a + b, 0),
        LEAST_SUM,
      )
    : 1;
  return [...chosen, ...weights.map((weight) => (weight / sum) * facts.times)];
}
