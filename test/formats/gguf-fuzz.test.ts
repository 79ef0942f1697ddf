import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { readGguf } from '#src/formats/gguf.js';
import type { ByteSource } from '#src/formats/source.js';
import { bytesSource } from '#src/formats/source.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import { sharedPath } from '../helpers/shared.js';
import { tinyModel } from '../helpers/tiny-model.js';

const stories = sharedPath('models/stories260K/stories260K-q8_0.gguf');
const files: readonly (readonly [string, Uint8Array])[] = [
  ['a SentencePiece model of ours', tinyModel({ weightType: 'Q8_0' })],
  ['a byte-level model of ours', tinyModel({ tokenizer: 'gpt2' })],
  ...(stories === null ? [] : [['stories260K', readFileSync(stories)] as const]),
];

interface Damage {
  /** Share of the file that is kept. */
  readonly keep: number;
  /** Place in the header as a share of it, and the byte put there. */
  readonly flips: readonly (readonly [number, number])[];
}

const damage: fc.Arbitrary<Damage> = fc.record({
  keep: fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
  flips: fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.integer({ min: 0, max: 255 })),
    {
      maxLength: 8,
    },
  ),
});

function damaged(file: Uint8Array, headerBytes: number, { keep, flips }: Damage): Uint8Array {
  const bytes = file.slice(0, Math.floor(file.length * keep));
  for (const [place, byte] of flips) {
    // Half of the flips go to the first kilobyte, where the counts and most keys are.
    const at = Math.floor(place < 0.5 ? place * 2 * 1024 : (place - 0.5) * 2 * headerBytes);
    if (at < bytes.length) bytes[at] = byte;
  }
  return bytes;
}

/** A source that fails the test when more than the file is read, which bounds what a reader allocates. */
function watched(bytes: Uint8Array): { readonly source: ByteSource; readBytes: number } {
  const inner = bytesSource(bytes);
  const watch = {
    readBytes: 0,
    source: {
      name: inner.name,
      byteLength: inner.byteLength,
      read(offset: number, target: Uint8Array) {
        watch.readBytes += target.byteLength;
        expect(offset + target.byteLength).toBeLessThanOrEqual(bytes.byteLength);
        return inner.read(offset, target);
      },
    },
  };
  return watch;
}

describe.each(files)('%s, damaged at random', (_, file) => {
  it('is read or refused with a FormatError, reading no byte of the file twice', async () => {
    const whole = await readGguf(bytesSource(file));
    const headerBytes = Math.min(...[...whole.tensors.values()].map(({ offset }) => offset));
    await fc.assert(
      fc.asyncProperty(damage, async (choice) => {
        const bytes = damaged(file, headerBytes, choice);
        const watch = watched(bytes);
        try {
          const gguf = await readGguf(watch.source);
          for (const { offset, byteLength } of gguf.tensors.values()) {
            expect(offset + byteLength).toBeLessThanOrEqual(bytes.length);
          }
          const tokenizer = createTokenizer(gguf);
          const text = tokenizer.decode(tokenizer.encode('Once upon a <s>time'));
          expect(typeof text).toBe('string');
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FormatError);
        }
        expect(watch.readBytes).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 400, seed: 20260101 },
    );
  });
});
