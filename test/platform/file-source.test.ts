import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { openFileSource, openModelSource } from '#src/platform/node/file-source.js';
import { deliberateError } from '../helpers/gguf.js';
import { temporaryFile } from '../helpers/tiny-model.js';

const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);

describe('openFileSource', () => {
  it('reads any part into plain, shared and WebAssembly memory', async () => {
    const source = await openFileSource(temporaryFile(bytes));
    expect(source.byteLength).toBe(5000);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const targets = [
      new Uint8Array(1000),
      new Uint8Array(new SharedArrayBuffer(1000)),
      new Uint8Array(memory.buffer, 64, 1000),
    ];
    for (const target of targets) {
      await source.read(3000, target);
      expect([...target]).toEqual([...bytes.subarray(3000, 4000)]);
    }
    await source.read(5000, new Uint8Array(0));
    await source.close();
  });

  it('refuses to read past the end, also when the file shrinks after it was opened', async () => {
    const path = temporaryFile(bytes);
    const source = await openFileSource(path);
    expect((await deliberateError(() => source.read(4990, new Uint8Array(20)))).message).toMatch(
      /5000 bytes, expected at least 5010/,
    );
    truncateSync(path, 100);
    expect((await deliberateError(() => source.read(0, new Uint8Array(5000)))).message).toMatch(
      /got 100 bytes/,
    );
    await source.close();
  });

  it('names what is no readable file', async () => {
    const path = temporaryFile(bytes);
    const directory = join(dirname(path), 'directory');
    mkdirSync(directory);
    for (const [given, message] of [
      [join(dirname(path), 'nothing.gguf'), /no such file/],
      [join(path, 'inside'), /no such file/],
      [directory, /a directory/],
    ] as const) {
      const error = await deliberateError(() => openFileSource(given));
      expect(error).toBeInstanceOf(FormatError);
      expect(error.message).toMatch(message);
      expect(error.message).toContain(given);
    }
  });
});

it('does not read a tokenizer.json that is larger than any real one', async () => {
  const config = { model_type: 'mamba', hidden_size: 8, num_hidden_layers: 1, vocab_size: 8, state_size: 2 };
  const path = temporaryFile(
    new TextEncoder().encode(JSON.stringify({ ...config, conv_kernel: 2 })),
    'config.json',
  );
  const folder = dirname(path);
  writeFileSync(join(folder, 'tokenizer.json'), '');
  truncateSync(join(folder, 'tokenizer.json'), 100_000_000);
  await expect(openModelSource(folder)).rejects.toThrow(
    /tokenizer.json: got 95.4 MiB, expected at most 64.0 MiB/,
  );
});
