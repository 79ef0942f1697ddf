/** Weighs and times a fresh install of the packed package: `npm run weigh`. Fails past the bounds. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MOST_MEGABYTES = 45;
const MOST_PACKAGES = 90;

const home = mkdtempSync(join(tmpdir(), 'waferflow-install-'));
const npm = (args, cwd) =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const bytesOf = (path) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

try {
  const [{ filename, size, entryCount, files }] = JSON.parse(
    npm(
      ['pack', '--ignore-scripts', '--json', '--pack-destination', home],
      resolve(import.meta.dirname, '..'),
    ),
  );
  const doubles = files.filter(({ path }) => /\.map$|tsbuildinfo$/.test(path) || /web\/.*\.gguf$/.test(path));
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  const start = performance.now();
  npm(['install', '--no-audit', '--no-fund', '--engine-strict', join(home, filename)], home);
  const seconds = (performance.now() - start) / 1000;
  const { packages } = JSON.parse(readFileSync(join(home, 'node_modules/.package-lock.json'), 'utf8'));
  const megabytes = bytesOf(join(home, 'node_modules')) / 1e6;
  const run = execFileSync(
    process.execPath,
    [join(home, 'node_modules/waferflow/dist/src/cli/main.js'), 'run', 'const a = ', '-n', '8', '--json'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const report = {
    tarballMegabytes: size / 1e6,
    tarballFiles: entryCount,
    doubles: doubles.map(({ path }) => path),
    installSeconds: seconds,
    packages: Object.keys(packages).length,
    megabytes,
    lightMyRequest: packages['node_modules/light-my-request']?.version,
    completes: JSON.parse(run).ids.length === 8,
  };
  console.log(JSON.stringify(report, null, 2));
  const isLight =
    megabytes < MOST_MEGABYTES && report.packages < MOST_PACKAGES && doubles.length === 0 && report.completes;
  if (!isLight) process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}
