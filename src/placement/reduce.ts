/**
 * The order in which partial sums meet: the single definition that the fabric's reductions, the runtime's
 * folds and the timing model share.
 */
import type { Axis, Reduce } from './plan.js';

/** Group sizes of the K-tree (K = 2) in the published kernels; others take about the square root, which balances its two phases. */
const PUBLISHED_GROUPS: Readonly<Record<number, number>> = {
  360: 18,
  420: 20,
  480: 20,
  540: 20,
  600: 24,
  660: 22,
  720: 24,
};

/** The group size of a K-tree over `parts` tiles, and of any reduction in two phases. */
export function ktreeGroup(parts: number): number {
  return PUBLISHED_GROUPS[parts] ?? Math.max(1, Math.round(Math.sqrt(parts)));
}

/** The reduction of `parts` tiles along an axis that every plan uses. */
export function reduceAlong(axis: Axis, parts: number): Reduce {
  return { algorithm: 'ktree', axis, parts, groupSize: ktreeGroup(parts) };
}

/** One step of a reduction: `partial[into] = partial[into] + partial[from]`. */
export interface Fold {
  readonly into: number;
  readonly from: number;
}

/**
 * The steps that turn `reduce.parts` partial sums into one, in order; the result ends in `foldRoot(reduce)`.
 *
 * `chain` adds from the far end towards tile 0, as a vendor-style chain reduce does. `ktree` (K = 2) cuts the
 * axis into groups of `groupSize`, folds each group from both ends toward its centre, then the group centres
 * from both ends toward the centre group (He et al., "WaferLLM", OSDI'25).
 */
export function foldPairs(reduce: Reduce): Fold[] {
  const all = Array.from({ length: reduce.parts }, (_, tile) => tile);
  switch (reduce.algorithm) {
    case 'chain':
      return chainInto(all, 0);
    case 'ktree': {
      const steps: Fold[] = [];
      const centres: number[] = [];
      for (let start = 0; start < reduce.parts; start += reduce.groupSize) {
        const group = all.slice(start, start + reduce.groupSize);
        steps.push(...chainInto(group, group.length >> 1));
        centres.push(group[group.length >> 1]!);
      }
      steps.push(...chainInto(centres, centres.length >> 1));
      return steps;
    }
  }
}

/** The tile in which `foldPairs` leaves the sum. */
export function foldRoot(reduce: Reduce): number {
  if (reduce.algorithm === 'chain') return 0;
  const groups = Math.ceil(reduce.parts / reduce.groupSize);
  const start = (groups >> 1) * reduce.groupSize;
  return start + (Math.min(reduce.groupSize, reduce.parts - start) >> 1);
}

/** Folds a line of tiles from both ends toward `line[centre]`: the low side arrives first, then the high side. */
function chainInto(line: readonly number[], centre: number): Fold[] {
  const steps: Fold[] = [];
  for (let i = 0; i < centre; i++) steps.push({ into: line[i + 1]!, from: line[i]! });
  for (let i = line.length - 1; i > centre; i--) steps.push({ into: line[i - 1]!, from: line[i]! });
  return steps;
}
