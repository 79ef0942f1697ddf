/** What Ollama's own client does with models: which are loaded, for how long, and names that are made of them. */
import { Ollama } from 'ollama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { keepAliveOf } from '#src/server/models/keep-alive.js';
import { parseModelfile, writeModelfile } from '#src/server/ollama/modelfile.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { eventually } from './server.js';

let server: RunningServer;
let client: Ollama;

beforeAll(async () => {
  server = await startServer({
    load: () => load(undefined, { workers: 1 }),
    model: { id: 'glint' },
    models: [{ id: 'null', load: () => Promise.resolve(new NullEngine()) }],
    port: 0,
    logLevel: 'silent',
  });
  client = new Ollama({ host: server.url });
  await server.ready;
}, 60_000);

afterAll(() => server.close());

const loaded = async (): Promise<string[]> => (await client.ps()).models.map(({ name }) => name);
const options = { temperature: 0, num_predict: 12 };

describe('keep_alive', () => {
  it('loads, keeps for so long, and unloads', async () => {
    expect(await loaded()).toEqual(['glint']);
    await client.generate({ model: 'null', prompt: '', keep_alive: '10m' });
    const { models } = await client.ps();
    const until = new Date(models[1]!.expires_at).getTime() - Date.now();
    expect(until).toBeGreaterThan(590_000);
    expect(until).toBeLessThanOrEqual(600_000);
    expect(await client.generate({ model: 'null', prompt: '', keep_alive: 0 })).toMatchObject({
      done: true,
      done_reason: 'unload',
    });
    expect(await loaded()).toEqual(['glint']);
    await client.generate({ model: 'null', prompt: 'a', options: { num_predict: 1 }, keep_alive: 0.05 });
    await eventually(async () => expect(await loaded()).toEqual(['glint']));
  });

  it('tells how long the load took that a request waited for', async () => {
    const slow = await startServer({
      load: () => Promise.resolve(new NullEngine()),
      model: { id: 'first' },
      models: [
        { id: 'slow', load: () => new Promise((done) => setTimeout(() => done(new NullEngine()), 300)) },
      ],
      port: 0,
      logLevel: 'silent',
    });
    const ask = () =>
      new Ollama({ host: slow.url }).generate({ model: 'slow', prompt: 'a', options: { num_predict: 1 } });
    const [cold, warm] = [await ask(), await ask()];
    await slow.close();
    expect(cold.load_duration).toBeGreaterThan(290e6);
    expect(cold.total_duration).toBeGreaterThanOrEqual(cold.load_duration);
    expect(warm.load_duration).toBeLessThan(cold.load_duration);
  });

  it('gives the same text after the model was away', async () => {
    const ask = async () =>
      (await client.generate({ model: 'glint', prompt: 'function add(', options })).response;
    const before = await ask();
    await client.generate({ model: 'glint', prompt: '', keep_alive: 0 });
    expect(await loaded()).toEqual([]);
    expect((await client.list()).models.map(({ name }) => name)).toEqual(['glint', 'null']);
    expect(await ask()).toBe(before);
  });

  it.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    [10, 10_000],
    ['0', 0],
    [0, 0],
    [-1, Number.POSITIVE_INFINITY],
    ['-1m', Number.POSITIVE_INFINITY],
    ['1.5s', 1500],
    ['soon', null],
    ['5 m', null],
    ['', null],
  ])('reads %j', (text, ms) => {
    expect(keepAliveOf(text)).toBe(ms);
  });
});

describe('a Modelfile', () => {
  it('gives a model a system message, parameters and a name', async () => {
    await client.create({
      model: 'terse',
      from: 'glint',
      system: 'Answer in one word.',
      parameters: { ...options, stop: ['\n'] },
    });
    const shown = await client.show({ model: 'terse' });
    expect(shown.parameters).toBe('temperature 0\nnum_predict 12\nstop "\\n"');
    expect(shown.modelfile).toContain('SYSTEM """Answer in one word."""');
    const messages = [{ role: 'user', content: 'const a = ' }];
    const whole = await client.chat({
      model: 'glint',
      messages: [{ role: 'system', content: 'Answer in one word.' }, ...messages],
      options: { ...options, stop: ['\n'] },
    });
    const answer = await client.chat({ model: 'terse', messages });
    expect(answer.message.content).toBe(whole.message.content);
    expect(answer.prompt_eval_count).toBe(whole.prompt_eval_count);
    expect(answer.eval_count).toBeLessThanOrEqual(12);
    // A copy is the same under another name; what is deleted is gone.
    await client.copy({ source: 'terse', destination: 'short' });
    const copied = await client.chat({ model: 'short', messages });
    expect(copied.message.content).toBe(answer.message.content);
    expect((await client.list()).models.map(({ name }) => name)).toEqual(['glint', 'null', 'terse', 'short']);
    await client.delete({ model: 'terse' });
    await expect(client.chat({ model: 'terse', messages })).rejects.toThrow("model 'terse' not found");
    await client.delete({ model: 'short' });
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['an unknown model', () => client.create({ model: 'x', from: 'y' }), /model 'y' not found/],
    [
      'a wrong parameter',
      () => client.create({ model: 'x', from: 'glint', parameters: { temperature: 'hot' } }),
      /temperature/,
    ],
    [
      'another template',
      () => client.create({ model: 'x', from: 'glint', template: '{{ .Prompt }}' }),
      /template/,
    ],
    ['adapters', () => client.create({ model: 'x', from: 'glint', adapters: { a: 'b' } }), /adapters/],
    ['a name that is taken', () => client.copy({ source: 'null', destination: 'glint' }), /started with/],
    ['the end of a model of the server', () => client.delete({ model: 'glint' }), /started with/],
    [
      'a strange time',
      () => client.generate({ model: 'glint', prompt: '', keep_alive: 'soon' }),
      /keep_alive/,
    ],
  ])('refuses %s in words', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });

  it('is read as text, as older clients send it', () => {
    const text = [
      '# a comment',
      'FROM glint',
      'PARAMETER temperature 0.5',
      'PARAMETER stop "a b"',
      'parameter stop </s>',
      'SYSTEM """Two',
      'lines."""',
      'LICENSE MIT',
    ].join('\n');
    const file = parseModelfile(text);
    expect(file).toEqual({
      from: 'glint',
      system: 'Two\nlines.',
      template: null,
      licence: 'MIT',
      parameters: { temperature: 0.5, stop: ['a b', '</s>'] },
    });
    const { licence: _, ...rest } = parseModelfile(writeModelfile(file));
    expect(rest).toEqual({
      from: 'glint',
      system: 'Two\nlines.',
      template: null,
      parameters: file.parameters,
    });
    expect(() => parseModelfile('FROM x\nADAPTER y')).toThrow(/ADAPTER/);
  });
});
