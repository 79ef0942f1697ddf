/** What a machine is made of: numbers with a unit in the key and, beside each, where it comes from. */
import type { Constant, Tag } from '../core/provenance.js';

export type Confidence = 'high' | 'medium' | 'low';

/** One number of a machine; its unit stands in the key under which it is kept. */
export interface Fact extends Constant {
  readonly confidence: Confidence;
}

/** A short list of numbers with one source, e.g. the depths of a PE's input queues. */
export interface FactList {
  readonly values: readonly number[];
  readonly tag: Tag;
  readonly confidence: Confidence;
  readonly source: string;
}

export type Facts<K extends string> = Readonly<Record<K, Fact>>;

/** The bare numbers of a machine, for arithmetic. */
export type Plain<K extends string> = Readonly<Record<K, number>>;

/** Strips the sources: `{clockHz: {value: 1.1e9, ...}}` becomes `{clockHz: 1.1e9}`. */
export function plain<K extends string>(facts: Facts<K>): Plain<K> {
  const numbers: Partial<Record<K, number>> = {};
  for (const key of Object.keys(facts) as K[]) numbers[key] = facts[key].value;
  return numbers as Plain<K>;
}
