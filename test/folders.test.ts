/** The order of the folders that ARCHITECTURE.md gives: no import points to the right. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { expect, it } from 'vitest';

/** The folders in the order of the page; those in one pair of parentheses do not see each other. */
function orderOf(page: string): Map<string, number> {
  const list = /Imports point to the left in: ([^;]+);/.exec(page)?.[1] ?? '';
  const order = new Map<string, number>();
  let floor = 0;
  for (const part of list.match(/\([^)]*\)|[^,\s]+/g) ?? []) {
    for (const name of part.match(/[a-z]+/g) ?? []) order.set(name, floor);
    floor += 1;
  }
  return order;
}

/** `src/server/app.ts` lies in `server`, `src/index.ts` in `index`, `kernels/spec.ts` in `kernels`. */
function folderOf(file: string): string {
  const [top = '', second = ''] = file.split(sep);
  return top === 'src' ? second.replace(/\.tsx?$/, '') : top;
}

it('imports point to the left in the order of ARCHITECTURE.md', () => {
  const order = orderOf(readFileSync('ARCHITECTURE.md', 'utf8'));
  const wrong: string[] = [];
  let seen = 0;
  for (const root of ['src', 'kernels', 'models']) {
    for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      const file = join(root, entry);
      if (!/\.tsx?$/.test(file) || file.endsWith('wasm.ts') || file.includes('recipe')) continue;
      const from = folderOf(file);
      for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(
        /(?:from|import\() ?'(\.\.?\/[^']+)'/g,
      )) {
        const to = folderOf(normalize(join(dirname(file), path)).replace(/\.js$/, '.ts'));
        if (from === to) continue;
        seen += 1;
        const isLeft = (order.get(to) ?? Number.NaN) < (order.get(from) ?? Number.NaN);
        if (!isLeft) wrong.push(`${file} imports ${path}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(seen).toBeGreaterThan(500);
});
