/**
 * What the kernels and the TypeScript that calls them have to agree on, as one number: kernels of another day would take
 * its words for other ones, and give wrong numbers without a word. Built into each module, and compared when it starts.
 */
import * as activations from './activation/numbers.js';
import * as facts from './attention/words.js';
import * as experts from './expert-linear/numbers.js';
import * as instructions from './program/instructions.js';
import * as routes from './route/numbers.js';

/** Raised where arguments of an export, or a layout in memory, change and no number of these files does. */
const CALLS = 1;

// In the order of names, since bundlers and test runners keep others.
const numbers = [activations, facts, experts, instructions, routes].map((file) =>
  Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)),
);

/** FNV-1a of all numbers that both sides use. */
export const AGREEMENT: number = [...JSON.stringify([CALLS, numbers])].reduce(
  (hash, char) => Math.imul(hash ^ char.charCodeAt(0), 0x01000193),
  0x811c9dc5 | 0,
);
