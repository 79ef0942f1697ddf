import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from '#src/runtime/engine/stop.js';

/** The text up to the match that ends first, the longest of those; null where there is none. */
function naive(text: string, stops: readonly string[]): string | null {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop)).map((stop) => stop.length);
    if (found.length > 0) return text.slice(0, end - Math.max(...found));
  }
  return null;
}

/** The length of the longest end of `text` that is a proper beginning of a stop string. */
function heldBack(text: string, stops: readonly string[]): number {
  let held = 0;
  for (const stop of stops) {
    for (let n = 1; n < stop.length; n++) if (text.endsWith(stop.slice(0, n))) held = Math.max(held, n);
  }
  return held;
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\u{1f600}'), maxLength: 30 });
const stopList = fc.array(
  fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\u{1f600}'), minLength: 1, maxLength: 5 }),
  {
    minLength: 1,
    maxLength: 4,
  },
);

describe('StopMatcher', () => {
  it('gives what a naive search gives and holds back as little as possible, for any chunks', () => {
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 8 }), stopList, (chunks, stops) => {
        const matcher = new StopMatcher(stops);
        const text = chunks.join('');
        const expected = naive(text, stops);
        let seen = '';
        let out = '';
        for (const chunk of chunks) {
          out += matcher.push(chunk);
          seen += chunk;
          if (!matcher.stopped) expect(out.length).toBe(seen.length - heldBack(seen, stops));
        }
        out += matcher.end();
        expect(matcher.stopped).toBe(expected !== null);
        expect(out).toBe(expected ?? text);
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('passes everything on at once without stop strings', () => {
    const matcher = new StopMatcher([]);
    expect(matcher.push('abc') + matcher.push('') + matcher.end()).toBe('abc');
  });

  it('stays stopped after a match', () => {
    const matcher = new StopMatcher(['\n\n']);
    expect(matcher.push('x\n') + matcher.push('\ny') + matcher.push('z') + matcher.end()).toBe('x');
  });

  it('needs a number of steps linear in the text for a long stop string that almost matches everywhere', () => {
    const units = 50_000;
    const matcher = new StopMatcher([`${'a'.repeat(units)}b`]);
    let length = 0;
    for (let i = 0; i < 2 * units; i++) length += matcher.push('a').length;
    expect(length).toBe(units);
    expect(matcher.push('b')).toBe('');
    expect(matcher.stopped).toBe(true);
  });
});
