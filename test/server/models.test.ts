/** Several models behind one address: brought in when they are asked for, in turns where there is room for fewer. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EngineError, FormatError } from '#src/core/errors.js';
import { randomModelBytes } from '#src/formats/random-model.js';
import { load } from '#src/index.js';
import type { ModelOptions } from '#src/server/models/served.js';
import { type RunningServer, type ServerOptions, startServer } from '#src/server/serve.js';
import { NullEngine, type NullEngineOptions } from '#src/testing/null-engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { eventually } from './server.js';

/** What was loaded and unloaded, in order, and how many were in memory at most. */
class Record {
  readonly events: string[] = [];
  most = 0;
  private readonly loaded = new Set<string>();

  model(id: string, engine: NullEngineOptions = {}, options: Partial<ModelOptions> = {}): ModelOptions {
    return {
      id,
      memory: () => Promise.resolve(100),
      load: async () => {
        this.events.push(`load ${id}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        this.loaded.add(id);
        this.most = Math.max(this.most, this.loaded.size);
        const made = new NullEngine(engine);
        void made.ended.then(() => {
          this.events.push(`unload ${id}`);
          this.loaded.delete(id);
        });
        return made;
      },
      ...options,
    };
  }
}

async function serve(models: readonly ModelOptions[], options: Partial<ServerOptions> = {}) {
  const [{ load, ...model }, ...others] = models as [ModelOptions, ...ModelOptions[]];
  const server = await startServer({ load, model, models: others, port: 0, logLevel: 'silent', ...options });
  onTestFinished(() => server.close());
  await server.ready;
  return { server, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 }) };
}

const ask = (client: OpenAI, model: string, max_tokens = 2) =>
  client.completions.create({ model, prompt: 'a', max_tokens });

const users = (server: RunningServer): number =>
  server.context.models.served.reduce((sum, one) => sum + one.users, 0);

describe('three models with room for two', () => {
  it('are answered in any order, and no model goes while it is used', async () => {
    const record = new Record();
    const slow = { tokensPerSecond: 100 };
    const { server, client } = await serve(
      ['a', 'b', 'c'].map((id) => record.model(id, slow)),
      { pool: { memoryBytes: 250 } },
    );
    const order = [...'abcabccbaacbbacabc'];
    const answers = await Promise.all(order.map((id, i) => ask(client, id, 1 + (i % 7))));
    expect(answers.map(({ model }) => model)).toEqual(order);
    for (const [i, { choices }] of answers.entries())
      expect(choices[0]?.text.trim().split(' ')).toHaveLength(1 + (i % 7));
    expect(record.most).toBe(2);
    await eventually(() => expect(users(server)).toBe(0));
  });

  it('by number as well, and the one that was used longest ago goes', async () => {
    const record = new Record();
    const { client } = await serve(
      ['a', 'b', 'c'].map((id) => record.model(id)),
      { pool: { maxLoaded: 2 } },
    );
    for (const id of 'abac') await ask(client, id);
    expect(record.events).toEqual(['load a', 'load b', 'unload b', 'load c']);
  });

  it('a busy model gives way to one that waits, after its requests', async () => {
    const record = new Record();
    const { server, client } = await serve([record.model('a', { tokensPerSecond: 50 }), record.model('b')], {
      pool: { maxLoaded: 1 },
    });
    const long = ask(client, 'a', 120);
    await eventually(() => expect(users(server)).toBe(1));
    const ended: string[] = [];
    const other = ask(client, 'b').then(() => ended.push('b'));
    await eventually(() => expect(server.context.models.pool.waiting()).toBe(1));
    const health = (await (await fetch(`${server.url}/health`)).json()) as { models: object[] };
    expect(health.models).toMatchObject([
      { id: 'a', status: 'ready', requests: 1, waiting: 0 },
      { id: 'b', status: 'unloaded', requests: 0, waiting: 1 },
    ]);
    // It came later than the one that waits for this model's room.
    const later = ask(client, 'a').then(() => ended.push('a'));
    expect((await long).choices[0]?.text.trim().split(' ')).toHaveLength(120);
    await Promise.all([other, later]);
    expect(ended).toEqual(['b', 'a']);
    expect(record.events).toEqual(['load a', 'unload a', 'load b', 'unload b', 'load a']);
  });

  it('a stream says what it waits for, and an error of the load is its last event', async () => {
    const slow = () => new Promise<NullEngine>((resolve) => setTimeout(() => resolve(new NullEngine()), 700));
    const broken = () => slow().then(() => Promise.reject(new Error('broken')));
    const { server } = await serve([
      new Record().model('a'),
      { id: 'b', load: slow },
      { id: 'c', load: broken },
    ]);
    const read = async (path: string, model: string): Promise<string> => {
      const asked = { prompt: 'a', input: 'a', messages: [{ role: 'user', content: 'a' }], max_tokens: 2 };
      const body = JSON.stringify({ ...asked, model, stream: true });
      const response = await fetch(`${server.url}${path}`, { method: 'POST', body });
      expect(response.status).toBe(200);
      return response.text();
    };
    expect(await read('/v1/completions', 'b')).toMatch(/^: loading b, 0 %\n\n(: .*\n\n)*data: .* w000/);
    for (const path of ['/v1/completions', '/v1/chat/completions', '/v1/responses', '/v1/messages'])
      expect(await read(path, 'c')).toMatch(/^: loading c, 0 %\n\n.*could not be loaded: broken/s);
  });

  it('what waits no more is not loaded', async () => {
    const record = new Record();
    const { server, client } = await serve([record.model('a', { tokensPerSecond: 50 }), record.model('b')], {
      pool: { maxLoaded: 1 },
    });
    const long = ask(client, 'a', 150);
    await eventually(() => expect(users(server)).toBe(1));
    const gone = new AbortController();
    const waits = client.completions.create({ model: 'b', prompt: 'a' }, { signal: gone.signal });
    await eventually(() => expect(server.context.models.pool.waiting()).toBe(1));
    gone.abort();
    await expect(waits).rejects.toThrow();
    await eventually(() => expect(server.context.models.pool.waiting()).toBe(0));
    await long;
    await ask(client, 'a');
    expect(record.events).toEqual(['load a']);
  });

  it('more than may wait are told when to come back', async () => {
    const record = new Record();
    const { server, client } = await serve([record.model('a', { tokensPerSecond: 50 }), record.model('b')], {
      pool: { maxLoaded: 1, maxWaiting: 1 },
    });
    const long = ask(client, 'a', 100);
    await eventually(() => expect(users(server)).toBe(1));
    const waits = ask(client, 'b');
    await eventually(() => expect(server.context.models.pool.waiting()).toBe(1));
    await expect(ask(client, 'b')).rejects.toMatchObject({ status: 503, code: 'server_is_overloaded' });
    await Promise.all([long, waits]);
  });
});

describe('a model', () => {
  it('goes when its time without requests is over', async () => {
    const record = new Record();
    const { server, client } = await serve([record.model('a'), record.model('b')], {
      pool: { keepAliveMs: 500 },
    });
    await ask(client, 'b');
    const gone = () => record.events.filter((event) => event.startsWith('unload'));
    await eventually(() => expect(gone()).toHaveLength(2));
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    await ask(client, 'a');
    expect(record.events.at(-1)).toBe('load a');
  });

  it('that is loaded for a request answers within its load time and a tenth', async () => {
    const loadMs = 2000;
    const load = () =>
      new Promise<NullEngine>((resolve) => setTimeout(() => resolve(new NullEngine()), loadMs));
    const { client } = await serve([new Record().model('a'), { id: 'b', load }]);
    await ask(client, 'a');
    const startMs = performance.now();
    await ask(client, 'b');
    expect(performance.now() - startMs).toBeLessThan(1.1 * loadMs);
  });

  it('that does not fit is refused in words, and nothing else goes for it', async () => {
    const record = new Record();
    const { client } = await serve(
      [record.model('a'), record.model('big', {}, { memory: () => Promise.resolve(1000) })],
      { pool: { memoryBytes: 250 } },
    );
    await expect(ask(client, 'big')).rejects.toMatchObject({
      status: 500,
      code: 'model_does_not_fit',
      message: expect.stringContaining('1000 B'),
    });
    await ask(client, 'a');
    expect(record.events).toEqual(['load a']);
  });

  it('whose file is gone or broken is an error of its own, and works when the file is back', async () => {
    const record = new Record();
    let fault: Error | null = new FormatError({
      what: '/models/b.gguf',
      given: 'no such file',
      expected: 'a readable file',
      todo: 'Check the path.',
    });
    const good = record.model('b');
    const load: ModelOptions['load'] = (...args) => (fault ? Promise.reject(fault) : good.load(...args));
    const { client } = await serve([record.model('a'), { ...good, load }]);
    const error = await ask(client, 'b').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(String(error)).not.toContain('/models/');
    fault = new FormatError({
      what: '/models/b.gguf',
      given: 'text',
      expected: 'a GGUF file',
      todo: 'Look.',
    });
    await expect(ask(client, 'b')).rejects.toMatchObject({
      status: 500,
      code: 'model_load_failed',
      message: expect.stringContaining('text, not a GGUF file'),
    });
    fault = null;
    await ask(client, 'b');
    await ask(client, 'a');
  });

  it('is loaded again when its file has changed, and serves on when it is gone', async () => {
    const record = new Record();
    let version: string | null = '1';
    const { client } = await serve([record.model('a', {}, { version: () => Promise.resolve(version) })]);
    const now = vi.spyOn(performance, 'now');
    let later = 0;
    const real = now.getMockImplementation() ?? performance.now.bind(performance);
    now.mockRestore();
    vi.spyOn(performance, 'now').mockImplementation(() => real() + later);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    await ask(client, 'a');
    version = null;
    later += 5000;
    await ask(client, 'a');
    expect(record.events).toEqual(['load a']);
    version = '2';
    later += 5000;
    await ask(client, 'a');
    expect(record.events).toEqual(['load a', 'unload a', 'load a']);
  });

  it('that breaks is loaded again by itself', async () => {
    const record = new Record();
    const engines: NullEngine[] = [];
    const load = (): Promise<NullEngine> => {
      engines.push(new NullEngine());
      return Promise.resolve(engines.at(-1)!);
    };
    const { client } = await serve([record.model('a'), { id: 'b', load }]);
    await ask(client, 'b');
    engines[0]!.break(new EngineError({ what: 'x', given: 'y', expected: 'z', todo: 'w' }));
    await eventually(() => expect(engines).toHaveLength(2));
    await eventually(() => ask(client, 'b'));
  });
});

describe('memory', () => {
  it('of a model of over 100 MB is given back when it goes, to within 50 MB of before it came', async () => {
    const bytes = randomModelBytes({
      hiddenSize: 512,
      numHiddenLayers: 1,
      numAttentionHeads: 4,
      numKeyValueHeads: 4,
      intermediateSize: 512,
      vocabSize: 65_536,
    });
    const { server, client } = await serve([
      { id: 'null', load: () => Promise.resolve(new NullEngine()) },
      { id: 'large', load: () => load(bytes, { workers: 1 }) },
    ]);
    const rss = () => process.memoryUsage.rss() / 1e6;
    const { pool, served } = server.context.models;
    // Once before, so that code and heap are there.
    await ask(client, 'large');
    await pool.unload(served[1]!);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const before = rss();
    await ask(client, 'large');
    const during = rss();
    await pool.unload(served[1]!);
    await eventually(() => expect(rss() - before).toBeLessThan(50));
    expect(during - before).toBeGreaterThan(100);
  }, 60_000);
});

it('gives a model of more than 100 MB back to the system, in a process that rests', async () => {
  const path = temporaryFile(
    tinyModel({
      hiddenSize: 1024,
      numHiddenLayers: 4,
      numAttentionHeads: 8,
      numKeyValueHeads: 8,
      intermediateSize: 2816,
      vocabSize: 2048,
      weightType: 'F16',
    }),
  );
  const script = fileURLToPath(new URL('unload.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, path]);
  const { before, during, after } = JSON.parse(stdout) as { before: number; during: number; after: number };
  expect(during - before).toBeGreaterThan(100);
  expect(after - before).toBeLessThan(50);
}, 120_000);

describe('names', () => {
  it('choose the model: its own, further ones, and the one for all others', async () => {
    const record = new Record();
    const { client } = await serve([record.model('a'), record.model('b')], {
      aliases: { 'gpt-4o': 'b', '*': 'gpt-4o' },
    });
    expect((await ask(client, 'claude')).model).toBe('claude');
    expect(record.events).toEqual(['load a', 'load b']);
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toEqual(['a', 'b', 'gpt-4o']);
    expect(data[1]).toMatchObject({ status: { value: 'loaded' } });
  });

  it('that no model has are a 404 that lists those that there are', async () => {
    const record = new Record();
    const { client } = await serve([record.model('a'), record.model('b')]);
    await expect(ask(client, 'c')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      message: expect.stringContaining('"a" and "b" are'),
    });
  });

  it.each([
    [
      'two models of one name',
      { models: [{ id: 'a', load: () => Promise.resolve(new NullEngine()) }] },
      /two that/,
    ],
    ['an alias for nothing', { aliases: { x: 'y' } }, /"y", which is not served/],
  ])('refuse %s', async (_, options, message) => {
    const record = new Record();
    const { load, ...model } = record.model('a');
    await expect(startServer({ load, model, port: 0, logLevel: 'silent', ...options })).rejects.toThrow(
      message,
    );
  });
});
