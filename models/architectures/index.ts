/** All architectures, by every name that files call them. */
import type { Architecture } from '../architecture.js';
import { llama } from './llama.js';

const all: readonly Architecture[] = [llama];

export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  all.flatMap((architecture) => architecture.names.map((name) => [name, architecture])),
);
