/** The package in other people's programs: a page bundled by Vite, and types without the DOM. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { load } from '#src/index.js';
import { launchBrowser } from '../helpers/browser.js';
import { endOf } from '../helpers/engine.js';
import { tinyModel } from '../helpers/tiny-model.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const app = mkdtempSync(join(tmpdir(), 'waferflow-app-'));
mkdirSync(join(app, 'node_modules'));
symlinkSync(root, join(app, 'node_modules/waferflow'));
symlinkSync(join(root, 'node_modules/@types'), join(app, 'node_modules/@types'));
afterAll(() => rmSync(app, { recursive: true }));

const model = tinyModel();
const browser = await launchBrowser();
afterAll(() => browser?.close());

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Serves the built page and the model; `isIsolated` gives it threads. */
async function site(isIsolated: boolean): Promise<string> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').replace(/^\/$/, '/index.html');
    const headers = {
      'content-type': types[extname(path)] ?? 'application/octet-stream',
      ...(isIsolated && {
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      }),
    };
    try {
      const body = path === '/model.gguf' ? model : readFileSync(join(app, 'dist', path));
      response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe.skipIf(browser === null)('a page that Vite bundles', () => {
  const warnings: string[] = [];

  beforeAll(async () => {
    writeFileSync(
      join(app, 'index.html'),
      '<!doctype html><title>app</title><pre></pre><script type="module" src="./main.js"></script>',
    );
    writeFileSync(
      join(app, 'main.js'),
      `import { findMachine, load, OptionError, plan } from 'waferflow';
      import * as browser from 'waferflow/browser';
      const show = (value) => (document.querySelector('pre').textContent = JSON.stringify(value));
      try {
        const engine = await load('model.gguf', { workers: crossOriginIsolated ? 2 : 1 });
        let end;
        for await (const chunk of engine.generate('hello', { maxTokens: 8 })) end = chunk;
        const { workers } = engine.info;
        await engine.close();
        const bytes = await (await fetch('model.gguf')).arrayBuffer();
        const again = await browser.load(bytes, { workers: 1 });
        await again.close();
        const same = browser.load === load && typeof plan === 'function' && findMachine('wse-3').name === 'wse-3';
        show({ ids: end.ids, workers, same, errors: typeof OptionError });
      } catch (error) {
        show({ error: String(error.stack) });
      }`,
    );
    await build({
      root: app,
      base: './',
      logLevel: 'silent',
      build: { target: 'esnext', assetsInlineLimit: 0 },
      worker: { format: 'es' },
      customLogger: {
        info: () => undefined,
        warn: (text) => warnings.push(text),
        warnOnce: (text) => warnings.push(text),
        error: (text) => warnings.push(text),
        clearScreen: () => undefined,
        hasErrorLogged: () => false,
        hasWarned: false,
      },
    });
  }, 60_000);

  it('builds without a warning', () => expect(warnings).toEqual([]));

  it.each([true, false])('isolated: %s; gives the ids that Node gives', async (isIsolated) => {
    const page = await browser!.newPage();
    onTestFinished(() => page.close());
    await page.goto(await site(isIsolated));
    await page.waitForFunction('document.querySelector("pre").textContent !== ""');
    const shown = JSON.parse((await page.textContent('pre')) ?? '') as Record<string, unknown>;
    const engine = await load(model, { workers: 1 });
    const { ids } = await endOf(engine.generate('hello', { maxTokens: 8 }));
    await engine.close();
    expect(shown).toEqual({ ids, workers: isIsolated ? 2 : 1, same: true, errors: 'function' });
  });
});

it("a server's bundle, which lacks the files beside waferflow, says to keep it external", async () => {
  writeFileSync(
    join(app, 'server.js'),
    "import { load } from 'waferflow'; await load().catch((error) => console.log(error.message));",
  );
  await build({
    root: app,
    logLevel: 'silent',
    ssr: { noExternal: true },
    build: {
      ssr: 'server.js',
      outDir: 'bundle',
      target: 'esnext',
      rollupOptions: { output: { entryFileNames: 'server.mjs' } },
    },
  });
  const said = execFileSync(process.execPath, [join(app, 'bundle/server.mjs')], { encoding: 'utf8' });
  expect(said).toContain('keep waferflow external');
}, 60_000);

describe('types', () => {
  const check = (name: string, code: string, options: Record<string, unknown>): string => {
    const folder = join(app, name);
    mkdirSync(folder);
    writeFileSync(join(folder, name.endsWith('cjs') ? 'main.cts' : 'main.mts'), code);
    const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, types: ['node'], ...options };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*'] }));
    try {
      execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', folder], {
        stdio: 'pipe',
      });
      return '';
    } catch (thrown) {
      return String((thrown as { stdout: Buffer }).stdout);
    }
  };
  const use = `const engine = await load();
    for await (const chunk of engine.generate('x', { maxTokens: 2 })) if (chunk.done) chunk.timings.ttftMs.toFixed();
    await engine.close();`;

  it('of modules, in nodenext with the libraries of Node alone', () => {
    const lib = ['es2023', 'esnext.disposable'];
    expect(
      check('esm', `import { load } from 'waferflow';\n${use}`, {
        module: 'nodenext',
        target: 'es2023',
        lib,
      }),
    ).toBe('');
  });

  it('of CommonJS, in node16', () => {
    const code = `import { load, OptionError, type Engine } from 'waferflow';
      export async function main(): Promise<Engine | typeof OptionError> {
        ${use}
        return engine;
      }`;
    const lib = ['es2023', 'esnext.disposable'];
    expect(check('cjs', code, { module: 'node16', target: 'es2022', lib })).toBe('');
  });

  it('require gives the library', () => {
    const code = "const { load } = require('waferflow'); process.stdout.write(typeof load)";
    expect(execFileSync(process.execPath, ['-e', code], { cwd: app, encoding: 'utf8', stdio: 'pipe' })).toBe(
      'function',
    );
  });
});
