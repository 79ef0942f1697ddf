/** The slopes of ALiBi (Press, Smith and Lewis 2022): score - slope * distance, each head with its own. */

/** For the largest power of two of heads 2^(-most i / n); the heads beyond it take every other slope of twice as many. */
export function alibiSlopes(heads: number, most: number): number[] {
  const n = 2 ** Math.floor(Math.log2(heads));
  return Array.from({ length: heads }, (_, head) =>
    head < n ? 2 ** ((-most * (head + 1)) / n) : 2 ** ((-most * (2 * (head - n) + 1)) / (2 * n)),
  );
}
