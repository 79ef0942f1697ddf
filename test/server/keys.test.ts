/** Who may use the server: keys, pages and names, over every route. */
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { makeKey, parseKeyFile, parseKeyList } from '#src/server/gate/key-file.js';
import { startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { testServer } from './server.js';

const made = makeKey('alice');
const keys = parseKeyFile(`# mine\n${made.line} requests=600 tokens=5000\n`, 'keys.txt');

/** The status of a request with any headers, which `fetch` would not send. */
function statusOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('a server with keys', () => {
  it('answers 401 on every route and method without one but the page’s and /health, and on paths that do not exist', async () => {
    const { url, context } = await testServer({ keys });
    const page = new URL('../../dist/web/', import.meta.url);
    // The page's own model lies under assets/ by a route of its own.
    const isPublic = (path: string): boolean =>
      ['/health', '/assets/:file'].includes(path) || existsSync(new URL(`.${path}`, page));
    const routes = context.routes.filter((route) => !isPublic(route.url));
    expect(routes.length).toBeGreaterThan(12);
    const paths = [...routes, { method: 'GET', url: '/nothing' }, { method: 'DELETE', url: '/' }];
    for (const route of paths) {
      const path = route.url.replace(/:\w+/g, 'x').replace('*', 'x');
      for (const headers of [{}, { authorization: 'Bearer wrong-key' }, { cookie: `key=${made.key}` }]) {
        const status = await statusOf(url + path, headers, route.method);
        expect(`${route.method} ${path}: ${status}`).toBe(`${route.method} ${path}: 401`);
      }
    }
    const query = await fetch(`${url}/v1/models?key=${made.key}&authorization=${made.key}`);
    expect(query.status).toBe(401);
  });

  it('looks at the key, the page and the name before it says that an address is none', async () => {
    const { url } = await testServer({ keys });
    const get = (path: string, headers: Record<string, string>) => fetch(`${url}${path}`, { headers });
    for (const path of ['/%zz', `/v1/responses/${'x'.repeat(300)}`]) {
      expect((await get(path, {})).status).toBe(401);
      const page = { origin: 'https://elsewhere.example', authorization: `Bearer ${made.key}` };
      expect((await get(path, page)).status).toBe(403);
    }
    const answer = await get('/%zz', { authorization: `Bearer ${made.key}` });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
    expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  it('refuses the upgrade of a socket without one with a plain 401', async () => {
    const { url } = await testServer({ keys });
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const headers = { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    expect(await statusOf(`${url}/v1/responses`, headers)).toBe(401);
    expect(await statusOf(`${url}/nothing`, headers)).toBe(401);
  });

  it('takes the key as a bearer or as x-api-key, and says so to a client in its own error', async () => {
    const { url } = await testServer({ keys });
    expect(await statusOf(`${url}/v1/models`, { authorization: `Bearer ${made.key}` })).toBe(200);
    expect(await statusOf(`${url}/v1/models`, { 'x-api-key': made.key })).toBe(200);
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await expect(client.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const right = new OpenAI({ baseURL: `${url}/v1`, apiKey: made.key, maxRetries: 0 });
    expect((await right.models.list()).data.length).toBe(1);
  });

  it('tells what is left of the limits, and refuses with 429 and the time to wait', async () => {
    const { url } = await testServer({ keys });
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: made.key, maxRetries: 0 });
    const ask = (length: number) =>
      client.completions
        .create({ model: 'null', prompt: 'a'.repeat(length), max_tokens: 100 })
        .withResponse();
    const { response } = await ask(1000);
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('600');
    expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('5000');
    const left = Number(response.headers.get('x-ratelimit-remaining-tokens'));
    // The prompt and the answer, and what a moment gave back.
    expect(left).toBeGreaterThanOrEqual(3900);
    expect(left).toBeLessThan(4100);
    const error: unknown = await ask(4500).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    const refused = error as InstanceType<typeof OpenAI.RateLimitError>;
    expect(refused.code).toBe('rate_limit_exceeded');
    const waitMs = Number(refused.headers.get('retry-after-ms'));
    expect(waitMs).toBeGreaterThan(1000);
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(waitMs / 1000));
  });
});

describe('a server without keys', () => {
  it('is not opened to other machines', async () => {
    const start = startServer({
      load: () => Promise.resolve(new NullEngine()),
      model: { id: 'null' },
      port: 0,
      host: '0.0.0.0',
      logLevel: 'silent',
    });
    await expect(start).rejects.toBeInstanceOf(OptionError);
    await expect(start).rejects.toThrow(/--api-keys/);
  });

  it('answers to names of this machine only, and to its own pages', async () => {
    const { url } = await testServer();
    const { host, port } = new URL(url);
    expect(await statusOf(`${url}/health`, { host: 'rebound.example' })).toBe(403);
    expect(await statusOf(`${url}/health`, { host: `localhost:${port}` })).toBe(200);
    expect(await statusOf(`${url}/health`, { origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf(`${url}/health`, { origin: 'null' })).toBe(403);
    expect(await statusOf(`${url}/health`, { origin: `http://${host}` })).toBe(200);
    expect(await statusOf(`${url}/v1/chat/completions`, { origin: 'https://evil.example' }, 'OPTIONS')).toBe(
      403,
    );
  });

  it('lets in pages that it was told of', async () => {
    const origin = 'https://page.example';
    const { url } = await testServer({ origins: [origin], keys });
    const preflight = await fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-stainless-os',
      },
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,x-stainless-os');
    const refused = await fetch(`${url}/v1/models`, { headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin);
  });

  it('lets in pages of this machine at any port, or all, where it is told so', async () => {
    const pages = ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:3000'];
    const others = ['https://page.example', 'http://localhost.evil.example', 'http://notlocalhost', 'null'];
    const own = await testServer({ origins: ['localhost'] });
    for (const origin of pages) expect(await statusOf(`${own.url}/health`, { origin })).toBe(200);
    for (const origin of others) expect(await statusOf(`${own.url}/health`, { origin })).toBe(403);
    const open = await testServer({ origins: ['*'] });
    for (const origin of [...pages, ...others])
      expect(await statusOf(`${open.url}/health`, { origin })).toBe(200);
  });
});

describe('a key file', () => {
  it('holds hashes, never keys', () => {
    expect(made.key).toMatch(/^wf-[\w-]{32}$/);
    expect(made.line).not.toContain(made.key);
    expect(keys).toMatchObject([{ name: 'alice', requestsPerMinute: 600, tokensPerMinute: 5000 }]);
  });

  it.each([
    ['', 'no key'],
    [`alice ${made.key}`, 'line 1'],
    [`${made.line} words=3`, 'words=3'],
    [`${made.line}\n${made.line}`, 'two keys named alice'],
  ])('%j is refused, without showing it', (text, words) => {
    const parse = () => parseKeyFile(text, 'keys.txt');
    expect(parse).toThrow(OptionError);
    expect(parse).toThrow(words);
    expect(parse).not.toThrow(made.key);
  });

  it('may be an environment variable with the keys themselves', () => {
    expect(parseKeyList('bob=secret-key-1, secret-key-2', 'V').map(({ name }) => name)).toEqual([
      'bob',
      'key-2',
    ]);
    expect(() => parseKeyList('short', 'V')).toThrow(OptionError);
  });
});
