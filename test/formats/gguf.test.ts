import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { readGguf } from '#src/formats/gguf.js';
import { writeGguf } from '#src/formats/gguf-writer.js';
import { quantize } from '#src/formats/quantize.js';
import { bytesSource } from '#src/formats/source.js';
import { deliberateError, raw, readBytes } from '../helpers/gguf.js';
import { sharedPath } from '../helpers/shared.js';
import { tinyModel } from '../helpers/tiny-model.js';

const padded = (...parts: Uint8Array[]) => {
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(((32 - (header.length % 32)) % 32) + 256)]);
};

describe('readGguf', () => {
  it('gives back what writeGguf wrote', async () => {
    const x = Float32Array.from({ length: 64 }, (_, i) => i);
    const strings = ['', 'a', 'naïve', '日本語', '😀😀', '\0'];
    const file = writeGguf(
      {
        text: 'hello',
        count: 7,
        negative: -7,
        whole: { type: 'f32', value: 10000 },
        half: 0.5,
        yes: true,
        strings,
        i32: [1, -2],
        f32: Float32Array.of(0.5, 1),
        large: { type: 'u64', value: 2n ** 63n },
        exact: { type: 'u64', value: 2 ** 40 },
        double: { type: 'f64', value: 0.1 },
        nothing: [],
      },
      [
        { name: 'a', type: 'F32', dims: [64], data: quantize(x, 'F32') },
        { name: 'b', type: 'Q8_0', dims: [32, 2], data: quantize(x, 'Q8_0') },
        { name: 'c', type: 'F16', dims: [1, 1, 3], data: quantize(x.subarray(0, 3), 'F16') },
      ],
    );
    const gguf = await readBytes(file);
    expect(gguf.version).toBe(3);
    expect(Object.fromEntries(gguf.metadata)).toEqual({
      text: 'hello',
      count: 7,
      negative: -7,
      whole: 10000,
      half: 0.5,
      yes: true,
      strings,
      i32: Int32Array.of(1, -2),
      f32: Float32Array.of(0.5, 1),
      large: 2n ** 63n,
      exact: 2 ** 40,
      double: 0.1,
      nothing: new Int32Array(),
    });
    expect([...gguf.tensors.keys()]).toEqual(['a', 'b', 'c']);
    const b = gguf.requireWeight('b');
    expect(b).toMatchObject({ type: 'Q8_0', dims: [32, 2], elements: 64, byteLength: 68 });
    expect(Buffer.compare(file.subarray(b.offset, b.offset + b.byteLength), quantize(x, 'Q8_0'))).toBe(0);
  });

  it('reads long vocabularies through a window that is smaller than the header', async () => {
    const tokens = Array.from({ length: 200_000 }, (_, i) => `token-${i}-é`);
    const gguf = await readBytes(writeGguf({ before: 1, tokens, after: 'x'.repeat(3_000_000) }, []));
    expect(gguf.require('tokens', 'strings')).toEqual(tokens);
    expect(gguf.require('after', 'string')).toHaveLength(3_000_000);
  });

  it('reads version 2, nested arrays and every scalar type', async () => {
    const value = (key: string, type: number, ...bytes: Uint8Array[]) =>
      Buffer.concat([raw.string(key), raw.u32(type), ...bytes]);
    const nested = Buffer.concat([
      raw.u32(9),
      raw.u64(2),
      raw.u32(0),
      raw.u64(2),
      Buffer.of(1, 2),
      raw.u32(8),
      raw.u64(1),
      raw.string('x'),
    ]);
    const gguf = await readBytes(
      Buffer.concat([
        raw.header(2, 0, 6),
        value('u8', 0, Buffer.of(200)),
        value('i8', 1, Buffer.of(200)),
        value('u16', 2, Buffer.of(1, 255)),
        value('i16', 3, Buffer.of(1, 255)),
        value('bools', 9, raw.u32(7), raw.u64(2), Buffer.of(1, 0)),
        value('nested', 9, nested),
      ]),
    );
    expect(Object.fromEntries(gguf.metadata)).toEqual({
      u8: 200,
      i8: -56,
      u16: 0xff01,
      i16: -255,
      bools: [true, false],
      nested: [Uint8Array.of(1, 2), ['x']],
    });
  });

  it('says what a key is when it is asked for as something else, and what is missing', async () => {
    const gguf = await readBytes(
      writeGguf({ name: 'x', big: { type: 'u64', value: 2n ** 60n }, part: 1.5 }, []),
    );
    expect(gguf.optional('none', 'count', 5)).toBe(5);
    expect((await deliberateError(() => gguf.require('none', 'string'))).message).toMatch(
      /"none": got no such key/,
    );
    expect((await deliberateError(() => gguf.require('name', 'count'))).message).toMatch(
      /got string x, expected a whole/,
    );
    expect((await deliberateError(() => gguf.optional('part', 'count', 1))).message).toMatch(
      /got number 1.5/,
    );
    expect((await deliberateError(() => gguf.require('big', 'count'))).message).toMatch(
      /1152921504606846976/,
    );
    expect((await deliberateError(() => gguf.requireWeight('w'))).message).toMatch(/no such tensor/);
  });
});

