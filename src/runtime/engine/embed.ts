/** What surrounds an embedding: checks of its options, many inputs at a time, and the vector's last form. */
import { EngineError, OptionError } from '../../core/errors.js';
import { type EmbedOptions, poolings } from '../types.js';
import { checkNames, requirePriority, show } from './options.js';

/** Inputs that are with the leader at a time: more than run at once, so that it never waits. */
const inputsAtOnce = 32;

const embedNames: Readonly<Record<keyof EmbedOptions, true>> = {
  pooling: true,
  normalize: true,
  dimensions: true,
  truncate: true,
  priority: true,
  shareKey: true,
  signal: true,
};

/** @throws OptionError for the first value out of its range */
export function validateEmbed(options: EmbedOptions, features: number): void {
  checkNames(options, Object.keys(embedNames));
  const { pooling, dimensions } = options;
  requirePriority(options.priority);
  if (pooling !== undefined && !poolings.includes(pooling)) {
    throw new OptionError({
      what: 'option pooling',
      given: show(pooling),
      expected: poolings.join(', '),
      todo: 'Leave it out for what the model is made for.',
    });
  }
  for (const name of ['normalize', 'truncate'] as const) {
    if (options[name] === undefined || typeof options[name] === 'boolean') continue;
    throw new OptionError({
      what: `option ${name}`,
      given: show(options[name]),
      expected: 'true or false',
      todo: 'Leave it out for the default.',
    });
  }
  if (dimensions === undefined) return;
  if (Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= features) return;
  throw new OptionError({
    what: 'option dimensions',
    given: show(dimensions),
    expected: `a whole number from 1 to ${features}, as many as the model's vectors have`,
    todo: 'Leave it out for all of them.',
  });
}

/** `of` each of `items` in their order, some of them at a time; the first that fails ends it. */
export async function inTurn<T, R>(items: readonly T[], of: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !hasFailed) {
      const at = next++;
      try {
        results[at] = await of(items[at]!);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const lanes = Array.from({ length: Math.min(inputsAtOnce, items.length) }, lane);
  // All end before the call does, so that none is left behind.
  for (const { status } of await Promise.allSettled(lanes))
    if (status === 'rejected') await Promise.all(lanes);
  return results;
}

/** The first `dimensions` of a vector, with a length of 1 unless that is not wanted. */
export function finished(
  vector: Float32Array,
  { dimensions = vector.length, normalize = true }: EmbedOptions,
): Float32Array {
  const kept = vector.subarray(0, dimensions);
  let squares = 0;
  for (const value of kept) squares += value * value;
  if (!Number.isFinite(squares)) {
    throw new EngineError({
      what: 'embedding',
      given: 'numbers that are not finite',
      expected: 'finite numbers',
      todo: 'The model overflows, or its file is damaged: fetch it again, or load it with kvType f32.',
    });
  }
  const length = Math.sqrt(squares);
  return normalize && length > 0 ? kept.map((value) => value / length) : kept.slice();
}
