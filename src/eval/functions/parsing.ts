/** Twenty functions that read, write or search. */
import { type Task, task, throws } from '../task.js';

export const PARSING: readonly Task[] = [
  task(
    'Parses a query string such as "a=1&b=2" into an object.',
    'parseQuery(query: string): Record<string, string>',
    "const result: Record<string, string> = {};\nfor (const part of query.split('&')) {\n  if (part === '') continue;\n  const [key, value = ''] = part.split('=');\n  result[key] = value;\n}\nreturn result;",
    [
      ["parseQuery('a=1&b=2')", { a: '1', b: '2' }],
      ["parseQuery('')", {}],
      ["parseQuery('x=')", { x: '' }],
    ],
  ),
  task(
    'Parses "true" and "false" into a boolean. Throws an error for anything else.',
    'parseBoolean(text: string): boolean',
    "if (text === 'true') return true;\nif (text === 'false') return false;\nthrow new Error('not a boolean: ' + text);",
    [
      ["parseBoolean('true')", true],
      ["parseBoolean('false')", false],
      ["parseBoolean('yes')", throws],
    ],
  ),
  task(
    'Parses a decimal whole number. Throws an error if the text is not one.',
    'parseInteger(text: string): number',
    "if (!/^-?\\d+$/.test(text)) throw new Error('not a whole number: ' + text);\nreturn Number(text);",
    [
      ["parseInteger('42')", 42],
      ["parseInteger('-7')", -7],
      ["parseInteger('4x')", throws],
      ["parseInteger('')", throws],
    ],
  ),
  task(
    'Parses one line of comma-separated values and trims each of them.',
    'parseCsvLine(line: string): string[]',
    "return line.split(',').map((value) => value.trim());",
    [
      ["parseCsvLine('a, b,c')", ['a', 'b', 'c']],
      ["parseCsvLine('x')", ['x']],
      ["parseCsvLine('1,,2')", ['1', '', '2']],
    ],
  ),
  task(
    'Returns the lines of a text that are not blank.',
    'nonBlankLines(text: string): string[]',
    "return text.split('\\n').filter((line) => line.trim() !== '');",
    [
      ["nonBlankLines('a\\n\\nb')", ['a', 'b']],
      ["nonBlankLines('')", []],
      ["nonBlankLines(' \\nx')", ['x']],
    ],
  ),
  task(
    'Formats a number of seconds as minutes and seconds, such as "2:05".',
    'formatDuration(seconds: number): string',
    "const minutes = Math.floor(seconds / 60);\nreturn minutes + ':' + String(seconds % 60).padStart(2, '0');",
    [
      ['formatDuration(125)', '2:05'],
      ['formatDuration(59)', '0:59'],
      ['formatDuration(600)', '10:00'],
    ],
  ),
  task(
    'Converts a color such as "#ff8000" into its red, green and blue values.',
    'parseColor(hex: string): [number, number, number]',
    'const value = parseInt(hex.slice(1), 16);\nreturn [value >> 16, (value >> 8) & 255, value & 255];',
    [
      ["parseColor('#ff8000')", [255, 128, 0]],
      ["parseColor('#000000')", [0, 0, 0]],
      ["parseColor('#010203')", [1, 2, 3]],
    ],
  ),
  task(
    'Converts a byte from 0 to 255 into two lower-case hexadecimal digits.',
    'toHex(byte: number): string',
    "return byte.toString(16).padStart(2, '0');",
    [
      ['toHex(255)', 'ff'],
      ['toHex(0)', '00'],
      ['toHex(10)', '0a'],
    ],
  ),
  task(
    'Compares two versions such as "1.2.3" and returns -1, 0 or 1.',
    'compareVersions(a: string, b: string): number',
    "const left = a.split('.').map(Number);\nconst right = b.split('.').map(Number);\nfor (let i = 0; i < 3; i++) {\n  if (left[i] !== right[i]) return left[i] < right[i] ? -1 : 1;\n}\nreturn 0;",
    [
      ["compareVersions('1.2.3', '1.2.3')", 0],
      ["compareVersions('1.2.3', '1.10.0')", -1],
      ["compareVersions('2.0.0', '1.9.9')", 1],
    ],
  ),
  task(
    'Returns true if the brackets (, [ and { in the text are balanced.',
    'isBalanced(text: string): boolean',
    "const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' };\nconst stack: string[] = [];\nfor (const char of text) {\n  if ('([{'.includes(char)) stack.push(char);\n  else if (char in pairs && stack.pop() !== pairs[char]) return false;\n}\nreturn stack.length === 0;",
    [
      ["isBalanced('(a[b]{c})')", true],
      ["isBalanced('(]')", false],
      ["isBalanced('((')", false],
      ["isBalanced('')", true],
    ],
  ),
  task(
    'Finds the index of target in a sorted array by binary search, or -1.',
    'binarySearch(values: number[], target: number): number',
    'let low = 0;\nlet high = values.length - 1;\nwhile (low <= high) {\n  const middle = (low + high) >> 1;\n  if (values[middle] === target) return middle;\n  if (values[middle] < target) low = middle + 1;\n  else high = middle - 1;\n}\nreturn -1;',
    [
      ['binarySearch([1, 3, 5, 7], 5)', 2],
      ['binarySearch([1, 3], 2)', -1],
      ['binarySearch([], 1)', -1],
    ],
  ),
  task(
    'Compresses a text by run lengths: "aab" becomes "a2b1".',
    'runLength(text: string): string',
    'return text.replace(/(.)\\1*/g, (run) => run[0] + run.length);',
    [
      ["runLength('aab')", 'a2b1'],
      ["runLength('')", ''],
      ["runLength('zzz')", 'z3'],
    ],
  ),
  task(
    'Replaces every {name} in the template by the value of that name; unknown names stay.',
    'fillTemplate(template: string, values: Record<string, string>): string',
    'return template.replace(/\\{(\\w+)\\}/g, (whole, name: string) => values[name] ?? whole);',
    [
      ["fillTemplate('Hi {name}', { name: 'Ada' })", 'Hi Ada'],
      ["fillTemplate('{a}{b}', { a: '1' })", '1{b}'],
      ["fillTemplate('none', {})", 'none'],
    ],
  ),
  task(
    'Converts a number from 1 to 3999 to Roman numerals.',
    'toRoman(value: number): string',
    "const numerals: [number, string][] = [\n  [1000, 'M'], [900, 'CM'], [500, 'D'], [400, 'CD'], [100, 'C'], [90, 'XC'],\n  [50, 'L'], [40, 'XL'], [10, 'X'], [9, 'IX'], [5, 'V'], [4, 'IV'], [1, 'I'],\n];\nlet result = '';\nlet rest = value;\nfor (const [size, numeral] of numerals) {\n  while (rest >= size) {\n    result += numeral;\n    rest -= size;\n  }\n}\nreturn result;",
    [
      ['toRoman(4)', 'IV'],
      ['toRoman(1994)', 'MCMXCIV'],
      ['toRoman(58)', 'LVIII'],
    ],
  ),
  task(
    'Returns the rows of a matrix as its columns.',
    'transpose<T>(matrix: T[][]): T[][]',
    'if (matrix.length === 0) return [];\nreturn matrix[0].map((_, column) => matrix.map((row) => row[column]));',
    [
      [
        'transpose([[1, 2], [3, 4]])',
        [
          [1, 3],
          [2, 4],
        ],
      ],
      ['transpose([])', []],
      ['transpose([[1, 2, 3]])', [[1], [2], [3]]],
    ],
  ),
  task(
    'Returns the numbers from 1 to n as strings, but "Fizz" for multiples of 3, "Buzz" for multiples of 5 and "FizzBuzz" for both.',
    'fizzBuzz(n: number): string[]',
    "const result: string[] = [];\nfor (let i = 1; i <= n; i++) {\n  const word = (i % 3 === 0 ? 'Fizz' : '') + (i % 5 === 0 ? 'Buzz' : '');\n  result.push(word || String(i));\n}\nreturn result;",
    [
      ['fizzBuzz(5)', ['1', '2', 'Fizz', '4', 'Buzz']],
      ['fizzBuzz(15)[14]', 'FizzBuzz'],
      ['fizzBuzz(0)', []],
    ],
  ),
  task(
    'Returns the indices of two numbers that add up to target, or null if there are none.',
    'twoSum(values: number[], target: number): [number, number] | null',
    'for (let i = 0; i < values.length; i++) {\n  for (let j = i + 1; j < values.length; j++) {\n    if (values[i] + values[j] === target) return [i, j];\n  }\n}\nreturn null;',
    [
      ['twoSum([2, 7, 11], 9)', [0, 1]],
      ['twoSum([1, 2], 5)', null],
      ['twoSum([3, 3], 6)', [0, 1]],
    ],
  ),
  task(
    'Returns the longest common prefix of the words.',
    'commonPrefix(list: string[]): string',
    "if (list.length === 0) return '';\nlet prefix = list[0];\nfor (const word of list) {\n  while (!word.startsWith(prefix)) prefix = prefix.slice(0, -1);\n}\nreturn prefix;",
    [
      ["commonPrefix(['flow', 'flower', 'flight'])", 'fl'],
      ["commonPrefix(['a', 'b'])", ''],
      ['commonPrefix([])', ''],
    ],
  ),
  task(
    'Throws an error with the message unless the condition is true.',
    'ensure(condition: boolean, message: string): void',
    'if (!condition) throw new Error(message);',
    [
      ["ensure(true, 'no')", undefined],
      ["ensure(false, 'no')", throws],
      ["ensure(1 > 2, 'x')", throws],
    ],
  ),
  task(
    'Returns the number of days of a month from 1 to 12; isLeap tells whether February has 29.',
    'daysInMonth(month: number, isLeap: boolean): number',
    'if (month === 2) return isLeap ? 29 : 28;\nreturn [4, 6, 9, 11].includes(month) ? 30 : 31;',
    [
      ['daysInMonth(2, true)', 29],
      ['daysInMonth(2, false)', 28],
      ['daysInMonth(4, false)', 30],
      ['daysInMonth(12, true)', 31],
    ],
  ),
];
