/** A model in another type: read through, it is what quantising its values gives. */
import { expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { readGguf } from '#src/formats/gguf.js';
import { dequantize, quantize } from '#src/formats/quantize.js';
import { quantisations, quantized } from '#src/formats/requantize.js';
import { bytesSource } from '#src/formats/source.js';
import { withEngine } from '../helpers/engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const wide = { hiddenSize: 256, intermediateSize: 512, numAttentionHeads: 8 };

it('says the same of itself, with its matrices in the type and norms as they were', async () => {
  const stored = await readGguf(bytesSource(tinyModel({ ...wide, weightType: 'F16' })));
  const made = await quantized(stored, 'q4_k');
  const again = await readGguf(made.source);
  expect(again.metadata).toEqual(stored.metadata);
  expect([...again.tensors]).toEqual([...made.tensors]);
  const types = new Set([...again.tensors.values()].map(({ name, type }) => `${/norm/.test(name)} ${type}`));
  expect(types).toEqual(new Set(['true F32', 'false Q4_K', 'false Q6_K']));
  for (const name of ['blk.1.ffn_down.weight', 'blk.0.attn_norm.weight']) {
    const read = async (file: typeof stored): Promise<Uint8Array<ArrayBuffer>> => {
      const { offset, byteLength } = file.tensors.get(name)!;
      const bytes = new Uint8Array(byteLength);
      await file.source.read(offset, bytes);
      return bytes;
    };
    const { type } = made.tensors.get(name)!;
    const before = await read(stored);
    const isMatrix = type !== 'F32';
    expect(await read(again)).toEqual(isMatrix ? quantize(dequantize(before, 'F16'), 'Q4_K') : before);
  }
});

it('takes another type where rows are no whole blocks', async () => {
  const stored = await readGguf(bytesSource(tinyModel({ weightType: 'F32' })));
  const typeOf = async (name: string, tensor: string) =>
    (await quantized(stored, name)).tensors.get(tensor)!.type;
  expect(await typeOf('q4_k', 'blk.0.ffn_up.weight')).toBe('Q5_0');
  expect(await typeOf('q4_k_m', 'blk.0.attn_v.weight')).toBe('Q8_0');
  expect(await typeOf('q4_0', 'token_embd.weight')).toBe('Q8_0');
});

it('refuses a name that stands for no type that is written', async () => {
  const stored = await readGguf(bytesSource(tinyModel()));
  for (const name of ['q9', 'iq1_s', 'constructor'])
    await expect(quantized(stored, name)).rejects.toThrow(OptionError);
  expect(quantisations()).toContain('Q5_K_M');
});

it('loads as the file that it would be', async () => {
  const bytes = tinyModel({ ...wide, weightType: 'F16' });
  const made = await quantized(await readGguf(bytesSource(bytes)), 'q8_0');
  const written = new Uint8Array(made.source.byteLength);
  await made.source.read(0, written);
  const ids = [1, 5, 9, 13, 17];
  const score = (path: string, quantize?: string) =>
    withEngine(
      path,
      { workers: 1, ...(quantize && { quantize }) },
      async (engine) => (await engine.score(ids)).nll,
    );
  const path = temporaryFile(bytes);
  expect(await score(path, 'q8_0')).toEqual(await score(temporaryFile(written)));
  await expect(score(path, 'q9')).rejects.toThrow(OptionError);
});
