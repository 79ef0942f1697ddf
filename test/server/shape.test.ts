/** What a body may be made of, counted before anybody parses it: each bound at its value and beyond. */
import { expect, it } from 'vitest';
import { packFrame } from '#src/protocol/msgpack.js';
import { requireFrameShape } from '#src/server/gate/frame-shape.js';
import { requireShape } from '#src/server/gate/shape.js';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const named = (names: number, from = 0): object =>
  Object.fromEntries(Array.from({ length: names }, (_, i) => [`n${i + from}`, 0]));
const many = <T>(count: number, each: T): T[] => new Array<T>(count).fill(each);

it.each<[string, number, (count: number) => unknown]>([
  ['names in one object', 16_384, named],
  // With the list around them.
  ['lists and objects', 99_999, (count) => many(count, [])],
  // A name with its value counts as much as an object.
  ['names, lists and objects', 49_999, (count) => many(count, { a: 1 }).concat([])],
])('takes so many %s and no more: %i', (_, most, make) => {
  for (const [requireIt, write] of [
    [requireShape, JSON.stringify],
    [(bytes: Uint8Array) => requireFrameShape(bytes), packFrame],
  ] as const) {
    const check = (value: unknown): void => (requireIt as (written: unknown) => void)(write(value));
    expect(() => check(make(most))).not.toThrow();
    expect(() => check(make(most + 1))).toThrow(/more than [\d]+ names/);
  }
});

it('takes 500,000 values, in whatever form, and no more', () => {
  expect(() => requireShape(JSON.stringify(many(500_001, 1)))).not.toThrow();
  expect(() => requireShape(JSON.stringify(many(500_002, 1)))).toThrow('more than 500000 values');
  // In a frame the list itself is one.
  for (const each of [1, 'text']) {
    expect(() => requireFrameShape(packFrame(many(499_999, each)))).not.toThrow();
    expect(() => requireFrameShape(packFrame(many(500_000, each)))).toThrow('more than 500000 values');
  }
});

it('takes 64 levels and no more, and the brackets of texts are none', () => {
  expect(() => requireShape(nested(64))).not.toThrow();
  expect(() => requireShape(nested(65))).toThrow('64 levels');
  for (const text of ['[', '\\', '\\\\', '\\"[', '"', 'a"', '\\"', '\\\\"[{:,'])
    expect(() => requireShape(JSON.stringify(many(70, `${text}${'['.repeat(100)}`)))).not.toThrow();
  // What is no JSON is left to its reader.
  for (const text of ['"', '"\\', ']]]]', '{"a', ':,', '']) expect(() => requireShape(text)).not.toThrow();
});

it('reads every type of a frame for as long as it is', () => {
  const text = (length: number): string => 'x'.repeat(length);
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x9f);
  const all = [
    ...[0, 31, 32, 255, 256, 65_535, 65_536].flatMap((length) => [text(length), bytes(length)]),
    ...[1.5, -1, -33, -129, -40_000, -3e9, 127, 128, 256, 70_000, 5e9, true, false, null, undefined],
    ...[new Date(0), new Date(1.5e12 + 1), many(16, 0), many(70_000, 0), named(16), named(10_000)],
  ];
  expect(() => requireFrameShape(packFrame(all))).not.toThrow();
  // Read as long as it is, the list at the end is seen: what was passed over wrongly would hide it or end early.
  for (const each of all)
    expect(() => requireFrameShape(packFrame([each, named(16_385)])), `${typeof each}`).toThrow('names');
  expect(() => requireFrameShape(Uint8Array.of(0xdb, 0))).toThrow(RangeError);
});
