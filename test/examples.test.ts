/** Every program of examples/ (those of examples/fabric in test/fabric) runs as it stands and says what it promises. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { load } from '#src/index.js';
import { launchBrowser } from './helpers/browser.js';
import { endOf } from './helpers/engine.js';

const SAYS: Readonly<Record<string, RegExp>> = {
  'chat.mjs': /^user: .*\nmodel: \S.*\(\d+ of \d+ prompt.*user: .*\nmodel: \S.*\([1-9]\d* of \d+ prompt/s,
  'complete.mjs': /^\S.*\nmeasured: \d+ tokens\/s here\nsimulated: \d+ tokens\/s on wse-3\n/s,
  'fill-in.mjs': /^const count = \[.+\]\n\nexport const end = 1;/,
  'grammar.mjs': /^\{ name: '.*', size: '(small|large)', prices: \[ \d+/,
  'planner.mjs': /^\d+ x wse-3: .*bound by \w+\n\d+ x h200: .*\n\d+ x b200: .*\n$/,
  'score.mjs': /^\d+ tokens, \d\.\d+ nats per token\nleast expected: ".+"\n$/,
  'server.mjs': /^.+\n12 tokens on the other lane\n$/s,
  'tools.mjs': /^add\((\d+), (\d+)\) = \d+\n$/,
};

it.each(readdirSync('examples').filter((name) => name.endsWith('.mjs')))('examples/%s', async (name) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join('examples', name)]);
  expect(stderr).toBe('');
  expect(stdout).toMatch(SAYS[name]!);
});

const browser = await launchBrowser();
afterAll(() => browser?.close());

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };
const GLINT = 'models/glint/glint-q8_0.gguf';

it.skipIf(browser === null)(
  'examples/browser, bundled by Vite, gives the ids that Node.js gives',
  async () => {
    const app = mkdtempSync(join(tmpdir(), 'waferflow-example-'));
    onTestFinished(() => rmSync(app, { recursive: true }));
    cpSync('examples/browser', app, { recursive: true });
    mkdirSync(join(app, 'node_modules'));
    symlinkSync(process.cwd(), join(app, 'node_modules/waferflow'));
    await build({
      root: app,
      logLevel: 'error',
      build: { target: 'esnext', assetsInlineLimit: 0 },
      worker: { format: 'es' },
    });
    const server = createServer((request, response) => {
      const path = (request.url ?? '/').replace(/^\/$/, '/index.html');
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
      response.end(readFileSync(path === '/model.gguf' ? GLINT : join(app, 'dist', path)));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const page = await browser!.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const ids = page.locator('pre[data-ids]');
    await ids.waitFor();
    const engine = await load();
    const end = await endOf(engine.generate('hello', { maxTokens: 8 }));
    await engine.close();
    expect(await ids.getAttribute('data-ids')).toBe(end.ids.join());
    expect(await ids.textContent()).toBe(end.text);
  },
);
