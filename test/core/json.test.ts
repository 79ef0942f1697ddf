import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseJson } from '#src/core/json.js';

it.each([
  ['', 1, 1],
  ['{', 1, 2],
  ['{"a": 1,}', 1, 9],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3],
  ['[1, 2', 1, 6],
  ['[1 2]', 1, 4],
  ['{"a" 1}', 1, 6],
  ['{"a": tru}', 1, 7],
  ["{'a': 1}", 1, 2],
  ['[1, 02]', 1, 6],
  ['"a\nb"', 1, 1],
  ['{} {}', 1, 4],
  ['[}', 1, 2],
])('%j: line %i, column %i', (text, line, column) => {
  expect(() => parseJson(text, 'x.json')).toThrow(`x.json, line ${line}, column ${column}:`);
});

it('reads what JSON.parse reads, and names a place for everything else', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, noise) => {
      expect(parseJson(json, 'x')).toEqual(JSON.parse(json));
      const place = at % (json.length + 1);
      const broken = json.slice(0, place) + noise + json.slice(place);
      try {
        parseJson(broken, 'x');
      } catch (error) {
        expect((error as Error).message).toMatch(/line \d+, column \d+/);
      }
    }),
  );
});

it('survives a hundred thousand open brackets', () => {
  expect(() => parseJson('['.repeat(100_000), 'x')).toThrow('column 100001');
});
