import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { Pattern } from '#src/formats/tokenizers/pattern.js';
import { type SplitBehavior, splitWords } from '#src/formats/tokenizers/splitter.js';
import { deliberateError } from '../../helpers/gguf.js';

function split(source: string, text: string, behavior: SplitBehavior = 'isolated', invert = false): string[] {
  return splitWords(text, [{ kind: 'pattern', pattern: new Pattern(source, 'test'), behavior, invert }]);
}

describe('patterns', () => {
  // JavaScript's own engine is the reference for all that it has too.
  const texts = [
    '',
    'a',
    "it's  12345 x\n\n y",
    'Ünï¢öde 😀😀!? ',
    'aaab aab b',
    'A1-b2_C3',
    '   ',
    'foo(bar)[baz]',
  ];
  it.each([
    String.raw`\p{L}+|\p{N}{1,3}`,
    String.raw`'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
    'a*?b',
    '(?:ab?|a)+b',
    String.raw`(?=\d)\w{2}`,
    '(?<=a)b|(?<!a)a',
    String.raw`[^\s\d]+|\S`,
    '^.|.$',
    'x{0,2}y|(a|b){2,3}',
    String.raw`\bb\w|\Ba`,
    String.raw`[(\[\]\-]+|\u{1f600}`,
  ])('%s', (source) => {
    const native = new RegExp(source, 'gu');
    for (const text of texts) {
      const expected: string[] = [];
      let at = 0;
      for (const match of text.matchAll(native)) {
        if (match[0] === '') continue;
        expected.push(text.slice(at, match.index), match[0]);
        at = match.index + match[0].length;
      }
      expected.push(text.slice(at));
      expect(split(source, text), text).toEqual(expected.filter((part) => part !== ''));
    }
  });

  it('has what JavaScript has not: intersections, possessive loops, letters of either case', () => {
    expect(split(String.raw`[\p{L}&&[^a-z]]+`, 'abCDe')).toEqual(['ab', 'CD', 'e']);
    expect(split('a++a|b', 'aaab')).toEqual(['aaa', 'b']);
    expect(split('(?i:ab)c', 'ABcabC')).toEqual(['ABc', 'abC']);
  });

  it('cuts as the behaviour says', () => {
    const cut = (behavior: SplitBehavior, invert = false) =>
      split('-', 'the-final--countdown', behavior, invert);
    expect(cut('removed')).toEqual(['the', 'final', 'countdown']);
    expect(cut('isolated')).toEqual(['the', '-', 'final', '-', '-', 'countdown']);
    expect(cut('previous')).toEqual(['the-', 'final-', '-', 'countdown']);
    expect(cut('next')).toEqual(['the', '-final', '-', '-countdown']);
    expect(cut('contiguous')).toEqual(['the', '-', 'final', '--', 'countdown']);
    expect(cut('removed', true)).toEqual(['-', '-', '-']);
  });

  it('a pattern that never ends is an error, not a hang', async () => {
    const error = await deliberateError(() => split('(?:a|a)+b|(?:a+)+c', 'a'.repeat(60)));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(/test: pattern .*steps on a text of 60 characters/);
  });

  it('white space that leads to no end takes one walk, not one from each character', () => {
    expect(split(String.raw`\s+$`, `${' '.repeat(300_000)}x`)).toHaveLength(1);
  });

  it.each(['(a', 'a)', '[a', '*a', '\\p{Nothing}', '(?<=ab)c', '(?:a*)*', 'a{3,2}', '(?Pa)', '[z-a]', '\\'])(
    'refuses %s',
    async (source) => {
      const error = await deliberateError(() => new Pattern(source, 'test'));
      expect(error).toBeInstanceOf(FormatError);
      expect(error.message).toMatch(/^test/);
    },
  );
});
