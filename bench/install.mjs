/**
 * Weighs and times fresh installs of the packed package and of the library alone: `npm run weigh`. Fails past the bounds.
 * With `-- --clone` a fresh clone too, to its first completion: minutes, as it builds everything.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MOST_MEGABYTES = 45;
const MOST_PACKAGES = 90;
/** Of the library alone. */
const MOST_LIBRARY_MEGABYTES = 20;
const MOST_LIBRARY_PACKAGES = 10;

const EXAMPLE = `
import { load } from '@waferflow/library';
import { ChatSession } from '@waferflow/library/chat';
import { Mesh } from '@waferflow/library/fabric';
const engine = await load();
let ids = 0;
for await (const piece of engine.generate('const a = ', { maxTokens: 8, ignoreEos: true })) if (piece.done) ids = piece.ids.length;
const answer = await new ChatSession(engine).ask('hello', { maxTokens: 4 });
console.log(ids, typeof answer === 'string' ? 'answered' : 'silent', Mesh.name);
await engine.close();
`;

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
  const install = ['install', '--no-audit', '--no-fund', '--engine-strict', join(home, filename)];
  const seconds = secondsOf(() => npm(install, home));
  const { packages } = JSON.parse(readFileSync(join(home, 'node_modules/.package-lock.json'), 'utf8'));
  const megabytes = bytesOf(join(home, 'node_modules')) / 1e6;
  const run = execFileSync(
    process.execPath,
    [join(home, 'node_modules/waferflow/dist/src/cli/main.js'), 'run', 'const a = ', '-n', '8', '--json'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const library = weighLibrary();
  const report = {
    tarballMegabytes: size / 1e6,
    tarballFiles: entryCount,
    doubles: doubles.map(({ path }) => path),
    installSeconds: seconds,
    packages: Object.keys(packages).length,
    megabytes,
    lightMyRequest: packages['node_modules/light-my-request']?.version,
    completes: JSON.parse(run).ids.length === 8,
    library,
    ...(process.argv.includes('--clone') && { clone: weighClone() }),
  };
  console.log(JSON.stringify(report, null, 2));
  const isLight =
    megabytes < MOST_MEGABYTES && report.packages < MOST_PACKAGES && doubles.length === 0 && report.completes;
  const isLibraryLight =
    library.megabytes < MOST_LIBRARY_MEGABYTES &&
    library.packages < MOST_LIBRARY_PACKAGES &&
    library.completes;
  if (!isLight || !isLibraryLight) process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}

/** Of what is committed: the clone, `npm ci` with its build, and the first completion. */
function weighClone() {
  const place = join(home, 'clone');
  const quietly = { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] };
  const clone = ['clone', '--quiet', '--depth', '1', `file://${resolve(import.meta.dirname, '..')}`, place];
  const cloneSeconds = secondsOf(() => execFileSync('git', clone));
  const installSeconds = secondsOf(() => npm(['ci', '--no-audit', '--no-fund'], place));
  const startSeconds = secondsOf(() => execFileSync('npm', ['start'], quietly));
  return {
    cloneSeconds,
    installSeconds,
    startSeconds,
    megabytes: bytesOf(place) / 1e6,
    installedMegabytes: bytesOf(join(place, 'node_modules')) / 1e6,
  };
}

function secondsOf(action) {
  const start = performance.now();
  action();
  return (performance.now() - start) / 1000;
}

/** Of `.github/pack-library.mjs`, installed from its tarball and asked for a completion, a session and a mesh. */
function weighLibrary() {
  const folder = join(home, 'packed');
  const place = join(home, 'library');
  execFileSync(process.execPath, [resolve(import.meta.dirname, '../.github/pack-library.mjs'), folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [{ filename, size }] = JSON.parse(npm(['pack', '--json', '--pack-destination', home], folder));
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{"private":true,"type":"module"}');
  npm(
    [
      'install',
      '--no-audit',
      '--no-fund',
      '--engine-strict',
      join(home, filename.replace(/^@(.*)\//, '$1-')),
    ],
    place,
  );
  writeFileSync(join(place, 'try.js'), EXAMPLE);
  const said = execFileSync(process.execPath, ['try.js'], { cwd: place, encoding: 'utf8' });
  const { packages } = JSON.parse(readFileSync(join(place, 'node_modules/.package-lock.json'), 'utf8'));
  return {
    tarballMegabytes: size / 1e6,
    packages: Object.keys(packages).length,
    megabytes: bytesOf(join(place, 'node_modules')) / 1e6,
    completes: said.trim() === '8 answered Mesh',
  };
}
