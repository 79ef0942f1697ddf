/** The packed library on the oldest Node that it promises, those since, Bun and Deno: the same text from all. */
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  'Node 20.19': ['node-20/bin/node'],
  'Node 22': ['node-22/bin/node'],
  'Node 24': ['node-24/bin/node'],
  'the newest Node': ['node-latest/bin/node'],
  Bun: ['@oven/bun-linux-x64/bin/bun', 'run'],
  Deno: ['@deno/linux-x64-glibc/deno', 'run', '--allow-all'],
};
const PROGRAMS = ['complete.mjs', 'server.mjs'];

/** Closes an engine in every phase of a generation; a runtime that settles goes on to the last line. */
const CLOSE = `
import { load } from 'waferflow';
const phases = [];
for (const ms of [0, 5, 60]) {
  const engine = await load();
  const generation = (async () => {
    for await (const _ of engine.generate('const a = ', { maxTokens: 400, ignoreEos: true }));
  })().catch((error) => phases.push(error.constructor.name));
  await new Promise((done) => setTimeout(done, ms));
  await engine.close();
  await generation;
}
console.log(phases.join());
`;

const app = mkdtempSync(join(tmpdir(), 'waferflow-runtimes-'));
const library = join(app, 'node_modules/waferflow');
afterAll(() => rmSync(app, { recursive: true }));

/** An empty folder that the tarball was installed in, without asking a registry. */
beforeAll(() => {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', app], {
      encoding: 'utf8',
    }),
  ) as [{ filename: string }];
  mkdirSync(library, { recursive: true });
  execFileSync('tar', ['-xzf', join(app, filename), '-C', library, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(app, 'node_modules', name)), { recursive: true });
    symlinkSync(resolve('node_modules', name), join(app, 'node_modules', name));
  }
  for (const program of PROGRAMS) cpSync(join('examples', program), join(app, program));
  writeFileSync(join(app, 'close.mjs'), CLOSE);
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify({ type: 'module', dependencies: { waferflow: `file:${filename}` } }),
  );
}, 300_000);

/** What a program prints, without what the clock says. */
async function printed(runtime: readonly string[], program: readonly string[]): Promise<string> {
  const [command, ...args] = runtime;
  const { stdout } = await promisify(execFile)(command!, [...args, ...program], {
    cwd: app,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return stdout.replace(/^measured: .*$/m, '');
}

const main = join(library, 'dist/src/cli/main.js');
const here = new Map<string, Promise<string>>();
/** What this very Node prints, asked once. */
function printedHere(program: readonly string[]): Promise<string> {
  const key = program.join(' ');
  const text = here.get(key) ?? printed([process.execPath], program);
  here.set(key, text);
  return text;
}

for (const [name, [file, ...args]] of Object.entries(RUNTIMES)) {
  const path = resolve('test/runtimes/node_modules', file!);
  const isHere = existsSync(path);
  if (!isHere) process.stderr.write(`skipped: no ${name}; npm ci --prefix test/runtimes installs it\n`);
  describe.skipIf(!isHere)(name, () => {
    it.each(PROGRAMS)('prints what this Node prints: examples/%s', async (program) => {
      const text = await printed([path, ...args], [program]);
      expect(text).not.toBe('');
      expect(text).toBe(await printedHere([program]));
    });
    it('closes in every phase', async () => {
      expect(await printed([path, ...args], ['close.mjs'])).toBe('EngineError,EngineError,EngineError\n');
    });
    it('runs the command line', async () => {
      const run = [main, 'run', 'const a = ', '-n', '8'];
      expect(await printed([path, ...args], run)).toBe(await printedHere(run));
    });
  });
}
