import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { chooseFile } from '#src/platform/hub/choose.js';
import { HubError } from '#src/platform/hub/files.js';
import { type HubReference, parseReference } from '#src/platform/hub/reference.js';
import { type PullOptions, pullModel, remoteOf } from '#src/platform/node/pull.js';
import { smallFolder } from '../helpers/folder.js';
import { tinyModel } from '../helpers/tiny-model.js';
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

async function pull(server: HubServer, options: Partial<PullOptions> = {}): Promise<string> {
  const access = { endpoint: server.endpoint, ...options };
  return pullModel(await remoteOf(parseReference(reference), access), { directory, ...access });
}

const files = (): Promise<string[]> => readdir(join(directory, 'owner', 'some-repo'));

describe('pullModel', () => {
  it('fetches through the redirect, keeps the token from the storage, leaves the file alone', async () => {
    const server = await start();
    const path = await pull(server, { token: 'secret' });
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
    expect(await readdir(directory)).toEqual([]);
  });

  it('refuses more bytes than announced', async () => {
    const server = await start({ sizeBytes: 1000 });
    await expect(pull(server)).rejects.toThrow(/more than 1000 bytes/);
    expect((await readdir(directory, { recursive: true })).join()).not.toMatch(/gguf(,|$)/);
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
    const cancelled = pull(server, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(cancelled).rejects.toThrow('enough');
    expect((await files())[0]).toMatch(/\.part$/);
  });
});

describe('several pulls of one file at once', () => {
  it.each([0, 1, 30])(
    '%d ms apart: one fetches, the others wait for it, all get the whole file',
    async (apart) => {
      const server = await start();
      let waits = 0;
      const pulls = [0, 1, 2].map(async (i) => {
        await new Promise((resolve) => setTimeout(resolve, i * apart));
        return pull(server, { onWait: () => waits++ });
      });
      for (const path of await Promise.all(pulls)) expect(content.equals(await readFile(path))).toBe(true);
      expect(await files()).toEqual(['model-Q8_0.gguf']);
      expect(waits).toBeLessThanOrEqual(2);
      if (apart === 0) expect(server.requests.filter((line) => line.startsWith('GET'))).toHaveLength(2);
    },
  );

  it('a lock that a dead process left stops nobody', async () => {
    const server = await start();
    await mkdir(join(directory, 'owner', 'some-repo'), { recursive: true });
    const lock = join(directory, 'owner', 'some-repo', 'model-Q8_0.gguf.lock');
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), number: 1 }));
    expect(content.equals(await readFile(await pull(server)))).toBe(true);
    expect(await files()).toEqual(['model-Q8_0.gguf']);
  });
});

describe('references', () => {
  const hub = (repository: string, file: string | null, type: string | null = null): object => ({
    kind: 'hub',
    repository,
    file,
    type,
  });
  it.each([
    ['hf:owner/repo', hub('owner/repo', null)],
    ['hf:owner/repo:q4_k_m', hub('owner/repo', null, 'Q4_K_M')],
    ['hf:owner/repo:latest', hub('owner/repo', null)],
    ['hf:owner/repo/a/b.gguf', hub('owner/repo', 'a/b.gguf')],
    ['hf:owner/repo/\u6a21\u578b 1.gguf', hub('owner/repo', '\u6a21\u578b 1.gguf')],
    ['hf.co/owner/repo:Q8_0', hub('owner/repo', null, 'Q8_0')],
    ['https://huggingface.co/owner/repo', hub('owner/repo', null)],
    ['https://huggingface.co/owner/repo/tree/main', hub('owner/repo', null)],
    ['https://huggingface.co/owner/repo/blob/main/m%20x.gguf', hub('owner/repo', 'm x.gguf')],
    ['https://huggingface.co/owner/repo/resolve/main/m.gguf?download=true', hub('owner/repo', 'm.gguf')],
    ['https://example.org/x/m.gguf', { kind: 'url', url: 'https://example.org/x/m.gguf' }],
  ])('%s', (text, expected) => expect(parseReference(text)).toEqual(expected));

  const files = [
    'README.md',
    'mmproj-F16.gguf',
    'm-F32.gguf',
    'm-Q4_0.gguf',
    'm-Q8_0.gguf',
    'm-IQ3_XXS.gguf',
  ];
  it.each([
    ['hf:o/r', 'm-Q8_0.gguf'],
    ['hf:o/r:F32', 'm-F32.gguf'],
    ['hf:o/r:q4_0', 'm-Q4_0.gguf'],
    ['hf:o/r:iq3_xxs', 'm-IQ3_XXS.gguf'],
  ])('%s means %s', (text, file) =>
    expect(chooseFile(parseReference(text) as HubReference, files)).toBe(file),
  );

  it('a type that is not there is refused with those that are', () => {
    const wanted = parseReference('hf:o/r:Q5_K_M') as HubReference;
    expect(() => chooseFile(wanted, files)).toThrow(/type Q5_K_M.*F32, Q4_0, Q8_0, IQ3_XXS.*hf:o\/r:F32/);
    expect(() => chooseFile(wanted, ['README.md'])).toThrow(/with a GGUF file/);
    const split = ['m-Q8_0-00001-of-00002.gguf', 'm-Q8_0-00002-of-00002.gguf'];
    expect(() => chooseFile({ ...wanted, type: null }, split)).toThrow(/several files/);
  });
});

