/** A mesh program of one's own, outside the repository, on the package as npm would install it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';

/** What one writes: a row of PEs, each adds its own numbers to what comes from the west and sends the sum on. */
const PROGRAM = `import { Mesh, Rng, simulateMesh, findWafer } from 'waferflow/fabric';

export default function sums({ machine, width, elements }) {
  const mesh = new Mesh(machine, { width, height: 1 });
  const colors = [mesh.color('even'), mesh.color('odd')];
  const tiles = [];
  for (let x = 0; x < width; x++) {
    const pe = mesh.pe({ x, y: 0 });
    const tile = pe.buffer('tile', 'f32', elements);
    tiles.push(tile);
    if (x + 1 < width) mesh.route(pe.at, colors[x & 1], { rx: ['RAMP'], tx: ['EAST'] });
    if (x > 0) mesh.route(pe.at, colors[(x - 1) & 1], { rx: ['WEST'], tx: ['RAMP'] });
    pe.main = function* () {
      if (x > 0) yield pe.receiveFold(colors[(x - 1) & 1], tile.view(), 'add');
      if (x + 1 < width) yield pe.send(colors[x & 1], tile.view());
    };
  }
  return {
    mesh,
    load: () => tiles.forEach((tile, x) => tile.write(Array.from({ length: elements }, () => x))),
    maxAbsError: () => Math.abs(tiles[width - 1].read()[0] - (width * (width - 1)) / 2),
  };
}
const { mesh, load, maxAbsError } = sums({ machine: findWafer('wse-2'), width: 6, elements: 4 });
load(new Rng(1));
console.log(JSON.stringify([simulateMesh(mesh).cycles, maxAbsError()]));
`;

it('runs by itself and with --trace, --watch and --json', () => {
  const home = mkdtempSync(join(tmpdir(), 'waferflow-tarball-'));
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    }),
  ) as [{ filename: string }];
  execFileSync('tar', ['-xzf', join(home, filename), '-C', home]);
  mkdirSync(join(home, 'node_modules'));
  const installed = join(home, 'node_modules/waferflow');
  renameSync(join(home, 'package'), installed);
  const program = join(home, 'mine.mjs');
  writeFileSync(program, PROGRAM);
  expect(PROGRAM.trim().split('\n').length).toBeLessThanOrEqual(30);
  const node = (...args: string[]): string =>
    execFileSync(process.execPath, args, {
      cwd: home,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  // With the package alone: the fabric needs none of its dependencies.
  const [cycles, error] = JSON.parse(node(program)) as [number, number];
  expect(error).toBe(0);
  expect(cycles).toBeGreaterThan(6 * 4);

  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(home, 'node_modules', name)), { recursive: true });
    symlinkSync(resolve('node_modules', name), join(home, 'node_modules', name));
  }
  const command = join(installed, 'dist/src/cli/main.js');
  const asked = [
    '--pes',
    '5x1',
    '--elements',
    '3',
    '--json',
    '--trace',
    'trace.json',
    '--watch',
    'color=odd',
  ];
  const lines = node(command, 'fabric', './mine.mjs', ...asked)
    .trim()
    .split('\n');
  const report = JSON.parse(lines.slice(1).join('\n')) as { cycles: number; maxAbsError: number };
  expect(report.maxAbsError).toBe(0);
  expect(report.cycles).toBeGreaterThan(0);
  expect(readFileSync(join(home, 'trace.json'), 'utf8')).toContain('"PE (4, 0)"');
});
