import { expect, it } from 'vitest';
import { hashKey } from '#src/server/gate/keys.js';
import { testServer } from '../server/server.js';

it('the server shows the page at its root, to anyone, isolated, and says that it serves tokens', async () => {
  const { url } = await testServer({
    keys: [{ name: 'me', sha256: hashKey('key'), requestsPerMinute: null, tokensPerMinute: null }],
  });
  const page = await fetch(`${url}/`);
  expect(page.status).toBe(200);
  expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(await page.text()).toContain('<title>waferflow</title>');
  expect(await (await fetch(`${url}/waferflow.json`)).json()).toEqual({ serves: true });
  // Only the page is open.
  expect((await fetch(`${url}/v1/models`)).status).toBe(401);
});

it('the server has the page of a package take its kernels and model from beside the program', async () => {
  const { url } = await testServer();
  // Names under assets/ that are not in the folder of the page, as in a package.
  for (const [name, type] of [
    ['kernels-simd-AAAAAAAA.wasm', 'application/wasm'],
    ['glint-q8_0-AAAAAAAA.gguf', 'application/octet-stream'],
  ] as const) {
    const answer = await fetch(`${url}/assets/${name}`, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-type')], name).toEqual([200, type]);
    expect(answer.headers.get('cross-origin-resource-policy'), name).toBe('same-origin');
  }
  for (const name of ['nothing-AAAAAAAA.wasm', '..%2F..%2Fpackage-AAAAAAAA.gguf'])
    expect((await fetch(`${url}/assets/${name}`)).status, name).toBe(404);
});
