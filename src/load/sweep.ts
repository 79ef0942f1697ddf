/** Loads with more and more users, as a file: what `bench serve --sweep` measures, `calibrate` fits and `capacity --replay` repeats. */
import { FormatError } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import type { SweepPoint } from '../fleet/replay.js';
import type { LoadResult } from './types.js';

export interface Sweep {
  readonly kind: 'sweep';
  /** When it was measured, ISO 8601. */
  readonly date: string;
  /** As the server names it. */
  readonly model: string;
  readonly url: string;
  /** One load for each number of users, who each always have one request under way. */
  readonly points: readonly LoadResult[];
}

/** The points of a sweep; tokens that came from a prefix cache were no prompt to compute. */
export function pointsOf({ points }: Sweep): SweepPoint[] {
  return points.map((load) => ({
    users: load.concurrency ?? 1,
    requests: load.requests,
    promptTokens: Math.max(1, Math.round((load.inputTokens - load.cachedTokens) / load.requests)),
    outputTokens: Math.max(1, Math.round(load.outputTokens / load.requests)),
    figures: {
      tokensPerSecond: load.outputTokensPerSecond,
      ttftMs: load.ttftMs.p50,
      tpotMs: load.tpotMs.p50,
    },
  }));
}

/**
 * A sweep from the text of its file.
 * @throws FormatError for anything else
 */
export function parseSweep(text: string, file: string): Sweep {
  const value = parseJson(text, file);
  const isSweep =
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'sweep' &&
    'points' in value &&
    Array.isArray(value.points) &&
    value.points.length > 0 &&
    value.points.every(isLoad);
  if (isSweep) return value as Sweep;
  throw new FormatError({
    what: file,
    given: text.slice(0, 60).trim() || 'nothing',
    expected: 'the JSON of `waferflow bench serve --sweep 1,4,16 --json`, every load with answers',
    todo: 'Measure a sweep, or name another file.',
  });
}

function isLoad(load: unknown): load is LoadResult {
  if (typeof load !== 'object' || load === null) return false;
  const numbers = ['requests', 'inputTokens', 'cachedTokens', 'outputTokens', 'outputTokensPerSecond'];
  const own = load as Readonly<Record<string, unknown>>;
  const median = (name: string): unknown => (own[name] as { readonly p50?: unknown } | undefined)?.p50;
  return (
    numbers.every((name) => typeof own[name] === 'number' && Number.isFinite(own[name])) &&
    (own.requests as number) > 0 &&
    typeof median('ttftMs') === 'number' &&
    typeof median('tpotMs') === 'number'
  );
}
