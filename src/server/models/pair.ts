/** A quick model beside a thorough one behind one name: which of them answers a request, by what its client asks for. */
import type { Engine, GenerateOptions } from '../../runtime/types.js';
import type { Served } from './served.js';
import { seenAs } from './view.js';

export interface PairOptions {
  readonly name: string;
  /** Names of models. */
  readonly quick: string;
  readonly thorough: string;
  /** Whether the quick one drafts for the thorough one, which then answers the same. */
  readonly verifies?: boolean;
}

export interface Pair {
  readonly quick: Served;
  readonly thorough: Served;
  readonly verifies: boolean;
}

/** Modes can stand behind the name of a pair: `NAME:thorough`. */
export const pairModes = ['quick', 'thorough', 'verified'] as const;
export type PairMode = (typeof pairModes)[number];

const THOROUGH_EFFORTS: ReadonlySet<unknown> = new Set(['high', 'xhigh', 'max']);

/** What a body of any API says of how thorough its answer is to be. */
export function modeOf(body: unknown): PairMode {
  const fields = fieldsOf(body);
  const effort =
    fields.reasoning_effort ??
    fieldsOf(fields.reasoning).effort ??
    fieldsOf(fields.output_config).effort ??
    fields.think;
  if (effort !== undefined && effort !== null) return THOROUGH_EFFORTS.has(effort) ? 'thorough' : 'quick';
  return fields.service_tier === 'priority' ? 'thorough' : 'quick';
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** The model that answers, and the one that drafts for it, if one does. */
export function chosen(
  pair: Pair,
  mode: PairMode,
): { readonly served: Served; readonly draft: Served | null } {
  if (mode === 'quick') return { served: pair.quick, draft: null };
  return { served: pair.thorough, draft: mode === 'verified' || pair.verifies ? pair.quick : null };
}

/** An engine whose answers are drafted by another, unless their client sends a draft of its own. */
export function draftedEngine(engine: Engine, draft: Engine): Engine {
  return seenAs(engine, {
    generate: (prompt, options: GenerateOptions = {}) =>
      engine.generate(prompt, options.prediction === undefined ? { ...options, draft } : options),
  });
}
