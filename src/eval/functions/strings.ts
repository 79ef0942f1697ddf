/** Twenty functions on strings. */
import { type Task, task } from '../task.js';

export const STRINGS: readonly Task[] = [
  task(
    'Returns the text with its first letter in upper case.',
    'capitalize(text: string): string',
    'return text.charAt(0).toUpperCase() + text.slice(1);',
    [
      ["capitalize('hello')", 'Hello'],
      ["capitalize('')", ''],
      ["capitalize('aBC')", 'ABC'],
    ],
  ),
  task(
    'Returns the characters of the text in reverse order.',
    'reverse(text: string): string',
    "return text.split('').reverse().join('');",
    [
      ["reverse('abc')", 'cba'],
      ["reverse('')", ''],
      ["reverse('ab ')", ' ba'],
    ],
  ),
  task(
    'Returns true if the text reads the same backwards.',
    'isPalindrome(text: string): boolean',
    "return text === text.split('').reverse().join('');",
    [
      ["isPalindrome('level')", true],
      ["isPalindrome('ab')", false],
      ["isPalindrome('')", true],
    ],
  ),
  task(
    'Returns how many vowels (a, e, i, o, u) the text has, in upper or lower case.',
    'countVowels(text: string): number',
    "let count = 0;\nfor (const letter of text.toLowerCase()) {\n  if ('aeiou'.includes(letter)) count++;\n}\nreturn count;",
    [
      ["countVowels('Education')", 5],
      ["countVowels('xyz')", 0],
      ["countVowels('AEIOU')", 5],
    ],
  ),
  task(
    'Returns true if the string is empty or has nothing but white space.',
    'isBlank(text: string): boolean',
    'return text.trim().length === 0;',
    [
      ["isBlank('')", true],
      ["isBlank('  \\n')", true],
      ["isBlank(' a ')", false],
    ],
  ),
  task(
    'Splits a text into words at white space; no empty words.',
    'words(text: string): string[]',
    'return text.split(/\\s+/).filter((word) => word.length > 0);',
    [
      ["words('a bc  d')", ['a', 'bc', 'd']],
      ["words(' x ')", ['x']],
      ["words('')", []],
    ],
  ),
  task(
    'Cuts a text that is longer than max characters and puts "..." after it.',
    'truncate(text: string, max: number): string',
    "return text.length > max ? text.slice(0, max) + '...' : text;",
    [
      ["truncate('hello', 3)", 'hel...'],
      ["truncate('hi', 3)", 'hi'],
      ["truncate('abc', 3)", 'abc'],
    ],
  ),
  task(
    'Repeats a text count times.',
    'repeat(text: string, count: number): string',
    "let result = '';\nfor (let i = 0; i < count; i++) result += text;\nreturn result;",
    [
      ["repeat('ab', 3)", 'ababab'],
      ["repeat('x', 0)", ''],
      ["repeat('', 5)", ''],
    ],
  ),
  task(
    'Converts camelCase to snake_case.',
    'toSnakeCase(name: string): string',
    "return name.replace(/[A-Z]/g, (letter) => '_' + letter.toLowerCase());",
    [
      ["toSnakeCase('fooBar')", 'foo_bar'],
      ["toSnakeCase('a')", 'a'],
      ["toSnakeCase('oneTwoThree')", 'one_two_three'],
    ],
  ),
  task(
    'Converts kebab-case to camelCase.',
    'kebabToCamel(name: string): string',
    'return name.replace(/-(\\w)/g, (_, letter: string) => letter.toUpperCase());',
    [
      ["kebabToCamel('foo-bar')", 'fooBar'],
      ["kebabToCamel('a')", 'a'],
      ["kebabToCamel('one-two-three')", 'oneTwoThree'],
    ],
  ),
  task(
    'Escapes the characters &, < and > for HTML.',
    'escapeHtml(text: string): string',
    "return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');",
    [
      ["escapeHtml('a < b')", 'a &lt; b'],
      ["escapeHtml('<b>&</b>')", '&lt;b&gt;&amp;&lt;/b&gt;'],
      ["escapeHtml('plain')", 'plain'],
    ],
  ),
  task(
    'Returns how often a character occurs in the text.',
    'countChar(text: string, char: string): number',
    'return text.split(char).length - 1;',
    [
      ["countChar('banana', 'a')", 3],
      ["countChar('abc', 'z')", 0],
      ["countChar('', 'a')", 0],
    ],
  ),
  task(
    'Returns true if text starts with prefix.',
    'hasPrefix(text: string, prefix: string): boolean',
    'return text.startsWith(prefix);',
    [
      ["hasPrefix('waferflow', 'wafer')", true],
      ["hasPrefix('flow', 'low')", false],
      ["hasPrefix('a', '')", true],
    ],
  ),
  task(
    'Removes prefix from the start of the text if it is there.',
    'stripPrefix(text: string, prefix: string): string',
    'return text.startsWith(prefix) ? text.slice(prefix.length) : text;',
    [
      ["stripPrefix('@scope/name', '@')", 'scope/name'],
      ["stripPrefix('abc', 'x')", 'abc'],
      ["stripPrefix('aa', 'a')", 'a'],
    ],
  ),
  task(
    'Returns the extension of a file name without its dot, or an empty string if it has none.',
    'extension(name: string): string',
    "const dot = name.lastIndexOf('.');\nreturn dot < 0 ? '' : name.slice(dot + 1);",
    [
      ["extension('a.ts')", 'ts'],
      ["extension('a.test.js')", 'js'],
      ["extension('readme')", ''],
    ],
  ),
  task(
    'Pads a number with zeros on the left to the given length.',
    'padNumber(value: number, length: number): string',
    "return String(value).padStart(length, '0');",
    [
      ['padNumber(7, 3)', '007'],
      ['padNumber(123, 2)', '123'],
      ['padNumber(0, 1)', '0'],
    ],
  ),
  task(
    'Joins path segments with a slash between them and leaves out empty segments.',
    'joinPath(segments: string[]): string',
    "return segments.filter((segment) => segment !== '').join('/');",
    [
      ["joinPath(['a', 'b'])", 'a/b'],
      ["joinPath(['a', '', 'c'])", 'a/c'],
      ['joinPath([])', ''],
    ],
  ),
  task(
    'Returns true if two words are anagrams of each other.',
    'isAnagram(a: string, b: string): boolean',
    "const sorted = (word: string): string => word.split('').sort().join('');\nreturn sorted(a) === sorted(b);",
    [
      ["isAnagram('listen', 'silent')", true],
      ["isAnagram('abc', 'abd')", false],
      ["isAnagram('aab', 'abb')", false],
    ],
  ),
  task(
    'Moves every letter of a lower-case text by shift places in the alphabet; other characters stay.',
    'caesar(text: string, shift: number): string',
    'return text.replace(/[a-z]/g, (letter) =>\n  String.fromCharCode(((letter.charCodeAt(0) - 97 + shift) % 26) + 97),\n);',
    [
      ["caesar('abc', 1)", 'bcd'],
      ["caesar('xyz', 3)", 'abc'],
      ["caesar('a b', 2)", 'c d'],
    ],
  ),
  task(
    'Returns the longest word of a list, the first of them if there are several; an empty string for an empty list.',
    'longestWord(list: string[]): string',
    "let longest = '';\nfor (const word of list) {\n  if (word.length > longest.length) longest = word;\n}\nreturn longest;",
    [
      ["longestWord(['a', 'abc', 'ab'])", 'abc'],
      ["longestWord(['ab', 'cd'])", 'ab'],
      ['longestWord([])', ''],
    ],
  ),
];
