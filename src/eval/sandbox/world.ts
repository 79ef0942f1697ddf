/** What the code in the sandbox finds beside the language: an `assert` that it cannot change, and no clock, no chance. */

/** Runs first. Whatever the tests rely on is taken before foreign code can replace it. */
export const WORLD = `(() => {
  'use strict';
  const { is, getPrototypeOf, defineProperty, freeze, entries } = Object;
  const { ownKeys } = Reflect;
  const copy = Array.from;
  const same = (a, b) => {
    if (is(a, b) || a === b) return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
    if (getPrototypeOf(a) !== getPrototypeOf(b)) return false;
    if (a instanceof Map || a instanceof Set) {
      if (a.size !== b.size) return false;
      return same(copy(a), copy(b));
    }
    const keys = ownKeys(a);
    if (keys.length !== ownKeys(b).length) return false;
    for (const key of keys) if (!(key in b) || !same(a[key], b[key])) return false;
    return true;
  };
  const check = (isRight, message) => {
    if (!isRight) throw new Error(message === undefined ? 'assertion failed' : String(message));
  };
  const assert = (value, message) => check(value, message);
  for (const [name, test] of entries({
    ok: (value) => value,
    equal: (a, b) => a == b || is(a, b),
    notEqual: (a, b) => a != b,
    strictEqual: is,
    notStrictEqual: (a, b) => !is(a, b),
    deepEqual: same,
    deepStrictEqual: same,
    notDeepEqual: (a, b) => !same(a, b),
    throws: (run) => {
      try { run(); } catch { return true; }
      return false;
    },
  })) assert[name] = (...values) => check(test(...values), values[test.length]);
  const silent = () => undefined;
  const require = (name) => {
    if (name === 'assert' || name === 'node:assert') return assert;
    throw new Error('there is no module here but assert');
  };
  const console = freeze({ log: silent, info: silent, warn: silent, error: silent, debug: silent, assert });
  for (const [name, value] of entries({ assert: freeze(assert), require, console })) defineProperty(globalThis, name, { value });
  let state = 1;
  Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647;
})()`;
