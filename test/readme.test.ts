import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Of the 4-grams of words and signs of a text, the share that was there before: 0 for none, near 1 for a loop. */
function repetition(text: string): number {
  const words = text.match(/\w+|[^\w\s]/g) ?? [];
  const grams = words.slice(3).map((_, i) => words.slice(i, i + 4).join(' '));
  return grams.length === 0 ? 1 : 1 - new Set(grams).size / grams.length;
}

const MOST_REPETITION = 0.35;

async function printed(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [`${root}dist/src/cli/main.js`, ...args], {
    env: { ...process.env, NO_COLOR: '1' },
  });
  return stdout;
}

it('tells a loop from a text', () => {
  expect(repetition('add(......................')).toBeGreaterThan(0.8);
  expect(repetition('a: number, b: number, b: number, b: number, b: number, b: number')).toBeGreaterThan(0.4);
  expect(repetition('function add(a: number, b: number) { return a + b; }')).toBe(0);
});

const readme = readFileSync(`${root}README.md`, 'utf8');

it('the library example of the README runs as printed, in about ten lines', async () => {
  const code = /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(10);
  // Inside the package, so that it finds it under its own name.
  const path = `${root}dist/readme-example.mjs`;
  writeFileSync(path, code);
  onTestFinished(() => rmSync(path));
  const { stdout } = await promisify(execFile)(process.execPath, [path]);
  expect(stdout).toMatch(/\n\d+ tokens\/s\n$/);
  expect(repetition(stdout)).toBeLessThan(MOST_REPETITION);
});

it.each([...readme.matchAll(/^ {4}npx waferflow (run|chat) ("?)(.*)$/gm)].map(([line]) => line.trim()))(
  'prints something good: %s',
  async (line) => {
    // Other models than the embedded one are not here.
    if (/--model|hf:|run [a-z]/.test(line)) return;
    const args = [...line.replace(/^npx waferflow /, '').matchAll(/"([^"]*)"|(\S+)/g)].map(
      (one) => one[1] ?? one[2]!,
    );
    expect(repetition(await printed(args))).toBeLessThan(MOST_REPETITION);
  },
);

it('npm start prints something good, and no flag hides what the model does by itself', async () => {
  const { start } = (
    JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: { start: string } }
  ).scripts;
  expect(start).toBe('node dist/src/cli/main.js run');
  expect(repetition(await printed(['run']))).toBeLessThan(MOST_REPETITION);
});
