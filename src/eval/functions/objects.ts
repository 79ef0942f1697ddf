/** Twenty functions on objects, maps and types. */
import { type Task, task } from '../task.js';

export const OBJECTS: readonly Task[] = [
  task(
    'Returns true if the value is a string.',
    'isString(value: unknown): value is string',
    "return typeof value === 'string';",
    [
      ["isString('a')", true],
      ['isString(1)', false],
      ['isString(null)', false],
    ],
  ),
  task(
    'Returns true if the value is a number.',
    'isNumber(value: unknown): value is number',
    "return typeof value === 'number';",
    [
      ['isNumber(1)', true],
      ["isNumber('1')", false],
      ['isNumber(undefined)', false],
    ],
  ),
  task(
    'Returns true if the value is a function.',
    'isFunction(value: unknown): boolean',
    "return typeof value === 'function';",
    [
      ['isFunction(() => 1)', true],
      ['isFunction({})', false],
      ['isFunction(null)', false],
    ],
  ),
  task(
    'Returns true if the value is neither null nor undefined.',
    'isDefined<T>(value: T | null | undefined): value is T',
    'return value !== null && value !== undefined;',
    [
      ['isDefined(0)', true],
      ['isDefined(null)', false],
      ['isDefined(undefined)', false],
      ["isDefined('')", true],
    ],
  ),
  task(
    'Returns true if the value is an object: not null, not an array, not a function.',
    'isObject(value: unknown): value is object',
    "return typeof value === 'object' && value !== null && !Array.isArray(value);",
    [
      ['isObject({})', true],
      ['isObject(null)', false],
      ['isObject([])', false],
      ['isObject(1)', false],
    ],
  ),
  task(
    'Returns the value, or fallback if the value is undefined.',
    'withDefault<T>(value: T | undefined, fallback: T): T',
    'return value === undefined ? fallback : value;',
    [
      ['withDefault(1, 2)', 1],
      ['withDefault(undefined, 2)', 2],
      ['withDefault(0, 2)', 0],
    ],
  ),
  task(
    'Returns true if the object has the key as a property of its own.',
    'hasKey(object: object, key: string): boolean',
    'return Object.prototype.hasOwnProperty.call(object, key);',
    [
      ["hasKey({ a: 1 }, 'a')", true],
      ["hasKey({ a: 1 }, 'b')", false],
      ["hasKey({}, 'toString')", false],
    ],
  ),
  task(
    'Returns a copy of the object with only the given keys.',
    'pick(object: Record<string, unknown>, keys: string[]): Record<string, unknown>',
    'const result: Record<string, unknown> = {};\nfor (const key of keys) {\n  if (key in object) result[key] = object[key];\n}\nreturn result;',
    [
      ["pick({ a: 1, b: 2 }, ['a'])", { a: 1 }],
      ["pick({ a: 1 }, ['z'])", {}],
      ['pick({ a: 1 }, [])', {}],
    ],
  ),
  task(
    'Returns a copy of the object without the given keys.',
    'omit(object: Record<string, unknown>, keys: string[]): Record<string, unknown>',
    'const result = { ...object };\nfor (const key of keys) delete result[key];\nreturn result;',
    [
      ["omit({ a: 1, b: 2 }, ['a'])", { b: 2 }],
      ["omit({ a: 1 }, ['z'])", { a: 1 }],
      ["omit({}, ['a'])", {}],
    ],
  ),
  task(
    'Exchanges the keys and the values of an object.',
    'invert(object: Record<string, string>): Record<string, string>',
    'const result: Record<string, string> = {};\nfor (const [key, value] of Object.entries(object)) result[value] = key;\nreturn result;',
    [
      ["invert({ a: 'x', b: 'y' })", { x: 'a', y: 'b' }],
      ['invert({})', {}],
      ["invert({ k: 'k' })", { k: 'k' }],
    ],
  ),
  task(
    'Applies fn to every value of the object and returns an object with the same keys.',
    'mapValues<A, B>(object: Record<string, A>, fn: (value: A) => B): Record<string, B>',
    'return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, fn(value)]));',
    [
      ['mapValues({ a: 1, b: 2 }, (x) => x * 2)', { a: 2, b: 4 }],
      ['mapValues({}, (x) => x)', {}],
      ['mapValues({ a: 1 }, String)', { a: '1' }],
    ],
  ),
  task(
    'Merges two objects; where both have a key, the value of the second holds.',
    'merge<A extends object, B extends object>(a: A, b: B): A & B',
    'return { ...a, ...b };',
    [
      ['merge({ a: 1 }, { b: 2 })', { a: 1, b: 2 }],
      ['merge({ a: 1 }, { a: 2 })', { a: 2 }],
      ['merge({}, {})', {}],
    ],
  ),
  task(
    'Groups the items by the key that getKey returns for each of them.',
    'groupBy<T>(items: T[], getKey: (item: T) => string): Record<string, T[]>',
    'const groups: Record<string, T[]> = {};\nfor (const item of items) {\n  const key = getKey(item);\n  (groups[key] ??= []).push(item);\n}\nreturn groups;',
    [
      ["groupBy([1, 2, 3], (x) => (x % 2 ? 'odd' : 'even'))", { odd: [1, 3], even: [2] }],
      ["groupBy([], () => 'a')", {}],
      ["groupBy(['a'], (x) => x)", { a: ['a'] }],
    ],
  ),
  task(
    'Counts how often each word occurs in the list.',
    'countWords(list: string[]): Record<string, number>',
    'const counts: Record<string, number> = {};\nfor (const word of list) counts[word] = (counts[word] ?? 0) + 1;\nreturn counts;',
    [
      ["countWords(['a', 'b', 'a'])", { a: 2, b: 1 }],
      ['countWords([])', {}],
      ["countWords(['x'])", { x: 1 }],
    ],
  ),
  task(
    'Returns the entries of a map as an array of pairs, sorted by key.',
    'sortedEntries(map: Map<string, number>): [string, number][]',
    'return [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1));',
    [
      [
        "sortedEntries(new Map([['b', 1], ['a', 2]]))",
        [
          ['a', 2],
          ['b', 1],
        ],
      ],
      ['sortedEntries(new Map())', []],
      ["sortedEntries(new Map([['x', 3]]))", [['x', 3]]],
    ],
  ),
  task(
    'Returns the value at a path of keys in nested objects, or undefined if a step is missing.',
    'getPath(object: any, path: string[]): unknown',
    'let current = object;\nfor (const key of path) {\n  if (current === null || current === undefined) return undefined;\n  current = current[key];\n}\nreturn current;',
    [
      ["getPath({ a: { b: 1 } }, ['a', 'b'])", 1],
      ["getPath({}, ['a', 'b'])", undefined],
      ['getPath(5, [])', 5],
    ],
  ),
  task(
    'Returns the number of keys of an object.',
    'size(object: object): number',
    'return Object.keys(object).length;',
    [
      ['size({})', 0],
      ['size({ a: 1, b: 2 })', 2],
      ['size({ a: undefined })', 1],
    ],
  ),
  task(
    'Returns true if two arrays have the same length and equal elements.',
    'arraysEqual<T>(a: T[], b: T[]): boolean',
    'return a.length === b.length && a.every((item, i) => item === b[i]);',
    [
      ['arraysEqual([1, 2], [1, 2])', true],
      ['arraysEqual([1], [1, 2])', false],
      ['arraysEqual([1], [2])', false],
    ],
  ),
  task(
    'Wraps a value in an array, unless it is an array already.',
    'toArray<T>(value: T | T[]): T[]',
    'return Array.isArray(value) ? value : [value];',
    [
      ['toArray(1)', [1]],
      ['toArray([1, 2])', [1, 2]],
      ["toArray('ab')", ['ab']],
    ],
  ),
  task(
    'Returns a function that calls f with the result of g.',
    'compose<A, B, C>(f: (value: B) => C, g: (value: A) => B): (value: A) => C',
    'return (value) => f(g(value));',
    [
      ['compose((x) => x + 1, (x) => x * 2)(5)', 11],
      ['compose(String, (x) => x)(1)', '1'],
      ['compose((x) => x.length, (x) => x + x)([1].join())', 2],
    ],
  ),
];