describe('a type without kernels', () => {
  it('is read, and refused by name when it is needed', async () => {
    const gguf = await readBytes(padded(raw.header(3, 1, 0), raw.tensor('w', [32], 9, 0)));
    expect(gguf.tensors.get('w')).toMatchObject({ type: 'Q8_1', byteLength: 36 });
    expect((await deliberateError(() => gguf.requireWeight('w'))).message).toMatch(
      /got type Q8_1, expected F32, F16/,
    );
  });
});

it('weights of safetensors alone: the folder is what to give', async () => {
  const source = bytesSource(Buffer.from('\u0010\0\0\0\0\0\0\0{"a":{}}        '), 'model.safetensors');
  await expect(readGguf(source)).rejects.toThrow(/^model\.safetensors: magic: .*give the folder/);
});

describe('damaged and hostile files', () => {
  const one = (...tensor: Parameters<typeof raw.tensor>) =>
    padded(raw.header(3, 1, 0), raw.tensor(...tensor));
  const two = (...offsets: number[]) =>
    padded(raw.header(3, 2, 0), ...offsets.map((offset, i) => raw.tensor(`w${i}`, [16], 0, offset)));
  const entry = (...bytes: Uint8Array[]) => padded(raw.header(3, 0, 1), raw.string('key'), ...bytes);
  const cases: readonly (readonly [what: string, file: Uint8Array, message: RegExp])[] = [
    ['an empty file', new Uint8Array(0), /0 bytes left/],
    ['another file', Buffer.from('PK\u0003\u0004 and more of it'), /magic: got 0x04034b50, expected "GGUF"/],
    ['version 1', padded(raw.header(1, 0, 0)), /version: got 1, expected .* 2 or 3/],
    ['version 4', padded(raw.header(4, 0, 0)), /version: got 4/],
    ['a big-endian file', padded(raw.header(0x03000000, 0, 0)), /big-endian/],
    [
      'more tensors than fit',
      padded(raw.header(3, 2n ** 64n - 1n, 0)),
      /number of tensors: got 18446744073709551615/,
    ],
    ['more metadata than fits', padded(raw.header(3, 0, 100_000)), /number of metadata entries: got 100000/],
    ['a key longer than the file', padded(raw.header(3, 0, 1), raw.u64(2n ** 63n)), /length of key/],
    [
      'a string longer than the file',
      entry(raw.u32(8), raw.u64(1e6)),
      /length of metadata "key": got 1000000/,
    ],
    [
      'an array longer than the file',
      entry(raw.u32(9), raw.u32(6), raw.u64(2n ** 62n)),
      /length of metadata "key"/,
    ],
    ['too many strings', entry(raw.u32(9), raw.u32(8), raw.u64(1e6)), /length of metadata "key"/],
    [
      'a string of an array longer than the file',
      entry(raw.u32(9), raw.u32(8), raw.u64(2), raw.u64(0), raw.u64(2n ** 40n)),
      /string 1 of/,
    ],
    ['an unknown value type', entry(raw.u32(13)), /type of metadata "key": got 13/],
    ['an unknown element type', entry(raw.u32(9), raw.u32(99), raw.u64(0)), /type of metadata "key": got 99/],
    ['a boolean of 2', entry(raw.u32(7), Buffer.of(2)), /boolean 2/],
    [
      'deep arrays',
      entry(raw.u32(9), ...Array.from({ length: 9 }, () => [raw.u32(9), raw.u64(1)]).flat()),
      /nested more than/,
    ],
    [
      'a key that is not UTF-8',
      padded(raw.header(3, 0, 1), raw.u64(2), Buffer.of(0xc3, 0x28), raw.u32(4), raw.u32(1)),
      /not UTF-8/,
    ],
    [
      'a character cut by the end of a token',
      padded(
        raw.header(3, 0, 1),
        raw.string('tokenizer.ggml.tokens'),
        ...[raw.u32(9), raw.u32(8), raw.u64(2), raw.u64(1), Buffer.of(0xc3), raw.u64(1), Buffer.of(0xa9)],
      ),
      /not UTF-8/,
    ],
    [
      'a key twice',
      padded(raw.header(3, 0, 2), ...[1, 2].flatMap(() => [raw.string('k'), raw.u32(4), raw.u32(1)])),
      /second entry/,
    ],
    [
      'an alignment of 24',
      padded(raw.header(3, 0, 1), raw.string('general.alignment'), raw.u32(4), raw.u32(24)),
      /"general.alignment": got 24, expected a power of two/,
    ],
    [
      'a tensor twice',
      padded(raw.header(3, 2, 0), raw.tensor('w', [8], 0, 0), raw.tensor('w', [8], 0, 32)),
      /second tensor/,
    ],
    ['no dimensions', one('w', [], 0, 0), /dimensions of tensor "w": got 0, expected 1 to 4/],
    ['five dimensions', one('w', [1, 1, 1, 1, 1], 0, 0), /dimensions of tensor "w": got 5/],
    ['a dimension of 0', one('w', [32, 0], 0, 0), /0 elements/],
    ['a dimension beyond 2^53', one('w', [2n ** 60n], 0, 0), /dimension 0 of tensor "w"/],
    ['a product that overflows', one('w', [2 ** 40, 2 ** 40], 0, 0), /shape of tensor "w"/],
    ['an unknown tensor type', one('w', [32], 77, 0), /tensor type 77, expected F32/],
    ['a removed tensor type', one('w', [32], 4, 0), /tensor type 4/],
    [
      'rows that are no whole blocks',
      one('w', [33], 8, 0),
      /rows of 33 elements, expected rows of whole Q8_0 blocks of 32/,
    ],
    [
      'an offset off the alignment',
      one('w', [8], 0, 8),
      /offset of tensor "w": got 8, expected a multiple of 32/,
    ],
    ['an offset beyond the file', one('w', [8], 0, 1 << 20), /expected bytes inside the file/],
    ['an offset beyond 2^53', one('w', [8], 0, 2n ** 63n), /offset of tensor "w"/],
    ['data that ends outside the file', one('w', [1000], 0, 0), /expected bytes inside the file/],
    ['tensors that overlap', two(0, 32), /past tensor "w0"/],
    ['tensors in the same place', two(64, 64), /past tensor "w0"/],
  ];

  it.each(cases)('%s', async (_, file, message) => {
    const error = await deliberateError(() => readBytes(file));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('test.gguf');
    expect(error.facts.todo).not.toBe('');
  });

  it('names the file that is cut off, at any byte', async () => {
    const file = tinyModel();
    const { tensors } = await readBytes(file);
    const dataEnd = Math.max(...[...tensors.values()].map(({ offset, byteLength }) => offset + byteLength));
    const headerEnd = Math.min(...[...tensors.values()].map(({ offset }) => offset));
    for (
      let length = 0;
      length < dataEnd;
      length += length < 600 || Math.abs(length - headerEnd) < 600 ? 1 : 997
    ) {
      const error = await deliberateError(() => readBytes(file.subarray(0, length)));
      expect(error).toBeInstanceOf(FormatError);
    }
    await readBytes(file.subarray(0, dataEnd));
  });

  it('allocates nothing for what a file only claims to hold', async () => {
    const reads: number[] = [];
    const source = bytesSource(
      entry(raw.u32(9), raw.u32(8), raw.u64(3), raw.string('a'), raw.u64(2n ** 32n)),
    );
    const counting = {
      ...source,
      read: (offset: number, target: Uint8Array) => {
        reads.push(target.byteLength);
        return source.read(offset, target);
      },
    };
    await deliberateError(() => readGguf(counting));
    expect(Math.max(...reads)).toBeLessThanOrEqual(source.byteLength);
  });
});

const tinyLlama = sharedPath('models/llama-2-tiny-random.gguf');

describe.skipIf(tinyLlama === null)('a file of another writer', () => {
  it('is read with all of its 32,000 tokens', async () => {
    const gguf = await readBytes(readFileSync(tinyLlama!));
    expect(gguf.require('llama.embedding_length', 'count')).toBe(8);
    expect(gguf.require('tokenizer.ggml.tokens', 'strings').slice(0, 5)).toEqual([
      '<unk>',
      '<s>',
      '</s>',
      '<0x00>',
      '<0x01>',
    ]);
    expect(gguf.require('tokenizer.ggml.tokens', 'strings')).toHaveLength(32000);
    expect(gguf.requireWeight('token_embd.weight')).toMatchObject({ type: 'F16', dims: [8, 32000] });
  });
});
