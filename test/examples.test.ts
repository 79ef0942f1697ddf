/** Every program of examples/ (those of examples/fabric in test/fabric) runs as it stands and says what it promises. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { launchBrowser } from './helpers/browser.js';
import { endOf } from './helpers/engine.js';
import { unpackedApp } from './helpers/packed.js';

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

const GLINT = 'models/glint/glint-q8_0.gguf';

describe.skipIf(browser === null)('examples/browser, the packed library built by Vite', () => {
  let app = '';
  beforeAll(async () => {
    app = unpackedApp();
    cpSync('examples/browser', app, { recursive: true });
    mkdirSync(join(app, 'public'));
    cpSync(GLINT, join(app, 'public/model.gguf'));
    await build({ root: app, logLevel: 'error' });
  }, 300_000);
  afterAll(() => rmSync(app, { recursive: true }));

  /** What the page shows once the model has answered. */
  async function shown(headers: Readonly<Record<string, string>> | undefined) {
    const port = 20_000 + (process.pid % 20_000) + (headers === undefined ? 0 : 1);
    const server = await preview({
      root: app,
      logLevel: 'error',
      preview: { port, host: '127.0.0.1', ...(headers && { headers }) },
    });
    const page = await browser!.newPage({ viewport: { width: 700, height: 400 } });
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    try {
      await page.goto(`http://127.0.0.1:${(server.httpServer.address() as AddressInfo).port}/`);
      const text = page.locator('pre[data-ids]');
      await text.waitFor();
      if (process.env.SCREENSHOTS)
        await page.screenshot({ path: join(process.env.SCREENSHOTS, `example-${port}.png`) });
      return {
        said: await page.locator('p').textContent(),
        ids: await text.getAttribute('data-ids'),
        text: await text.textContent(),
        errors,
      };
    } finally {
      await page.close();
      await server.close();
    }
  }

  it.each([
    ['with threads, by its own headers', undefined, /^glint, \d+ threads, \d+ tokens\/s in this tab$/],
    [
      'without, where the page is not isolated',
      { 'Cross-Origin-Opener-Policy': 'unsafe-none' },
      /^glint, one thread, \d+ tokens\/s in this tab$/,
    ],
  ])('gives the ids that Node.js gives: %s', async (_, headers, says) => {
    const { said, ids, text, errors } = await shown(headers);
    expect(errors).toEqual([]);
    expect(said).toMatch(says);
    const prompt = 'export function add(';
    const engine = await load();
    const end = await endOf(engine.generate(prompt, { maxTokens: 40 }));
    await engine.close();
    expect(ids).toBe(end.ids.join());
    expect(text).toBe(prompt + end.text);
  });
});
