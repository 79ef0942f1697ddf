import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
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
});

it('every file that the README links is there', () => {
  for (const [, path] of readme.matchAll(/\]\(([^)#:]+)\)/g)) {
    expect(() => readFileSync(`${root}${path}`), path).not.toThrow();
  }
});