describe('waferflow models', () => {
  const model = Buffer.from(tinyModel());

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
    expect(stderr).toContain('hf:OWNER/REPO');
  });

  it('pull, list and rm: prints the path, lists the file, removes it and the folders it lay in', async () => {
    const server = await start({ content: model });
    const pulled = await waferflow(['models', 'pull', reference], { env: env(server.endpoint) });
    expect(pulled).toEqual({
      code: 0,
      stdout: `${join(directory, 'owner', 'some-repo', 'model-Q8_0.gguf')}\n`,
      stderr: '',
    });
    const listed = await waferflow(['models', '--json'], { env: env() });
    const { models } = JSON.parse(listed.stdout) as {
      models: { name: string; sizeBytes: number; problem: string | null }[];
    };
    const row = models.find(({ name }) => name === reference)!;
    expect(row).toMatchObject({ sizeBytes: model.length, problem: null });
    const removed = await waferflow(['models', 'rm', 'model-Q8_0'], { env: env() });
    expect(removed.code).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });

  it('run -m hf:OWNER/REPO fetches the best file once, then finds it without the network', async () => {
    const server = await start({ content: model, files: ['x-F32.gguf', 'x-Q8_0.gguf'] });
    const args = (name: string): string[] => ['run', 'hello', '-m', name, '-n', '2', '--json'];
    const first = await waferflow(args('hf:owner/repo'), { env: env(server.endpoint) });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(await readdir(join(directory, 'owner', 'repo'))).toEqual(['x-Q8_0.gguf']);
    for (const name of ['hf:owner/repo', 'hf:owner/repo:Q8_0', 'hf:owner/repo/x-Q8_0.gguf', 'x-Q8_0'])
      expect(await waferflow(args(name), { env: env() })).toMatchObject({ code: 0 });
  });

  it('a repository of safetensors becomes a folder that runs, is listed, copied, quantised and removed', async () => {
    const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
    const contents = {
      ...smallFolder(),
      'modules.json': json([{ idx: 1, path: '1_Pooling', type: 'sentence_transformers.models.Pooling' }]),
      '1_Pooling/config.json': json({ pooling_mode_mean_tokens: true }),
    };
    const files = [...Object.keys(contents), 'README.md', 'consolidated.safetensors'];
    const server = await start({ contents, files });
    const args = ['run', 'hello', '-m', 'hf:owner/folder', '-n', '2', '--json', '--quantize', 'q8_0'];
    expect(await waferflow(args, { env: env(server.endpoint) })).toMatchObject({ code: 0, stderr: '' });
    const fetched = await readdir(join(directory, 'owner', 'folder'), { recursive: true });
    expect(new Set(fetched)).toEqual(new Set([...Object.keys(contents), '1_Pooling']));
    // What says that the folder is whole is there last.
    const fetches = server.requests.filter((line) => line.startsWith('GET storage /blob/'));
    expect(fetches.at(-1)).toBe('GET storage /blob/config.json');
    expect(await waferflow(args, { env: env() })).toMatchObject({ code: 0 });
    const embedded = await waferflow(['embed', 'hello', '-m', 'hf:owner/folder', '--json'], { env: env() });
    expect(JSON.parse(embedded.stdout)).toMatchObject({ pooling: 'mean', dimensions: 32 });
    const listed = await waferflow(['list', '--json'], { env: env() });
    const { models } = JSON.parse(listed.stdout) as { models: { name: string; problem: string | null }[] };
    expect(models.find(({ name }) => name === 'hf:owner/folder')).toMatchObject({ problem: null });
    const out = join(directory, 'q.gguf');
    const made = await waferflow(['quantize', 'hf:owner/folder', out, 'q8_0', '--json'], { env: env() });
    expect(JSON.parse(made.stdout).tensors).toContainEqual({
      name: 'output_norm.weight',
      type: 'F32',
      dims: [32],
    });
    expect((await waferflow(['quantize', out, `${out}.x`, 'q9'], { env: env() })).code).toBe(2);
    expect((await waferflow(['rm', 'q'], { env: env() })).code).toBe(0);
    expect((await waferflow(['rm', 'hf:owner/folder'], { env: env() })).code).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });

  it('a folder that does not run is refused by its headers, before its weights are fetched', async () => {
    const contents = { ...smallFolder(), 'config.json': Buffer.from('{"model_type": "unheard-of"}') };
    const server = await start({ contents, files: Object.keys(contents) });
    const pulled = await waferflow(['pull', 'hf:owner/folder'], { env: env(server.endpoint) });
    expect(pulled).toMatchObject({ code: 1, stdout: '' });
    expect(pulled.stderr).toMatch(/hf:owner\/folder\/config.json: model_type: got "unheard-of"/);
    expect(await readdir(directory)).toEqual([]);
  });

  it('a URL is fetched too, and the hub token stays at home', async () => {
    const server = await start({ content: model });
    const url = `${server.endpoint}/somewhere/m.gguf`;
    const { code, stdout } = await waferflow(['pull', url, '--json'], {
      env: { ...env('http://127.0.0.1:9'), HF_TOKEN: 'secret' },
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ reference: url, bytes: model.length });
    expect(server.hubTokens.every((token) => token === '')).toBe(true);
    expect((await waferflow(['run', 'x', '-m', url, '-n', '1'], { env: env() })).code).toBe(0);
  });

  it('what does not run is refused by its header, before it is fetched; --force fetches it, list says why', async () => {
    const padding = Buffer.alloc(8_000_000);
    const falcon = Buffer.from(tinyModel());
    falcon.write('llamb', falcon.indexOf('llama'));
    const server = await start({ content: Buffer.concat([falcon, padding]) });
    const pulled = await waferflow(['pull', reference], { env: env(server.endpoint) });
    expect(pulled).toMatchObject({ code: 1, stdout: '' });
    expect(pulled.stderr).toMatch(/does not run here.*"llamb".*Nothing was fetched.*--force/);
    expect(await readdir(directory)).toEqual([]);
    expect((await waferflow(['pull', reference, '--force'], { env: env(server.endpoint) })).code).toBe(0);
    const listed = await waferflow(['list', '--json'], { env: env() });
    const { models } = JSON.parse(listed.stdout) as { models: { name: string; problem: string | null }[] };
    expect(models.find(({ name }) => name === reference)?.problem).toContain('llamb');
    const shown = await waferflow(['show', 'model-Q8_0', '--json'], { env: env() });
    expect(JSON.parse(shown.stdout)).toMatchObject({ architecture: 'llamb', runs: false });
    const { refusals } = JSON.parse(shown.stdout) as { refusals: string[] };
    expect(refusals.join()).toContain('llamb');
  });

  it('cp makes a copy under a name of its own', async () => {
    const copied = await waferflow(['cp', 'glint', 'mine'], { env: env() });
    expect(copied).toMatchObject({ code: 0, stdout: `${join(directory, 'mine.gguf')}\n` });
    expect((await waferflow(['show', 'mine', '--json'], { env: env() })).code).toBe(0);
    expect((await waferflow(['cp', 'glint', 'mine'], { env: env() })).code).toBe(2);
    expect((await waferflow(['cp', 'glint', '../mine'], { env: env() })).code).toBe(2);
    expect((await waferflow(['rm', 'mine'], { env: env() })).code).toBe(0);
  });

  it('rm: only a pulled model', async () => {
    await writeFile(join(directory, 'other.gguf'), 'x');
    const { code, stderr } = await waferflow(['models', 'rm', 'nothing-of-that-name'], { env: env() });
    expect(code).toBe(2);
    expect(stderr).toContain(', other.');
  });
});
