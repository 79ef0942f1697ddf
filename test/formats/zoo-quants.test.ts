/** Every quantisation of the shared zoo: dequantised, bit for bit what ggml makes of it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readGguf } from '#src/formats/gguf.js';
import { dequantize } from '#src/formats/quantize.js';
import { bytesSource } from '#src/formats/source.js';
import { isWeightType } from '#src/formats/tensor-types.js';
import { sharedPath } from '../helpers/shared.js';

interface Golden {
  readonly types: Readonly<Record<string, { readonly sha256: Readonly<Record<string, string>> }>>;
}

const golden = sharedPath('models/zoo/quants/golden.json');
const { types } = golden === null ? { types: {} } : (JSON.parse(readFileSync(golden, 'utf8')) as Golden);

// A file without any test would be a failure.
describe.skipIf(golden === null)('the zoo', () => {
  it.each(Object.entries(types))('%s', async (name, { sha256 }) => {
    const bytes = new Uint8Array(readFileSync(sharedPath(`models/zoo/quants/${name}.gguf`)!));
    const file = await readGguf(bytesSource(bytes));
    const found = Object.keys(sha256).map((tensor) => {
      const { type, offset, byteLength } = file.tensors.get(tensor)!;
      if (!isWeightType(type)) return [tensor, type];
      const values = dequantize(bytes.subarray(offset, offset + byteLength), type);
      return [tensor, createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')];
    });
    expect(Object.fromEntries(found)).toEqual(sha256);
  });
});
