/** The mesh programs in examples/fabric, and what goes wrong in programs of one's own, through the command. */
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { waferflow } from '../cli/cli.js';

const EXAMPLES = readdirSync('examples/fabric').filter((file) => file.endsWith('.mjs'));

it.each(EXAMPLES)('examples/fabric/%s gives the right numbers', async (file) => {
  const { code, stdout, stderr } = await waferflow([
    'fabric',
    `./examples/fabric/${file}`,
    ...['--pes', '4x4', '--elements', '8', '--json'],
  ]);
  expect([code, stderr]).toEqual([0, '']);
  const report = JSON.parse(stdout) as { cycles: number; wavelets: number; maxAbsError: number };
  expect(report.cycles).toBeGreaterThan(0);
  expect(report.wavelets).toBeGreaterThan(0);
  expect(report.maxAbsError).toBeLessThan(1e-5);
});

it.each([
  ['missing.mjs', null, /no such file/],
  ['empty.mjs', 'export const x = 1;', /default export of type undefined/],
  ['broken.mjs', 'export default (', /Correct the module/],
  ['no-mesh.mjs', 'export default () => 3;', /gives no mesh/],
  [
    'past.mjs',
    `import { Mesh } from ${JSON.stringify(join(process.cwd(), 'dist/src/fabric/index.js'))};
     export default ({ machine }) => { const m = new Mesh(machine, { width: 1, height: 1 }); m.pe({ x: 0, y: 0 }).buffer('b', 'f32', 2).view(0, 3); return m; };`,
    /buffer "b" of PE \(0, 0\)/,
  ],
])('%s ends in one sentence', async (name, text, message) => {
  const path = join(mkdtempSync(join(tmpdir(), 'waferflow-own-')), name);
  if (text !== null) writeFileSync(path, text);
  const { code, stdout, stderr } = await waferflow(['fabric', path, '--json']);
  expect(code).toBeGreaterThan(0);
  expect(stdout).toBe('');
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(message);
});
