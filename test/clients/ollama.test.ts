/** What Ollama's clients rely on, with its own client or the bytes that they send. */
import { Ollama } from 'ollama';
import { describe, expect, it } from 'vitest';
import { testServer } from '../server/server.js';
import { post, scriptedServer } from './scripted.js';

const ask = { model: 'null', stream: false, options: { num_predict: 40 } } as const;

it('takes a result of a tool whose call the client did not send', async () => {
  const { url, seen } = await scriptedServer('20 degrees');
  // As LlamaIndex sends it.
  const messages = [
    { role: 'user', content: 'warm?' },
    { role: 'assistant', content: '' },
    { role: 'tool', content: 'twenty' },
  ];
  expect((await post(`${url}/api/chat`, { ...ask, messages })).status).toBe(200);
  expect(seen[0]!.prompt).toContain('twenty');
});

it('leaves images out with a note', async () => {
  const { url, seen } = await scriptedServer('ok');
  const client = new Ollama({ host: url });
  await client.chat({
    model: 'null',
    messages: [{ role: 'user', content: 'what is it?', images: ['iVBORw0KGgo='] }],
  });
  await client.generate({ model: 'null', prompt: 'and this?', images: ['iVBORw0KGgo='] });
  for (const { prompt } of seen) expect(prompt).toContain('(image left out: this model reads text only)');
});

describe('what clients ask first', () => {
  it('a version that they take', async () => {
    const { url } = await testServer();
    const { version } = (await (await fetch(`${url}/api/version`)).json()) as { version: string };
    const [major, minor] = version.split('.').map(Number);
    // VS Code's chat wants 0.6.4.
    expect(major! > 0 || minor! > 6).toBe(true);
  });

  it('a digest whose first digits are shown, and a name', async () => {
    const { url } = await testServer({ model: { id: 'null', aliases: ['other'] } });
    const client = new Ollama({ host: url });
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toEqual(['null', 'other']);
    for (const { digest } of [...models, ...(await client.ps()).models])
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    const shown = await client.show({ model: 'other:latest' });
    expect(shown.model_info).toMatchObject({ 'general.basename': expect.stringContaining('null') });
  });

  it('to pull the model that is there, and no other', async () => {
    const { url } = await testServer();
    const client = new Ollama({ host: url });
    expect(await client.pull({ model: 'null' })).toMatchObject({ status: 'success' });
    const steps = [];
    for await (const step of await client.pull({ model: 'null:latest', stream: true })) steps.push(step);
    expect(steps.at(-1)).toMatchObject({ status: 'success' });
    await expect(client.pull({ model: 'llama9' })).rejects.toThrow("model 'llama9' not found");
  });

  it('to load and to unload', async () => {
    const { url } = await testServer();
    expect((await post(`${url}/api/generate`, { model: 'null' })).body).toMatchObject({
      done_reason: 'load',
    });
    for (const keep_alive of [0, '0', '0s'])
      expect((await post(`${url}/api/generate`, { model: 'null', keep_alive })).body).toMatchObject({
        done_reason: 'unload',
      });
  });
});

it('a prompt that is too long is refused in its words', async () => {
  const { url } = await testServer({}, { context: 100 });
  const body = { ...ask, prompt: 'word '.repeat(200) };
  expect(await post(`${url}/api/generate`, body)).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/^prompt too long; exceeded max context length by \d+ tokens$/) },
  });
});

it('the oldest turns go where a chat has outgrown the context, unless truncate is false', async () => {
  const { url, seen } = await scriptedServer('yes', { engine: { context: 400 } });
  const messages = [
    { role: 'system', content: 'SYSTEM' },
    ...Array.from({ length: 30 }, (_, i) => [
      { role: 'user', content: `question ${i}` },
      { role: 'assistant', content: `answer ${i}` },
    ]).flat(),
    { role: 'user', content: 'LAST' },
  ];
  expect((await post(`${url}/api/chat`, { ...ask, messages })).status).toBe(200);
  const { prompt } = seen[0]!;
  expect(prompt).toMatch(/^system: SYSTEM<?\/?s?>?/);
  expect(prompt).toContain('LAST');
  expect(prompt).toContain('question 29');
  expect(prompt).not.toContain('question 3');
  expect(await post(`${url}/api/chat`, { ...ask, messages, truncate: false })).toMatchObject({ status: 400 });
});

it('goes on from the ids of the answer before', async () => {
  const { url, seen } = await scriptedServer((_prompt, turn) => `answer ${turn}`);
  const client = new Ollama({ host: url });
  const first = await client.generate({ model: 'null', prompt: 'one', raw: true });
  expect(first.context).toHaveLength('one'.length + 'answer 0'.length);
  await client.generate({ model: 'null', prompt: ' two', raw: true, context: first.context });
  expect(seen[1]!.prompt).toBe('oneanswer 0 two');
});

it('takes seeds of 64 bits and a negative top_k', async () => {
  const { url, seen } = await scriptedServer('ok');
  const options = { seed: 2 ** 62, top_k: -1 };
  expect((await post(`${url}/api/generate`, { ...ask, prompt: 'x', options })).status).toBe(200);
  expect(seen[0]!.options.topK).toBe(0);
  expect(Number.isSafeInteger(seen[0]!.options.seed)).toBe(true);
});
