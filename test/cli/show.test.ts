/** `waferflow show`, `inspect` and `ps`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { waferflow } from './cli.js';

describe('show', () => {
  it('--json says what the model is, what its tensors are, and that it runs', async () => {
    const path = temporaryFile(tinyModel({ weightType: 'Q8_0' }));
    const { code, stdout, stderr } = await waferflow(['show', path, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout) as Record<string, unknown> & { types: Record<string, number> };
    expect(document).toMatchObject({ architecture: 'llama', runs: true, refusals: [], chatTemplate: null });
    expect(Object.keys(document.types)[0]).toBe('Q8_0');
    const sum = Object.values(document.types).reduce((total, bytes) => total + bytes, 0);
    expect(document.bytes).toBe(sum);
    expect(document.parameters).toBeGreaterThan(100_000);
  });

  it('names every reason why a model does not run, without ending in an error', async () => {
    const bytes = Buffer.from(tinyModel());
    bytes.write('llamb', bytes.indexOf('llama'));
    const path = temporaryFile(bytes);
    const { code, stdout } = await waferflow(['show', path]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/runs here +no\n.*"llamb"/);
  });

  it('a file that is none is an error', async () => {
    const { code, stderr } = await waferflow(['show', temporaryFile(Buffer.from('no model at all'))]);
    expect(code).toBe(1);
    expect(stderr).toContain('magic');
  });
});

it('inspect --json lists metadata and tensors', async () => {
  const bytes = tinyModel();
  const { stdout } = await waferflow(['inspect', temporaryFile(bytes), '--json']);
  const document = JSON.parse(stdout) as {
    bytes: number;
    metadata: Record<string, unknown>;
    tensors: { name: string; type: string; dims: number[]; bytes: number }[];
  };
  expect(document.bytes).toBe(bytes.length);
  expect(document.metadata['general.architecture']).toBe('llama');
  expect(document.tensors.find(({ name }) => name === 'token_embd.weight')).toMatchObject({
    dims: [64, 320],
  });
});

describe('ps', () => {
  it('says what a server has loaded', async () => {
    const models = [{ name: 'some-model', size: 5_000_000, details: { quantization_level: 'Q8_0' } }];
    const server = createServer((_, response) => response.end(JSON.stringify({ models }))).listen(
      0,
      '127.0.0.1',
    );
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await waferflow(['ps', '--url', url])).stdout).toContain('some-model');
    expect(JSON.parse((await waferflow(['ps', '--url', url, '--json'])).stdout)).toEqual({ url, models });
  });

  it('says how to start one where there is none', async () => {
    const { code, stderr } = await waferflow(['ps', '--url', 'http://127.0.0.1:9']);
    expect(code).toBe(1);
    expect(stderr).toContain('waferflow serve');
  });
});
