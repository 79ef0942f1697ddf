import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { quantOf, weightTypes } from '#kernels/quants/index.js';
import { fromBf16, fromF16, toBf16, toF16 } from '#src/core/half.js';
import { Rng } from '#src/core/rng.js';
import type { GgufFile } from '#src/formats/gguf.js';
import { dequantize, quantize } from '#src/formats/quantize.js';
import type { WeightType } from '#src/formats/tensor-types.js';
import { deliberateError, readBytes } from '../helpers/gguf.js';
import { sharedPath } from '../helpers/shared.js';

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** A float32 with a random bit pattern: every size, subnormals included, but no NaN. */
function anyFloat(rng: Rng): number {
  do bits[0] = rng.nextUint32();
  while (Number.isNaN(float[0]!));
  return float[0]!;
}

function normals(count: number, seed: number): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: count }, () => rng.normal());
}

describe('half precision', () => {
  it('gives every one of its 65536 patterns back, NaN as a NaN', () => {
    for (let half = 0; half < 65536; half++) {
      const value = fromF16(half);
      if (Number.isNaN(value)) expect(Number.isNaN(fromF16(toF16(value)))).toBe(true);
      else expect(toF16(value)).toBe(half);
    }
  });

  it('rounds to the nearest, ties to even', () => {
    const rng = new Rng(1);
    for (let i = 0; i < 20000; i++) {
      const value = i < 10000 ? anyFloat(rng) : Math.fround(rng.normal() * 10 ** (rng.below(10) - 6));
      const half = toF16(value);
      const error = Math.abs(fromF16(half) - value);
      if (Math.abs(value) >= 65520) expect(fromF16(half)).toBe(Math.sign(value) * Number.POSITIVE_INFINITY);
      else {
        for (const neighbour of [half - 1, half + 1]) {
          const other = Math.abs(fromF16(neighbour) - value);
          if (Number.isNaN(other)) continue;
          expect(error).toBeLessThanOrEqual(other);
          if (error === other && error > 0) expect(half & 1).toBe(0);
        }
      }
    }
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32, rounded to nearest', () => {
    const rng = new Rng(2);
    for (let i = 0; i < 20000; i++) {
      const value = anyFloat(rng);
      const back = fromBf16(toBf16(value));
      if (Math.abs(value) < 3.38e38)
        expect(Math.abs(back - value)).toBeLessThanOrEqual(Math.abs(value) / 256 + 1e-40);
    }
    expect(Number.isNaN(fromBf16(toBf16(Number.NaN)))).toBe(true);
    expect(fromBf16(toBf16(1.00390625))).toBe(1);
    expect(fromBf16(toBf16(1.01171875))).toBe(1.015625);
  });
});

