import { expect, it } from 'vitest';
import { testServer } from '../server/server.js';

it('the server shows the page at its root, to anyone, isolated, and says that it serves tokens', async () => {
  const { url } = await testServer({ keys: [{ name: 'me', hash: '0'.repeat(64) }] });
  const page = await fetch(`${url}/`);
  expect(page.status).toBe(200);
  expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(await page.text()).toContain('<title>waferflow</title>');
  expect(await (await fetch(`${url}/waferflow.json`)).json()).toEqual({ serves: true });
  // Only the page is open.
  expect((await fetch(`${url}/v1/models`)).status).toBe(401);
});
