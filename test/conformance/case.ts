/** One row of the conformance table, and the comparison with the reference. */
import type { Reference, Tolerance } from '#kernels/spec.js';
import type { KernelMachine } from '../helpers/kernels.js';

export interface Case {
  readonly kernel: string;
  readonly shape: string;
  readonly seed: number;
  run(machine: KernelMachine): readonly Result[];
}

/** What a kernel computed, what it should have, and how far the two may be apart. */
export interface Result {
  readonly name: string;
  readonly actual: Float32Array | Float64Array;
  readonly expected: Reference;
  readonly maxError: number;
  readonly nmse: number;
}

/** A result under the tolerance of a spec. */
export function result<Shape>(
  name: string,
  actual: Result['actual'],
  expected: Reference,
  tolerance: Tolerance<Shape>,
  shape: Shape,
): Result {
  return { name, actual, expected, maxError: tolerance.maxError(shape), nmse: tolerance.nmse };
}

/** Values that must be met exactly. */
export function exactly(name: string, actual: Result['actual'], values: ArrayLike<number>): Result {
  const expected = { values: Float64Array.from(values), magnitudes: new Float64Array(values.length) };
  return { name, actual, expected, maxError: 0, nmse: 0 };
}

/** Below the smallest normal float32 there is no relative precision. */
const SMALLEST_NORMAL = 2 ** -126;

/** One line per defect of a result: which kernel, shape, seed, build, what and where; none when it is right. */
export function defects(of: Case, machine: KernelMachine, results: readonly Result[]): string[] {
  const where = `${of.kernel} ${of.shape}, seed ${of.seed}, build ${machine.build}`;
  const lines = results.flatMap((one) => compare(one).map((line) => `${where}, ${one.name}: ${line}`));
  return [...lines, ...machine.damage().map((line) => `${where}: ${line} was overwritten`)];
}

function compare({ actual, expected: { values, magnitudes }, maxError, nmse }: Result): string[] {
  if (actual.length !== values.length) return [`${actual.length} values, not ${values.length}`];
  let squares = 0;
  let norm = 0;
  let worst = { share: 0, index: -1 };
  for (let i = 0; i < values.length; i++) {
    const [a, e] = [actual[i]!, values[i]!];
    if (!(Number.isFinite(a) && Number.isFinite(e))) {
      // In float32 a value beyond the largest one is an infinity.
      if (!Object.is(a, Math.fround(e))) return [`${a} is not ${e} at index ${i}`];
      continue;
    }
    const error = Math.abs(a - e);
    const share = error / (maxError * magnitudes[i]! + (maxError > 0 ? SMALLEST_NORMAL : 0));
    if (share > worst.share) worst = { share, index: i };
    squares += error ** 2;
    norm += magnitudes[i]! ** 2;
  }
  const lines: string[] = [];
  const { index } = worst;
  if (worst.share > 1) {
    const difference = actual[index]! - values[index]!;
    lines.push(
      `max diff ${difference} at index ${index}: ${actual[index]} is not ${values[index]}, ` +
        `${worst.share.toPrecision(3)} times what is allowed`,
    );
  }
  if (squares > nmse * norm + SMALLEST_NORMAL ** 2 * values.length)
    lines.push(`NMSE ${squares / norm}, allowed are ${nmse}; max diff at index ${index}`);
  return lines;
}
