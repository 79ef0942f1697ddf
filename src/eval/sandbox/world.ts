/** What the code in the sandbox finds beside the language: an `assert` that it cannot change, and no clock, no chance. */

/**
 * Runs first. Whatever the tests rely on is taken before foreign code can replace it, and after that nothing is asked
 * that it could answer in another way: no iterator, no `instanceof`, no method of a prototype.
 */
export const WORLD = `(() => {
  'use strict';
  const { is, getPrototypeOf, getOwnPropertyDescriptor, defineProperty, freeze, entries } = Object;
  const { ownKeys, apply } = Reflect;
  const { Error: Failure, String: words } = globalThis;
  const kind = ({ prototype }) => ({ size: getOwnPropertyDescriptor(prototype, 'size').get, each: prototype.forEach });
  const maps = kind(Map);
  const sets = kind(Set);
  const isOf = ({ size }, a) => {
    try { apply(size, a, []); } catch { return false; }
    return true;
  };
  const members = ({ each }, a) => {
    const all = [];
    let n = 0;
    apply(each, a, [(value, key) => { defineProperty(all, n++, { value: [key, value] }); }]);
    return all;
  };
  const same = (a, b) => {
    if (is(a, b) || a === b) return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
    if (getPrototypeOf(a) !== getPrototypeOf(b)) return false;
    if (isOf(maps, a)) return isOf(maps, b) && same(members(maps, a), members(maps, b));
    if (isOf(sets, a)) return isOf(sets, b) && same(members(sets, a), members(sets, b));
    const keys = ownKeys(a);
    if (keys.length !== ownKeys(b).length) return false;
    for (let i = 0; i < keys.length; i++) {
      if (!getOwnPropertyDescriptor(b, keys[i]) || !same(a[keys[i]], b[keys[i]])) return false;
    }
    return true;
  };
  const check = (isRight, message) => {
    if (!isRight) throw new Failure(message === undefined ? 'assertion failed' : words(message));
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
  })) {
    assert[name] = test.length === 1
      ? (a, message) => check(test(a), message)
      : (a, b, message) => check(test(a, b), message);
  }
  const silent = () => undefined;
  const require = (name) => {
    if (name === 'assert' || name === 'node:assert') return assert;
    throw new Error('there is no module here but assert');
  };
  const console = freeze({ log: silent, info: silent, warn: silent, error: silent, debug: silent, assert });
  for (const [name, value] of entries({ assert: freeze(assert), require, console })) defineProperty(globalThis, name, { value });
  let state = 1;
  Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  // What the tests build the right answers with stays what it is.
  for (const [name, value] of entries({ Object, Array, Map, Set, JSON, Math, Reflect })) {
    defineProperty(globalThis, name, { value: freeze(value), writable: false, configurable: false });
  }
})()`;
