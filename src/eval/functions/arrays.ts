/** Twenty functions on arrays. */
import { type Task, task } from '../task.js';

export const ARRAYS: readonly Task[] = [
  task(
    'Returns the sum of the numbers, 0 if there are none.',
    'sum(values: number[]): number',
    'return values.reduce((total, value) => total + value, 0);',
    [
      ['sum([1, 2, 3])', 6],
      ['sum([])', 0],
      ['sum([-1, 1])', 0],
    ],
  ),
  task(
    'Returns the average of the numbers, 0 if there are none.',
    'average(values: number[]): number',
    'if (values.length === 0) return 0;\nreturn values.reduce((total, value) => total + value, 0) / values.length;',
    [
      ['average([1, 2, 3])', 2],
      ['average([])', 0],
      ['average([5])', 5],
    ],
  ),
  task(
    'Returns the last element of an array, or undefined if it is empty.',
    'last<T>(items: T[]): T | undefined',
    'return items[items.length - 1];',
    [
      ['last([1, 2, 3])', 3],
      ['last([])', undefined],
      ["last(['a'])", 'a'],
    ],
  ),
  task(
    'Returns the first element of an array, or undefined if it is empty.',
    'first<T>(items: T[]): T | undefined',
    'return items[0];',
    [
      ['first([1, 2, 3])', 1],
      ['first([])', undefined],
      ["first(['a'])", 'a'],
    ],
  ),
  task(
    'Returns true if the array has no elements.',
    'isEmpty<T>(items: T[]): boolean',
    'return items.length === 0;',
    [
      ['isEmpty([])', true],
      ['isEmpty([0])', false],
      ['isEmpty([1, 2])', false],
    ],
  ),
  task(
    'Returns the elements without repetitions, in the order in which they first occur.',
    'unique<T>(items: T[]): T[]',
    'return [...new Set(items)];',
    [
      ['unique([1, 2, 1, 3])', [1, 2, 3]],
      ['unique([])', []],
      ["unique(['a', 'a'])", ['a']],
    ],
  ),
  task(
    'Splits an array into chunks of the given size; the last one may be shorter.',
    'chunk<T>(items: T[], size: number): T[][]',
    'const chunks: T[][] = [];\nfor (let i = 0; i < items.length; i += size) chunks.push(items.slice(i, i + size));\nreturn chunks;',
    [
      ['chunk([1, 2, 3], 2)', [[1, 2], [3]]],
      ['chunk([], 2)', []],
      ['chunk([1, 2], 1)', [[1], [2]]],
    ],
  ),
  task(
    'Returns an array of the whole numbers from start up to but not including end.',
    'range(start: number, end: number): number[]',
    'const numbers: number[] = [];\nfor (let i = start; i < end; i++) numbers.push(i);\nreturn numbers;',
    [
      ['range(0, 3)', [0, 1, 2]],
      ['range(2, 2)', []],
      ['range(-1, 1)', [-1, 0]],
    ],
  ),
  task(
    'Puts the elements of all inner arrays into one array.',
    'flatten<T>(lists: T[][]): T[]',
    'const flat: T[] = [];\nfor (const list of lists) flat.push(...list);\nreturn flat;',
    [
      ['flatten([[1], [2, 3]])', [1, 2, 3]],
      ['flatten([])', []],
      ['flatten([[], [1]])', [1]],
    ],
  ),
  task(
    'Returns the elements for which the predicate is true.',
    'filter<T>(items: T[], predicate: (item: T) => boolean): T[]',
    'const result: T[] = [];\nfor (const item of items) {\n  if (predicate(item)) result.push(item);\n}\nreturn result;',
    [
      ['filter([1, 2, 3], (x) => x > 1)', [2, 3]],
      ['filter([], () => true)', []],
      ['filter([1], () => false)', []],
    ],
  ),
  task(
    'Returns the index of the first element that equals value, or -1.',
    'indexOf<T>(items: T[], value: T): number',
    'for (let i = 0; i < items.length; i++) {\n  if (items[i] === value) return i;\n}\nreturn -1;',
    [
      ['indexOf([5, 6, 7], 6)', 1],
      ['indexOf([], 1)', -1],
      ['indexOf([2, 2], 2)', 0],
    ],
  ),
  task(
    'Returns a copy of the array without the element at index.',
    'removeAt<T>(items: T[], index: number): T[]',
    'return items.filter((_, i) => i !== index);',
    [
      ['removeAt([1, 2, 3], 1)', [1, 3]],
      ['removeAt([1], 0)', []],
      ['removeAt([1, 2], 5)', [1, 2]],
    ],
  ),
  task(
    'Pairs the elements of two arrays by position; stops at the end of the shorter one.',
    'zip<A, B>(a: A[], b: B[]): [A, B][]',
    'const length = Math.min(a.length, b.length);\nconst pairs: [A, B][] = [];\nfor (let i = 0; i < length; i++) pairs.push([a[i], b[i]]);\nreturn pairs;',
    [
      [
        "zip([1, 2], ['a', 'b'])",
        [
          [1, 'a'],
          [2, 'b'],
        ],
      ],
      ['zip([1], [])', []],
      ['zip([1, 2], [3])', [[1, 3]]],
    ],
  ),
  task(
    'Returns the largest of the numbers, or -Infinity if there are none.',
    'maximum(values: number[]): number',
    'return Math.max(...values);',
    [
      ['maximum([1, 5, 3])', 5],
      ['maximum([-2, -1])', -1],
      ['maximum([])', Number.NEGATIVE_INFINITY],
    ],
  ),
  task(
    'Returns the median of a list of numbers that is not empty: the middle one, or the mean of the middle two.',
    'median(values: number[]): number',
    'const sorted = [...values].sort((a, b) => a - b);\nconst middle = sorted.length >> 1;\nreturn sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;',
    [
      ['median([3, 1, 2])', 2],
      ['median([4, 1, 3, 2])', 2.5],
      ['median([10, 9, 100])', 10],
    ],
  ),
  task(
    'Returns the elements that both arrays have, in the order of the first.',
    'intersection<T>(a: T[], b: T[]): T[]',
    'return a.filter((item) => b.includes(item));',
    [
      ['intersection([1, 2, 3], [3, 1])', [1, 3]],
      ['intersection([], [1])', []],
      ['intersection([1], [2])', []],
    ],
  ),
  task(
    'Returns the elements of a that are not in b.',
    'difference<T>(a: T[], b: T[]): T[]',
    'return a.filter((item) => !b.includes(item));',
    [
      ['difference([1, 2, 3], [2])', [1, 3]],
      ['difference([], [1])', []],
      ['difference([1], [1])', []],
    ],
  ),
  task(
    'Returns the running totals of the numbers.',
    'cumulativeSum(values: number[]): number[]',
    'let total = 0;\nreturn values.map((value) => (total += value));',
    [
      ['cumulativeSum([1, 2, 3])', [1, 3, 6]],
      ['cumulativeSum([])', []],
      ['cumulativeSum([5, -5])', [5, 0]],
    ],
  ),
  task(
    'Moves the first count elements to the end of the array and returns the new array.',
    'rotate<T>(items: T[], count: number): T[]',
    'return [...items.slice(count), ...items.slice(0, count)];',
    [
      ['rotate([1, 2, 3], 1)', [2, 3, 1]],
      ['rotate([1, 2, 3], 0)', [1, 2, 3]],
      ['rotate([1, 2, 3], 2)', [3, 1, 2]],
    ],
  ),
  task(
    'Returns true if every number is at least as large as the one before it.',
    'isSorted(values: number[]): boolean',
    'for (let i = 1; i < values.length; i++) {\n  if (values[i] < values[i - 1]) return false;\n}\nreturn true;',
    [
      ['isSorted([1, 2, 2])', true],
      ['isSorted([2, 1])', false],
      ['isSorted([])', true],
    ],
  ),
];
