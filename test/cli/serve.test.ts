/** `waferflow serve` and `waferflow keys` as processes: what they print, and how they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { BINARY, waferflow } from './cli.js';

interface Serving {
  readonly child: ChildProcess;
  readonly greeting: string;
  readonly url: string;
  stderr(): string;
  /** Waits for the end; the exit code, or the signal that ended it. */
  ended(): Promise<number | string | null>;
}

async function serve(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Serving> {
  const child = spawn(process.execPath, [BINARY, 'serve', '--port', '0', '--workers', '1', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exit = once(child, 'exit');
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('\n')) resolve();
    });
    child.once('exit', () => resolve());
  });
  return {
    child,
    greeting: stdout,
    url: /https?:\/\/[\w.:[\]]+/.exec(stdout)?.[0] ?? '',
    stderr: () => stderr,
    ended: async () => {
      const [code, signal] = (await exit) as [number | null, string | null];
      return code ?? signal;
    },
  };
}

async function ready(url: string, headers: Record<string, string> = {}): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/ready`, { headers });
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const endless = {
  model: 'glint',
  prompt: 'const a = ',
  max_tokens: 450,
  temperature: 1,
  stream: true,
  ignore_eos: true,
} as const;

describe('serve', () => {
  it('prints one line with the address and an example that works', async () => {
    const { greeting, url, child, ended } = await serve();
    expect(greeting.split('\n').length).toBe(2);
    await ready(url);
    const body = /-d '(.*)'/.exec(greeting)?.[1] ?? '';
    expect(greeting).toContain(`curl ${url}/v1/completions `);
    const answer = await fetch(`${url}/v1/completions`, { method: 'POST', body });
    // Sampled at OpenAI's default temperature: it may end by itself.
    const finish_reason = expect.stringMatching(/^(length|stop)$/);
    expect(await answer.json()).toMatchObject({ model: 'glint', choices: [{ finish_reason }] });
    child.kill('SIGTERM');
    expect(await ended()).toBe(0);
  });

  it('on SIGTERM under load ends what runs, and then itself with 0', async () => {
    const { url, child, ended, stderr } = await serve(['--max-running', '2']);
    await ready(url);
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    const streams = await Promise.all([1, 2, 3, 4].map(() => client.completions.create(endless)));
    const finish = streams.map(async (stream) => {
      let reason: string | null = null;
      for await (const chunk of stream) reason = chunk.choices[0]?.finish_reason ?? reason;
      return reason;
    });
    child.kill('SIGTERM');
    expect(await Promise.all(finish)).toEqual(['length', 'length', 'length', 'length']);
    expect(await ended()).toBe(0);
    expect(stderr()).toContain('SIGTERM');
  });

  it('cuts what runs past the drain, with an error as the last event, and still ends with 0', async () => {
    const { url, child, ended } = await serve(['--drain-seconds', '0']);
    await ready(url);
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    const stream = await client.completions.create(endless);
    let chunks = 0;
    const read = (async () => {
      for await (const _ of stream) if (chunks++ === 0) child.kill('SIGTERM');
    })();
    await expect(read).rejects.toMatchObject({ code: 'server_shutting_down' });
    expect(await ended()).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    const { url, child, ended } = await serve(['--drain-seconds', '600', '--max-running', '1']);
    await ready(url);
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    const streams = await Promise.all([1, 2, 3, 4, 5, 6].map(() => client.completions.create(endless)));
    child.kill('SIGINT');
    while ((await fetch(`${url}/ready`)).ok) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGINT');
    expect(await ended()).toBe(130);
    for (const stream of streams) stream.controller.abort();
  });

  it('serves several models by their names, and `ps` and `stop` tell and take what is loaded', async () => {
    const path = temporaryFile(tinyModel(), 'tiny.gguf');
    const names = ['--alias', 'gpt-4o=tiny', '--pair', 'both=glint,tiny'];
    const { url, greeting } = await serve(['--model', 'glint', '--model', path, ...names]);
    expect(greeting).toContain('serves glint, tiny at');
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(['glint', 'tiny', 'both', 'gpt-4o']);
    const asked = { model: 'gpt-4o', prompt: 'a', max_tokens: 1 };
    expect(await client.completions.create(asked)).toMatchObject({ model: 'gpt-4o' });
    const loaded = async (): Promise<string[]> => {
      const { stdout } = await waferflow(['ps', '--url', url, '--json']);
      return (JSON.parse(stdout) as { models: { name: string }[] }).models.map(({ name }) => name);
    };
    expect(await loaded()).toEqual(['glint', 'tiny']);
    expect((await waferflow(['ps', '--url', url])).stdout).toMatch(/tiny .* 5 min/);
    expect((await waferflow(['stop', 'gpt-4o', '--url', url])).code).toBe(0);
    expect(await loaded()).toEqual(['glint']);
    const unknown = await waferflow(['stop', 'other', '--url', url]);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("model 'other' not found") });
    for (const wrong of [
      ['--alias', 'x=other'],
      ['--pair', 'x=glint'],
      ['--redis', 'http://localhost'],
    ])
      expect((await waferflow(['serve', '--port', '0', ...wrong])).code).toBe(2);
  }, 120_000);

  it('takes keys from the environment, and refuses what makes no sense', async () => {
    const { url, greeting } = await serve([], { WAFERFLOW_API_KEYS: 'me=a-long-secret' });
    expect(greeting).toContain('authorization: Bearer KEY');
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    await ready(url, { authorization: 'Bearer a-long-secret' });
    const open = await waferflow(['serve', '--host', '0.0.0.0', '--port', '0']);
    expect(open.code).toBe(2);
    expect(open.stderr).toContain('waferflow keys me >> keys.txt');
    const model = await waferflow(['serve', '--port', '0', '--model', 'no-such-model']);
    expect(model.code).toBe(2);
    const tls = await waferflow(['serve', '--port', '0', '--tls-cert', BINARY]);
    expect(tls.code).toBe(2);
    const keyFile = await waferflow(['serve', '--port', '0', '--api-keys', 'no-such-file']);
    expect(keyFile).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('no such file') });
  });
});

describe('what serve cannot listen at or open is said before any address', () => {
  const key = { WAFERFLOW_API_KEYS: 'me=a-long-secret' };
  const cases: readonly (readonly [
    args: string[],
    env: Record<string, string>,
    code: number,
    stderr: RegExp,
  ])[] = [
    [['--port', '99999'], {}, 2, /0 to 65535/],
    [['--port', '1.5'], {}, 2, /0 to 65535/],
    [
      ['--host', '192.0.2.1', '--port', '0'],
      key,
      2,
      /host 192\.0\.2\.1: got an address that this machine does not/,
    ],
    [['--host', 'nowhere.invalid', '--port', '0'], key, 2, /host nowhere\.invalid: got a name/],
    [['--tls-cert', BINARY, '--tls-key', BINARY, '--port', '0'], {}, 1, /PEM/],
    [['--model', 'nope.gguf', '--port', '0'], {}, 1, /nope\.gguf: got no such file/],
    [['--context', '99999999', '--port', '0'], {}, 2, /--context: got 99999999/],
    [['--kv-tokens', '1', '--port', '0'], {}, 2, /--kv-tokens: got 1, expected a whole number from 32/],
    [['--origin', 'notaurl', '--port', '0'], {}, 2, /--origin: got "notaurl", expected a scheme and a host/],
  ];

  it.each(cases)('%j', async (args, env, code, stderr) => {
    const outcome = await waferflow(['serve', ...args], { env });
    expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(stderr) });
    expect(outcome.stderr).not.toContain('internal error');
    // Nothing is announced that then fails.
    expect(outcome.stderr).not.toMatch(/ serves |curl/);
  });

  it.each(['serve', 'ui'])('%s: a port in use', async (command) => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const outcome = await waferflow([command, '--port', `${port}`]);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain(`port ${port} of 127.0.0.1: got one that is in use`);
    expect(outcome.stderr).toContain('--port');
  });
});

describe('keys', () => {
  it('makes a line that serve takes, and shows the key once, on stderr', async () => {
    const made = await waferflow(['keys', 'alice', '--requests', '60']);
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^alice [0-9a-f]{64} requests=60\n$/);
    const key = /wf-[\w-]+/.exec(made.stderr)?.[0] ?? '';
    const directory = mkdtempSync(join(tmpdir(), 'waferflow-keys-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'keys.txt');
    writeFileSync(file, made.stdout);
    const { url } = await serve(['--api-keys', file]);
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    const models = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    expect(models.status).toBe(200);
  });
});
