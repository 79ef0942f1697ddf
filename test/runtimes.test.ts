/** The packed library on the oldest Node that it promises, those since, Bun and Deno: the same text from all. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackedApp } from './helpers/packed.js';

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

let app = '';
let main = '';

beforeAll(() => {
  app = unpackedApp();
  main = join(app, 'node_modules/waferflow/dist/src/cli/main.js');
  for (const program of PROGRAMS) cpSync(join('examples', program), join(app, program));
  writeFileSync(join(app, 'close.mjs'), CLOSE);
}, 300_000);
afterAll(() => rmSync(app, { recursive: true }));

/** What a program prints, without what the clock says. */
async function printed(runtime: readonly string[], program: readonly string[]): Promise<string> {
  const [command, ...args] = runtime;
  const { stdout } = await promisify(execFile)(command!, [...args, ...program], {
    cwd: app,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return stdout.replace(/^measured: .*$/m, '');
}

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

it('no file of the package names a source map that is not in it', () => {
  const root = join(app, 'node_modules/waferflow/dist');
  const naming = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(js|css)$/.test(path))
    .filter((path) => readFileSync(join(root, path), 'utf8').includes('\n//# sourceMappingURL='));
  expect(naming).toEqual([]);
});
