/** The baseline in a browser, bundled, statements and names kept: on WebAssembly, and on WebGPU where the browser has an adapter. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { openBaseline } from '#src/baseline/engine.js';
import { bytesSource } from '#src/formats/source.js';
import { launchBrowser } from '../helpers/browser.js';
import { tinyModel } from '../helpers/tiny-model.js';

// A software adapter will do.
const browser = await launchBrowser(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);

const entry = 'baseline-entry';
const source = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../dist/src/${path}`, import.meta.url)));
const program = `
import { openBaseline } from ${source('baseline/engine.js')};
import { bytesSource } from ${source('formats/source.js')};
globalThis.run = async (text, backend, prompt) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const baseline = await openBaseline(bytesSource(bytes), { context: 40, ...(backend && { backend }) });
  const { ids } = await baseline.generate(prompt, { maxTokens: 12, ignoreEos: true });
  const { description } = baseline;
  await baseline.close();
  return { ids, description };
};`;

/** The program as one script. gpu.js reads kernels as text, so it must not be rewritten. */
async function bundle(): Promise<string> {
  const result = (await build({
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? program : null),
      },
    ],
    build: {
      write: false,
      target: 'es2023',
      rollupOptions: { input: entry, output: { minify: { compress: false, mangle: false } } },
    },
  })) as Rolldown.RolldownOutput;
  return result.output[0].code;
}

const server = createServer((request, response) => {
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-embedder-policy', 'require-corp');
  const isScript = request.url === '/run.js';
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
  if (!isScript) response.end('<!doctype html><script type="module" src="/run.js"></script>');
  else
    bundle().then(
      (code) => response.end(code),
      (error: unknown) => response.end(`throw ${JSON.stringify(String(error))}`),
    );
});

afterAll(async () => {
  await browser?.close();
  server.closeAllConnections();
  server.close();
});

interface Answer {
  readonly ids: readonly number[];
  readonly description: string;
}

describe.skipIf(browser === null)('in Chromium', () => {
  const prompt = [1, 270, 300, 5];
  const bytes = tinyModel();

  it('generates what it generates in Node', async () => {
    const baseline = await openBaseline(bytesSource(bytes), { backend: 'webasm', context: 40 });
    const { ids: expected } = await baseline.generate(prompt, { maxTokens: 12, ignoreEos: true });
    await baseline.close();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const page = await browser!.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => 'run' in globalThis);
    const run = (backend: string | null): Promise<Answer> =>
      page.evaluate(
        ([text, name, ids]) =>
          (globalThis as unknown as { run(...args: unknown[]): Promise<Answer> }).run(text, name, ids),
        [Buffer.from(bytes).toString('base64'), backend, prompt] as const,
      );
    expect((await run('webasm')).ids).toEqual(expected);
    const best = await run(null);
    process.stderr.write(`in the browser: ${best.description}\n`);
    expect(best.ids).toEqual(expected);
  });
});
