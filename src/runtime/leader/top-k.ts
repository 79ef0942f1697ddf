/** Selection of the k highest values in one pass, without sorting the rest. */

/**
 * Fills `ids` [k] with the indices of the k highest of `values` [n], k <= n, lowest index first among equals, in
 * ascending order; returns the index of the highest. A NaN counts as higher than everything.
 *
 * A heap of the best so far has its worst on top, so a value that cannot enter costs one comparison: O(n) for
 * values in random order and O(n log k) at worst.
 */
export function selectTopK(values: Float32Array, ids: Uint32Array): number {
  const k = ids.length;
  for (let i = 0; i < k; i++) ids[i] = i;
  for (let i = (k >> 1) - 1; i >= 0; i--) siftDown(values, ids, i);
  let worst = values[ids[0]!]!;
  // The worst of the heap is NaN only when all of it is.
  for (
    let i = nextAbove(values, k, worst);
    i < values.length && !Number.isNaN(worst);
    i = nextAbove(values, i + 1, worst)
  ) {
    ids[0] = i;
    siftDown(values, ids, 0);
    worst = values[ids[0]!]!;
  }
  ids.sort();
  let best = ids[0]!;
  for (const id of ids) if (isWorse(values, best, id)) best = id;
  return best;
}

/**
 * The first index at or after `from` whose value is not at most `bound` (NaN is not), or the length. An equal value
 * does not count: it comes later, so it loses. Eight comparisons per branch run twice as fast as one.
 */
export function nextAbove(values: Float32Array, from: number, bound: number): number {
  const end = values.length - 8;
  let i = from;
  while (
    i <= end &&
    values[i]! <= bound &&
    values[i + 1]! <= bound &&
    values[i + 2]! <= bound &&
    values[i + 3]! <= bound &&
    values[i + 4]! <= bound &&
    values[i + 5]! <= bound &&
    values[i + 6]! <= bound &&
    values[i + 7]! <= bound
  ) {
    i += 8;
  }
  while (i < values.length && values[i]! <= bound) i++;
  return i;
}

function siftDown(values: Float32Array, ids: Uint32Array, start: number): void {
  const k = ids.length;
  const id = ids[start]!;
  let at = start;
  for (let child = 2 * at + 1; child < k; child = 2 * at + 1) {
    if (child + 1 < k && isWorse(values, ids[child + 1]!, ids[child]!)) child++;
    if (!isWorse(values, ids[child]!, id)) break;
    ids[at] = ids[child]!;
    at = child;
  }
  ids[at] = id;
}

/** True if index a ranks below index b: a lower value, or an equal one with a higher index, or no NaN beside NaN. */
function isWorse(values: Float32Array, a: number, b: number): boolean {
  const x = values[a]!;
  const y = values[b]!;
  return x < y || (x === y && a > b) || (Number.isNaN(y) && !Number.isNaN(x));
}
