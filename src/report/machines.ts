/** Machines by name, for the sources behind simulated figures. */
import { TAGS, type Tag } from '../core/provenance.js';
import { GPUS } from '../machine/gpus.js';
import { WAFERS } from '../machine/wafers.js';
import type { Machine } from '../timing/estimate-types.js';

/** A machine of the tables; undefined for one that a user described in a file. */
export function knownMachine(name: string): Machine | undefined {
  return [...WAFERS, ...GPUS].find((machine) => machine.name === name);
}

export function asTag(text: string): Tag | undefined {
  return TAGS.find((tag) => tag === text);
}