describe('quantize and dequantize', () => {
  // Largest error in parts of the block's largest value; Q4_0 cuts the value opposite the extreme at 7/8.
  const bounds: readonly (readonly [WeightType, number])[] = [
    ['F32', 0],
    ['F16', 2 ** -11],
    ['BF16', 2 ** -8],
    ['Q8_0', 0.5 / 127 + 2 ** -10],
    ['Q4_0', 1 / 8 + 2 ** -9],
  ];
  it.each(bounds)('%s stays within %f of the largest value of a block', (type, bound) => {
    const x = normals(32 * 200, 3);
    const y = dequantize(quantize(x, type), type);
    for (let block = 0; block < x.length; block += 32) {
      const largest = Math.max(...x.subarray(block, block + 32).map(Math.abs));
      for (let i = block; i < block + 32; i++)
        expect(Math.abs(y[i]! - x[i]!)).toBeLessThanOrEqual(bound * largest);
    }
  });

  it.each(bounds)('%s gives zeros back as zeros, and stays the same when done again', (type) => {
    expect(dequantize(quantize(new Float32Array(64), type), type).every((value) => value === 0)).toBe(true);
    const once = dequantize(quantize(normals(320, 4), type), type);
    // Q8_0 and Q4_0 compute their scale anew, which may differ in the last bit of its half float.
    const twice = dequantize(quantize(once, type), type);
    for (const [i, value] of once.entries())
      expect(Math.abs(twice[i]! - value)).toBeLessThanOrEqual(Math.abs(value) / 500);
  });

  // Mean squared errors of normal numbers, in parts of their mean square; a type that is only read has none.
  const errors: Readonly<Partial<Record<WeightType, number>>> = {
    ...{ Q4_1: 6.5e-3, Q5_0: 2e-3, Q5_1: 1.6e-3 },
    ...{ Q2_K: 0.08, Q3_K: 0.025, Q4_K: 5.5e-3, Q5_K: 1.4e-3, Q6_K: 3.3e-4 },
    ...{ IQ4_NL: 6.3e-3, IQ4_XS: 6.4e-3, MXFP4: 0.014, TQ1_0: 0.7, TQ2_0: 0.7, Q1_0: 0.4 },
  };
  it.each(Object.entries(errors))('%s loses at most %f of the square of normal numbers', (name, bound) => {
    const type = name as WeightType;
    const x = normals(256 * 40, 5).map((value) => value * 0.02);
    const y = dequantize(quantize(x, type), type);
    const square = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
    expect(square(x.map((value, i) => value - y[i]!)) / square(x)).toBeLessThan(bound);
    expect(dequantize(quantize(new Float32Array(256), type), type).every((value) => value === 0)).toBe(true);
  });

  it('writes every type that has an encoder, and refuses the others by name', async () => {
    for (const type of weightTypes) {
      if (quantOf(type).pack !== null) continue;
      const error = await deliberateError(() => quantize(new Float32Array(256), type));
      expect(error.message).toContain(`${type}, which is only read`);
      expect(type).toMatch(/^IQ[123]/);
    }
  });

  it('rounds Q8_0 halves away from zero', () => {
    const x = new Float32Array(32);
    x.set([127, 0.5, -0.5, 1.5, -1.5, 2.5]);
    expect([...new Int8Array(quantize(x, 'Q8_0').buffer, 2, 6)]).toEqual([127, 1, -1, 2, -2, 3]);
  });

  it('puts the first half of a Q4_0 block in the low nibbles and its extreme at -8', () => {
    const x = new Float32Array(32);
    x[0] = 8;
    x[16] = -7;
    const bytes = quantize(x, 'Q4_0');
    expect(fromF16(bytes[0]! | (bytes[1]! << 8))).toBe(-1);
    expect(bytes[2]).toBe(0 | (15 << 4));
    expect(bytes[3]).toBe(8 | (8 << 4));
  });

  it('refuses parts of blocks', async () => {
    expect((await deliberateError(() => quantize(new Float32Array(33), 'Q8_0'))).message).toContain(
      '33 elements',
    );
    expect((await deliberateError(() => dequantize(new Uint8Array(35), 'Q8_0'))).message).toContain(
      '35 bytes',
    );
  });
});

const stories = ['f32', 'f16', 'q8_0', 'q4_0'].map((name) =>
  sharedPath(`models/stories260K/stories260K-${name}.gguf`),
);

describe.skipIf(stories.includes(null))('against the files of another converter', () => {
  const load = async (path: string) => {
    const bytes = readFileSync(path);
    const file: GgufFile = await readBytes(bytes);
    return new Map(
      [...file.tensors.keys()].map((name) => {
        const { type, offset, byteLength } = file.requireWeight(name);
        return [name, { type, bytes: bytes.subarray(offset, offset + byteLength) }] as const;
      }),
    );
  };

  it.each([1, 2, 3])('quantises the F32 weights to the very bytes of file %i', async (index) => {
    const f32 = await load(stories[0]!);
    const other = await load(stories[index]!);
    expect(new Set(other.keys())).toEqual(new Set(f32.keys()));
    for (const [name, { type, bytes }] of other) {
      const ours = quantize(dequantize(f32.get(name)!.bytes, 'F32'), type);
      expect(Buffer.compare(ours, bytes), name).toBe(0);
    }
  });
});
