/** Grammars byte by byte, without a model's vocabulary. */
import fc from 'fast-check';
import { createGrammarCompiler } from '#src/runtime/grammar/grammar.js';
import type { Grammar } from '#src/runtime/types.js';

/** One token per byte, and 256 ends. */
export const bytes = createGrammarCompiler(
  Array.from({ length: 257 }, (_, id) => (id < 256 ? Uint8Array.of(id) : new Uint8Array(0))),
  [256],
);

/** Whether the whole text is of the language. */
export function accepts(grammar: Grammar, text: string): boolean {
  const matcher = bytes.compile(grammar);
  return [...Buffer.from(text)].every((byte) => matcher.accept(byte)) && matcher.isComplete;
}

export const jsonSchema = (schema: unknown): Grammar => ({
  type: 'jsonSchema',
  schema: JSON.stringify(schema),
});

/** A lower bound, and how far above it the upper one is. */
export const bounds = fc.tuple(
  fc.oneof(fc.integer({ min: -1200, max: 1200 }), fc.constantFrom(0, -0.5, 0.25, 1e-3, -3.75, 99.995, 1e6)),
  fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(0.5, 0.125, 2.5, 1e6)),
);
