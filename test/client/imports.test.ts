import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('the client needs nothing of Node.js when it is imported', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    // Static imports only: what Node.js alone needs is imported when it is used.
    for (const [, from = ''] of readFileSync(path, 'utf8').matchAll(
      /^(?:import|export)\s[^;'"=]*?from ['"]([^'"]+)['"]/gm,
    ))
      if (from.startsWith('.')) visit(join(dirname(path), from));
      else packages.add(from);
  };
  visit(fileURLToPath(new URL('../../dist/src/client/index.js', import.meta.url)));
  expect(seen.size).toBeGreaterThan(4);
  expect([...packages]).toEqual(['msgpackr']);
});
