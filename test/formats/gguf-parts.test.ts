import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { readGguf } from '#src/formats/gguf.js';
import { type GgufInput, writeGguf } from '#src/formats/gguf-writer.js';
import { type ByteSource, bytesSource } from '#src/formats/source.js';
import { openFileSource } from '#src/platform/node/file-source.js';
import { deliberateError, readBytes } from '../helpers/gguf.js';
import { sharedPath } from '../helpers/shared.js';

const data = (value: number) => new Uint8Array(Float32Array.of(value, value).buffer);

/** One part with the tensors of these names, which all hold its number. */
function part(no: number, names: readonly string[], more: Readonly<Record<string, GgufInput>> = {}) {
  return writeGguf(
    { 'split.no': no, 'split.count': 3, 'split.tensors.count': 4, 'general.name': `part ${no}`, ...more },
    names.map((name) => ({ name, type: 'F32', dims: [2], data: data(no) })),
  );
}

function folder(files: Readonly<Record<string, Uint8Array>>, first = 'm-00001-of-00003.gguf'): ByteSource {
  const open = (name: string): ByteSource => ({
    ...bytesSource(files[name]!, name),
    neighbor: (other) => {
      if (files[other] !== undefined) return Promise.resolve(open(other));
      const facts = { what: other, given: 'no such file', expected: 'a file', todo: 'Fetch it.' };
      return Promise.reject(new FormatError(facts));
    },
  });
  return open(first);
}

const whole = {
  'm-00001-of-00003.gguf': part(0, ['a', 'b']),
  'm-00002-of-00003.gguf': part(1, ['c']),
  'm-00003-of-00003.gguf': part(2, ['d']),
};

describe('a file of several parts', () => {
  it('is one file, whose tensors lie where they say', async () => {
    const file = await readGguf(folder(whole));
    expect(file.optional('general.name', 'string', '')).toBe('part 0');
    expect([...file.tensors.keys()]).toEqual(['a', 'b', 'c', 'd']);
    for (const [name, value] of [
      ['a', 0],
      ['b', 0],
      ['c', 1],
      ['d', 2],
    ] as const) {
      const bytes = new Uint8Array(8);
      await file.source.read(file.tensors.get(name)!.offset, bytes);
      expect([...bytes]).toEqual([...data(value)]);
    }
    const all = new Uint8Array(file.source.byteLength);
    await file.source.read(0, all);
    expect(Buffer.from(all).equals(Buffer.concat(Object.values(whole)))).toBe(true);
    await expect(file.source.read(1, all)).rejects.toThrow(FormatError);
  });

  const wrong: readonly (readonly [string, ByteSource, RegExp])[] = [
    ['another part', folder(whole, 'm-00002-of-00003.gguf'), /00002-of-00003.gguf: parts: got part 2 of 3/],
    ['no name of parts', folder({ 'm.gguf': part(0, ['a']) }, 'm.gguf'), /ends in -00001-of-00003.gguf/],
    [
      'a part that is not there',
      folder({ 'm-00001-of-00003.gguf': part(0, ['a']) }),
      /m-00002-of-00003.gguf: got no such file/,
    ],
    [
      'parts in the wrong order',
      folder({ ...whole, 'm-00002-of-00003.gguf': part(2, ['c']) }),
      /00002-of-00003.gguf: parts: got metadata of another file, expected part 2 of 3/,
    ],
    [
      'a tensor in two parts',
      folder({ ...whole, 'm-00003-of-00003.gguf': part(2, ['a']) }),
      /00003-of-00003.gguf: parts: got tensor "a"/,
    ],
    [
      'a tensor too few',
      folder({ ...whole, 'm-00001-of-00003.gguf': part(0, ['a']) }),
      /got 3 tensors in 3 parts, expected 4/,
    ],
    ['a source that stands alone', bytesSource(part(0, ['a']), 'm-00001-of-00003.gguf'), /expected one file/],
    [
      'a count past all reason',
      folder({ 'm-00001-of-00003.gguf': part(0, ['a'], { 'split.count': 3_000_000_000 }) }),
      /the first of 3000000000 parts/,
    ],
  ];
  it.each(wrong)('%s is an error that says so', async (_, source, message) => {
    const error = await deliberateError(() => readGguf(source));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(message);
  });
});

describe('what writers differ in', () => {
  it('ones behind a shape mean nothing', async () => {
    const tensor = { name: 'w', type: 'F32', dims: [2, 1, 1], data: data(1) } as const;
    expect((await readBytes(writeGguf({}, [tensor]))).tensors.get('w')!.dims).toEqual([2]);
  });

  it('a number per layer is one number where all are equal', async () => {
    const file = await readBytes(writeGguf({ same: [3, 3], other: [3, 4] }, []));
    expect(file.require('same', 'count')).toBe(3);
    expect((await deliberateError(() => file.require('other', 'count'))).message).toMatch(/an array of 2/);
  });

  it.skipIf(sharedPath('cases/gguf') === null)('reads all forms of one model as the same', async () => {
    const plain = await readBytes(readFileSync(sharedPath('cases/gguf/base.gguf')!));
    for (const name of [
      'c4-dims-with-ones',
      'c5-heads-as-arrays',
      'c7-author-latin1',
      'c8-split-00001-of-00002',
    ]) {
      const source = await openFileSource(sharedPath(`cases/gguf/${name}.gguf`)!);
      const file = await readGguf(source);
      expect(file.require('llama.attention.head_count', 'count'), name).toBe(
        plain.require('llama.attention.head_count', 'count'),
      );
      for (const [tensor, info] of plain.tensors) {
        const read = async (from: typeof plain) => {
          const bytes = new Uint8Array(info.byteLength);
          await from.source.read(from.tensors.get(tensor)!.offset, bytes);
          return Buffer.from(bytes);
        };
        expect((await read(file)).equals(await read(plain)), `${name} ${tensor}`).toBe(true);
      }
      await source.close();
    }
  });
});
