/** Grammars byte by byte, without a model's vocabulary. */
import fc from 'fast-check';
import { Rng } from '#src/core/rng.js';
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

/** A text of a grammar, drawn byte by byte; after a while what ends texts is preferred. Throws where it does not end. */
export function drawn(grammar: Grammar, seed: number): string {
  const rng = new Rng(seed);
  const matcher = bytes.compile(grammar);
  const text: number[] = [];
  const closing = [...Buffer.from('"}],:0@.-a')];
  for (let step = 0; step < 4000; step++) {
    const mask = matcher.mask();
    const allowed = Array.from({ length: 256 }, (_, id) => id).filter(
      (id) => ((mask[id >>> 5]! >>> (id & 31)) & 1) === 1,
    );
    if (matcher.isComplete && (allowed.length === 0 || step > 12 || rng.next() < 0.2)) break;
    const best = closing.find((id) => allowed.includes(id));
    const printable = allowed.filter((id) => id > 32 && id < 127 && id !== 92);
    const some = printable.length > 0 && rng.next() < 0.9 ? printable : allowed;
    const id = step > 40 && best !== undefined && rng.next() < 0.8 ? best : some[rng.below(some.length)]!;
    if (!matcher.accept(id)) throw new Error(`byte ${id} is in the mask and refused`);
    text.push(id);
  }
  if (!matcher.isComplete) throw new Error(`no end after ${Buffer.from(text).toString().slice(0, 200)}`);
  return Buffer.from(text).toString();
}
