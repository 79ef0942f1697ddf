import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { HubError, parseHubFile } from '#src/platform/hub.js';
import { pullModel } from '#src/platform/node/pull.js';
import { waferflow } from './cli.js';
import { type HubServer, type HubServerOptions, startHub } from './hub-server.js';

const rng = new Rng(1);
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, () => rng.below(256)));
const reference = 'hf:owner/some-repo/model-Q8_0.gguf';

let directory: string;
let hub: HubServer | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waferflow-models-'));
});

afterEach(async () => {
  await hub?.close();
  hub = undefined;
  await rm(directory, { recursive: true });
});

async function start(options: Partial<HubServerOptions> = {}): Promise<HubServer> {
  hub = await startHub({ content, ...options });
  return hub;
}

function pull(server: HubServer, token?: string): Promise<string> {
  return pullModel(parseHubFile(reference), { directory, endpoint: server.endpoint, token });
}

const files = (): Promise<string[]> => readdir(join(directory, 'owner', 'some-repo'));

describe('pullModel', () => {
  it('fetches through the redirect, keeps the token from the storage, leaves the file alone', async () => {
    const server = await start();
    const path = await pull(server, 'secret');
    expect(path).toBe(join(directory, 'owner', 'some-repo', 'model-Q8_0.gguf'));
    expect(content.equals(await readFile(path))).toBe(true);
    expect(await files()).toEqual(['model-Q8_0.gguf']);
    expect(server.requests[0]).toBe('HEAD hub /owner/some-repo/resolve/main/model-Q8_0.gguf');
    expect(server.storageTokens.every((token) => token === '')).toBe(true);
  });

  it('goes on where a dropped connection stopped, by Range', async () => {
    const server = await start();
    server.cuts.push(100_000, 50_000);
    expect(content.equals(await readFile(await pull(server)))).toBe(true);
    const ranges = server.requests
      .filter((line) => line.startsWith('GET storage'))
      .map((line) => line.split(' ')[3]);
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
  });

  it('starts over where the server ignores the Range', async () => {
    const server = await start({ ignoresRange: true });
    server.cuts.push(100_000);
    expect(content.equals(await readFile(await pull(server)))).toBe(true);
  });

  it('keeps what came when it gives up, and a later call goes on from there', async () => {
    const server = await start();
    server.cuts.push(100_000, 0, 0, 0);
    await expect(pull(server)).rejects.toThrow(HubError);
    expect((await files()).map((name) => name.replace(/\.[0-9a-f]{16}\./, '.*.'))).toEqual([
      'model-Q8_0.gguf.*.part',
    ]);
    expect(content.equals(await readFile(await pull(server)))).toBe(true);
    expect(server.requests.at(-1)).toContain('bytes=100000-');
    expect(await files()).toEqual(['model-Q8_0.gguf']);
  });

  it('refuses content with another SHA-256 and keeps nothing of it', async () => {
    const server = await start({ sha256: '0'.repeat(64) });
    await expect(pull(server)).rejects.toThrow(/SHA-256/);
    expect(await files()).toEqual([]);
  });

  it('refuses more bytes than announced', async () => {
    const server = await start({ sizeBytes: 1000 });
    await expect(pull(server)).rejects.toThrow(/more than 1000 bytes/);
    expect(await files()).not.toContain('model-Q8_0.gguf');
  });

  it('refuses before fetching when the disk has no room', async () => {
    const server = await start({ sizeBytes: 2 ** 52 });
    await expect(pull(server)).rejects.toThrow(/free disk/);
    expect(server.requests.some((line) => line.startsWith('GET'))).toBe(false);
  });

  it('stops at once when it is cancelled, and keeps the part', async () => {
    const server = await start();
    server.cuts.push(100_000);
    const controller = new AbortController();
    const cancelled = pullModel(parseHubFile(reference), {
      directory,
      endpoint: server.endpoint,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(cancelled).rejects.toThrow('enough');
    expect((await files())[0]).toMatch(/\.part$/);
  });
});

describe('waferflow models', () => {
  const env = (endpoint = 'http://127.0.0.1:9'): Record<string, string> => ({
    WAFERFLOW_MODELS: directory,
    HF_ENDPOINT: endpoint,
    HF_TOKEN: '',
  });

  it.each([
    [401, {}, 'HF_TOKEN'],
    [403, { 'x-error-code': 'GatedRepo' }, 'licence'],
    [404, { 'x-error-code': 'EntryNotFound' }, 'an existing file'],
    [404, { 'x-error-code': 'RepoNotFound' }, 'repository'],
    [429, { 'retry-after': '17' }, 'Wait 17 s'],
  ])(
    'pull: HTTP %d is one line on stderr that says what to do, exit code 1',
    async (status, headers, advice) => {
      const server = await start({ refusal: { status, headers } });
      const { code, stdout, stderr } = await waferflow(['models', 'pull', reference], {
        env: env(server.endpoint),
      });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`HTTP ${status}`);
      expect(stderr).toContain(advice);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    },
  );

  it('pull: no connection is an error with advice, exit code 1', async () => {
    const { code, stderr } = await waferflow(['models', 'pull', reference], { env: env() });
    expect(code).toBe(1);
    expect(stderr).toContain('Check the network');
  });

  it.each([
    'owner/repo/file.gguf',
    'hf:repo/file.gguf',
    'hf:owner/repo/../../x.gguf',
    'hf:owner/repo/file.bin',
    '',
  ])('pull: %j is bad usage', async (bad) => {
    const { code, stderr } = await waferflow(['models', 'pull', bad], { env: env() });
    expect(code).toBe(2);
    expect(stderr).toContain('hf:OWNER/REPO/FILE.gguf');
  });

  it('pull, list and rm: prints the path, lists the file and its problem, removes it', async () => {
    const server = await start();
    const pulled = await waferflow(['models', 'pull', reference], { env: env(server.endpoint) });
    expect(pulled).toEqual({
      code: 0,
      stdout: `${join(directory, 'owner', 'some-repo', 'model-Q8_0.gguf')}\n`,
      stderr: '',
    });
    const listed = await waferflow(['models', '--json'], { env: env() });
    const { models } = JSON.parse(listed.stdout) as {
      models: { name: string; sizeBytes: number; problem: string }[];
    };
    const row = models.find(({ name }) => name === reference)!;
    expect(row.sizeBytes).toBe(content.length);
    expect(row.problem).toContain('GGUF');
    const removed = await waferflow(['models', 'rm', 'model-Q8_0'], { env: env() });
    expect(removed.code).toBe(0);
    expect(await files()).toEqual([]);
  });

  it('rm: only a pulled model', async () => {
    await writeFile(join(directory, 'other.gguf'), 'x');
    const { code, stderr } = await waferflow(['models', 'rm', 'nothing-of-that-name'], { env: env() });
    expect(code).toBe(2);
    expect(stderr).toContain('hf:other.gguf');
  });
});
