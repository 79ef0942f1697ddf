/** The three places where the extension's model may run, each for real: this process, our server, and other servers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { load } from '#src/index.js';
import { NullEngine, nullWord } from '#src/testing/null-engine.js';
import { Keeper } from '../../editors/vscode/src/keeper.js';
import { embeddedSource } from '../../editors/vscode/src/sources/embedded.js';
import { httpSource } from '../../editors/vscode/src/sources/http.js';
import { socketSource } from '../../editors/vscode/src/sources/socket.js';
import type { Facts, FillIn, Piece } from '../../editors/vscode/src/sources/source.js';
import { testServer, words } from '../server/server.js';

const gap: FillIn = { prefix: 'abc', suffix: 'def', maxTokens: 4, stop: ['\n'] };
const never = new AbortController().signal;

async function all(pieces: AsyncIterable<Piece>): Promise<{ text: string; facts: Facts }> {
  let text = '';
  let facts: Facts | null = null;
  for await (const piece of pieces) {
    if (piece.kind === 'text') text += piece.text;
    else facts = piece.facts;
  }
  if (facts === null) throw new Error('no facts at the end');
  return { text, facts };
}

it('fills in and chats with the embedded model, and says what it took and what a wafer would take', async () => {
  const source = embeddedSource(await load());
  onTestFinished(() => source.close());
  expect(source.isSmall).toBe(true);
  const request = { prefix: 'export function add(a: number, b', suffix: null, maxTokens: 8, stop: ['\n'] };
  const { text, facts } = await all(source.fillIn(request, never));
  expect(text).toMatch(/^: number/);
  expect(facts.tokens).toBeGreaterThan(1);
  expect(facts.tokensPerSecond).toBeGreaterThan(0);
  expect(facts.simulated?.map(({ machine }) => machine)).toContain('wse-3');
  const both = await all(source.fillIn({ ...request, suffix: ') {}\n' }, never));
  expect(both.text).not.toContain('\n');
  const aborted = await all(source.fillIn(request, AbortSignal.abort()));
  expect(aborted.text.length).toBeLessThan(text.length);
  const answer = await all(source.chat([{ role: 'user', content: 'hi' }], AbortSignal.timeout(200)));
  expect(answer.text).not.toBe('');
});

it('fills in and chats over the socket of our server, side by side, and stops at a stop string', async () => {
  const { url } = await testServer();
  const source = await socketSource({ url, apiKey: null });
  onTestFinished(() => source.close());
  const asked = [gap, gap, gap].map((request) => all(source.fillIn(request, never)));
  for (const { text, facts } of await Promise.all(asked)) {
    expect(text).toBe(words(4));
    expect(facts).toMatchObject({ tokens: 4 });
    // The null engine has nothing to be simulated.
    expect(facts.simulated).toEqual([]);
  }
  const stopped = await all(source.fillIn({ ...gap, stop: [nullWord(2)] }, never));
  expect(stopped.text).toBe(words(2));
  const chat = source.chat([{ role: 'user', content: 'hi' }], never);
  expect((await all(chat)).text.startsWith(words(4))).toBe(true);
  await expect(socketSource({ url: 'http://127.0.0.1:9', apiKey: null })).rejects.toThrow(/127\.0\.0\.1:9/);
});

it('fills in and chats by the routes of OpenAI', async () => {
  const { url } = await testServer();
  const source = httpSource({ url: `${url}/v1/`, apiKey: null, model: '' });
  expect(await all(source.fillIn(gap, never))).toMatchObject({ text: words(4), facts: { simulated: null } });
  const { text } = await all(source.chat([{ role: 'user', content: 'hi' }], never));
  expect(text.startsWith(words(4))).toBe(true);
});

/** A server that answers as it is told, and what came to it. */
async function fakeServer(answer: (path: string, response: ServerResponse) => void) {
  const paths: string[] = [];
  const keys: (string | undefined)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    request.resume();
    paths.push(request.url ?? '');
    keys.push(request.headers.authorization);
    answer(request.url ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths, keys };
}

it('fills in by /infill, else by a suffix, else goes on, and stays with what is taken', async () => {
  const begin = (response: ServerResponse): ServerResponse =>
    response.writeHead(200, { 'content-type': 'text/event-stream' });
  const llama = await fakeServer((_, response) => {
    begin(response).end('data: {"content":"fo"}\n\ndata: {"content":"o","stop":true}\n\n');
  });
  const other = await fakeServer((path, response) => {
    if (path === '/infill' || other.paths.length === 2) return void response.writeHead(400).end('no suffix');
    begin(response).end('data: {"choices":[{"text":"bar"}]}\n\ndata: [DONE]\n\n');
  });
  for (const [{ url }, text] of [
    [llama, 'foo'],
    [other, 'bar'],
  ] as const) {
    const source = httpSource({ url, apiKey: null, model: '' });
    for (let i = 0; i < 2; i++) expect((await all(source.fillIn(gap, never))).text).toBe(text);
  }
  expect(llama.paths).toEqual(['/infill', '/infill']);
  expect(other.paths).toEqual(['/infill', ...Array.from({ length: 3 }, () => '/v1/completions')]);
});

it('says which server answered what, and what to do', async () => {
  const { url, keys } = await fakeServer((_, response) => void response.writeHead(401).end('no key'));
  const source = httpSource({ url, apiKey: 'secret', model: 'm' });
  await expect(all(source.fillIn(gap, never))).rejects.toThrow(/answered 401: no key\. Run "waferflow: Set/);
  expect(keys).toEqual(['Bearer secret']);
  const nobody = httpSource({ url: 'http://127.0.0.1:9', apiKey: null, model: '' });
  await expect(all(nobody.fillIn(gap, never))).rejects.toThrow(/127\.0\.0\.1:9\/infill does not answer/);
});

it('opens a source once for all who ask, closes it with the settings, and does not try again at every key', async () => {
  const engine = new NullEngine();
  let opened = 0;
  let isBroken: boolean = false;
  const states: string[] = [];
  const keeper = new Keeper(
    () => {
      opened += 1;
      return isBroken ? Promise.reject(new Error('no model')) : Promise.resolve(embeddedSource(engine));
    },
    ({ kind }) => states.push(kind),
  );
  const [first, second] = await Promise.all([keeper.source(), keeper.source()]);
  expect(first).toBe(second);
  await keeper.close();
  expect(await engine.ended).toBeNull();
  isBroken = true;
  expect(await keeper.source()).toBeNull();
  expect(await keeper.source()).toBeNull();
  expect(keeper.state).toEqual({ kind: 'failed', message: 'no model' });
  expect(opened).toBe(2);
  expect(states).toEqual(['opening', 'open', 'closed', 'opening', 'closed', 'failed']);
});
