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
