/** Twenty functions on numbers. */
import { type Task, task, throws } from '../task.js';

export const NUMBERS: readonly Task[] = [
  task('Returns true if the number is even.', 'isEven(value: number): boolean', 'return value % 2 === 0;', [
    ['isEven(4)', true],
    ['isEven(7)', false],
    ['isEven(0)', true],
    ['isEven(-3)', false],
  ]),
  task(
    'Limits a value to the range from min to max.',
    'clamp(value: number, min: number, max: number): number',
    'return Math.min(Math.max(value, min), max);',
    [
      ['clamp(5, 0, 10)', 5],
      ['clamp(-1, 0, 10)', 0],
      ['clamp(11, 0, 10)', 10],
    ],
  ),
  task('Returns the square of a number.', 'square(value: number): number', 'return value * value;', [
    ['square(3)', 9],
    ['square(-2)', 4],
    ['square(0)', 0],
  ]),
  task(
    'Converts a temperature from degrees Celsius to Fahrenheit.',
    'celsiusToFahrenheit(celsius: number): number',
    'return (celsius * 9) / 5 + 32;',
    [
      ['celsiusToFahrenheit(0)', 32],
      ['celsiusToFahrenheit(100)', 212],
      ['celsiusToFahrenheit(-40)', -40],
    ],
  ),
  task(
    'Returns the factorial of n, a whole number of at least 0.',
    'factorial(n: number): number',
    'let product = 1;\nfor (let i = 2; i <= n; i++) product *= i;\nreturn product;',
    [
      ['factorial(0)', 1],
      ['factorial(1)', 1],
      ['factorial(5)', 120],
    ],
  ),
  task(
    'Returns the n-th Fibonacci number, where fibonacci(0) is 0 and fibonacci(1) is 1.',
    'fibonacci(n: number): number',
    'let [a, b] = [0, 1];\nfor (let i = 0; i < n; i++) [a, b] = [b, a + b];\nreturn a;',
    [
      ['fibonacci(0)', 0],
      ['fibonacci(1)', 1],
      ['fibonacci(10)', 55],
    ],
  ),
  task(
    'Returns the greatest common divisor of two positive whole numbers.',
    'gcd(a: number, b: number): number',
    'return b === 0 ? a : gcd(b, a % b);',
    [
      ['gcd(12, 18)', 6],
      ['gcd(7, 5)', 1],
      ['gcd(9, 3)', 3],
    ],
  ),
  task(
    'Returns the least common multiple of two positive whole numbers.',
    'lcm(a: number, b: number): number',
    'let multiple = a;\nwhile (multiple % b !== 0) multiple += a;\nreturn multiple;',
    [
      ['lcm(4, 6)', 12],
      ['lcm(3, 5)', 15],
      ['lcm(2, 8)', 8],
    ],
  ),
  task(
    'Returns true if n is a prime number.',
    'isPrime(n: number): boolean',
    'if (n < 2) return false;\nfor (let i = 2; i * i <= n; i++) {\n  if (n % i === 0) return false;\n}\nreturn true;',
    [
      ['isPrime(2)', true],
      ['isPrime(1)', false],
      ['isPrime(9)', false],
      ['isPrime(97)', true],
    ],
  ),
  task(
    'Returns the sum of the decimal digits of a whole number of at least 0.',
    'digitSum(n: number): number',
    'let sum = 0;\nfor (const digit of String(n)) sum += Number(digit);\nreturn sum;',
    [
      ['digitSum(0)', 0],
      ['digitSum(123)', 6],
      ['digitSum(999)', 27],
    ],
  ),
  task(
    'Rounds a value to the given number of decimal places.',
    'roundTo(value: number, places: number): number',
    'const factor = 10 ** places;\nreturn Math.round(value * factor) / factor;',
    [
      ['roundTo(3.14159, 2)', 3.14],
      ['roundTo(2.5, 0)', 3],
      ['roundTo(10, 3)', 10],
    ],
  ),
  task(
    'Returns -1, 0 or 1 as the value is negative, zero or positive.',
    'signOf(value: number): number',
    'if (value > 0) return 1;\nreturn value < 0 ? -1 : 0;',
    [
      ['signOf(-5)', -1],
      ['signOf(0)', 0],
      ['signOf(0.5)', 1],
    ],
  ),
  task(
    'Returns a value between start and end: start where t is 0, end where t is 1.',
    'lerp(start: number, end: number, t: number): number',
    'return start + (end - start) * t;',
    [
      ['lerp(0, 10, 0.5)', 5],
      ['lerp(2, 4, 0)', 2],
      ['lerp(2, 4, 1)', 4],
    ],
  ),
  task(
    'Returns true if the year is a leap year of the Gregorian calendar.',
    'isLeapYear(year: number): boolean',
    'return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;',
    [
      ['isLeapYear(2000)', true],
      ['isLeapYear(1900)', false],
      ['isLeapYear(2024)', true],
      ['isLeapYear(2023)', false],
    ],
  ),
  task(
    'Divides a by b. Throws an error if b is zero.',
    'divide(a: number, b: number): number',
    "if (b === 0) throw new Error('division by zero');\nreturn a / b;",
    [
      ['divide(6, 3)', 2],
      ['divide(1, 4)', 0.25],
      ['divide(1, 0)', throws],
    ],
  ),
  task(
    'Returns the remainder of value divided by size that is never negative.',
    'modulo(value: number, size: number): number',
    'return ((value % size) + size) % size;',
    [
      ['modulo(5, 3)', 2],
      ['modulo(-1, 3)', 2],
      ['modulo(-3, 3)', 0],
    ],
  ),
  task(
    'Returns the distance between the points (x1, y1) and (x2, y2).',
    'distance(x1: number, y1: number, x2: number, y2: number): number',
    'return Math.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2);',
    [
      ['distance(0, 0, 3, 4)', 5],
      ['distance(1, 1, 1, 1)', 0],
      ['distance(-1, 0, 1, 0)', 2],
    ],
  ),
  task(
    'Returns the smallest power of two that is at least n.',
    'nextPowerOfTwo(n: number): number',
    'let power = 1;\nwhile (power < n) power *= 2;\nreturn power;',
    [
      ['nextPowerOfTwo(1)', 1],
      ['nextPowerOfTwo(5)', 8],
      ['nextPowerOfTwo(16)', 16],
    ],
  ),
  task(
    'Returns the number of bits that are set in a whole number of at least 0.',
    'countBits(n: number): number',
    'let bits = 0;\nfor (let rest = n; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;\nreturn bits;',
    [
      ['countBits(0)', 0],
      ['countBits(7)', 3],
      ['countBits(256)', 1],
    ],
  ),
  task(
    'Returns all divisors of a positive whole number, in rising order.',
    'divisors(n: number): number[]',
    'const found: number[] = [];\nfor (let i = 1; i <= n; i++) {\n  if (n % i === 0) found.push(i);\n}\nreturn found;',
    [
      ['divisors(1)', [1]],
      ['divisors(12)', [1, 2, 3, 4, 6, 12]],
      ['divisors(7)', [1, 7]],
    ],
  ),
];
