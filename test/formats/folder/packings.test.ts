/** Weights of few bits: codes packed as each format's own writers pack them come out as scale times code. */
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import { FolderConfig, type Json } from '#src/formats/folder/config.js';
import type { StoredTensor } from '#src/formats/folder/safetensors.js';
import { storedMatrices } from '#src/formats/folder/stored.js';
import { columnsOf, readBytes, rowBytes, rowsOf } from '#src/formats/matrix.js';
import { dequantize, quantize } from '#src/formats/quantize.js';
import { bytesSource } from '#src/formats/source.js';

const [OUT, IN, GROUP] = [16, 64, 32];
const GROUPS = IN / GROUP;

function tensor(name: string, dtype: string, shape: readonly number[], bytes: Uint8Array): StoredTensor {
  return {
    name,
    dtype,
    shape,
    source: bytesSource(bytes, 'f.safetensors'),
    offset: 0,
    byteLength: bytes.length,
  };
}
const words = (name: string, shape: readonly number[], fill: (at: number) => number): StoredTensor => {
  const values = Uint32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => fill(at));
  return tensor(name, 'I32', shape, new Uint8Array(values.buffer));
};
const floats = (
  name: string,
  type: 'F16' | 'BF16' | 'F32',
  shape: readonly number[],
  of: (at: number) => number,
) =>
  tensor(
    name,
    type,
    shape,
    quantize(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => of(at)),
      type,
    ),
  );

/** Codes, zeros and scales that differ everywhere; scales are powers of two, so that halves are exact. */
const code = (out: number, at: number): number => (out * 7 + at * 3 + (at >> 3)) % 16;
const zero = (group: number, out: number): number => 1 + ((out * 5 + group) % 14);
const scale = (group: number, out: number): number => 2 ** -(3 + ((out + group) % 4));
const expected = (of: (out: number, at: number) => number): number[] =>
  Array.from({ length: OUT * IN }, (_, i) => of(Math.floor(i / IN), i % IN));
const centred = expected((out, at) => {
  const group = Math.floor(at / GROUP);
  return (code(out, at) - zero(group, out)) * scale(group, out);
});
/** Eight four-bit values as a word, the first lowest. */
const word = (of: (i: number) => number): number =>
  Array.from({ length: 8 }, (_, i) => (of(i) << (4 * i)) >>> 0).reduce((a, b) => (a | b) >>> 0, 0);

async function valuesOf(
  quantization: Json,
  tensors: readonly StoredTensor[],
  name = 'x.weight',
): Promise<number[]> {
  const config = new FolderConfig({ quantization_config: quantization }, 'config.json');
  const matrix = storedMatrices(tensors, config).get(name)!;
  const bytes = new Uint8Array(rowBytes(matrix) * rowsOf(matrix));
  await readBytes(matrix, 0, bytes);
  // Wherever a read begins, it gives the same.
  const part = new Uint8Array(rowBytes(matrix) + 6);
  await readBytes(matrix, rowBytes(matrix) - 4, part);
  expect(part).toEqual(bytes.slice(rowBytes(matrix) - 4, 2 * rowBytes(matrix) + 2));
  expect(columnsOf(matrix)).toBe(IN);
  return [...dequantize(bytes, matrix.type)];
}

describe('weights of few bits', () => {
  it('AWQ: columns of a word in the order 0, 2, 4, 6, 1, 3, 5, 7', async () => {
    const order = [0, 2, 4, 6, 1, 3, 5, 7];
    const tensors = [
      words('x.qweight', [IN, OUT / 8], (at) =>
        word((i) => code((at % (OUT / 8)) * 8 + order[i]!, Math.floor(at / (OUT / 8)))),
      ),
      words('x.qzeros', [GROUPS, OUT / 8], (at) =>
        word((i) => zero(Math.floor(at / (OUT / 8)), (at % (OUT / 8)) * 8 + order[i]!)),
      ),
      floats('x.scales', 'F16', [GROUPS, OUT], (at) => scale(Math.floor(at / OUT), at % OUT)),
    ];
    expect(await valuesOf({ quant_method: 'awq', bits: 4 }, tensors)).toEqual(centred);
  });

  it('GPTQ: rows of a word in order, zeros less one, groups by an index', async () => {
    const groupOf = (at: number): number => at % GROUPS;
    const tensors = (less: number) => [
      words('x.qweight', [IN / 8, OUT], (at) => word((i) => code(at % OUT, Math.floor(at / OUT) * 8 + i))),
      words('x.qzeros', [GROUPS, OUT / 8], (at) =>
        word((i) => zero(Math.floor(at / (OUT / 8)), (at % (OUT / 8)) * 8 + i) - less),
      ),
      floats('x.scales', 'F16', [GROUPS, OUT], (at) => scale(Math.floor(at / OUT), at % OUT)),
      words('x.g_idx', [IN], groupOf),
    ];
    const shuffled = expected(
      (out, at) => (code(out, at) - zero(groupOf(at), out)) * scale(groupOf(at), out),
    );
    expect(await valuesOf({ quant_method: 'gptq', bits: 4 }, tensors(1))).toEqual(shuffled);
    const second = { quant_method: 'gptq', bits: 4, checkpoint_format: 'gptq_v2' };
    expect(await valuesOf(second, tensors(0))).toEqual(shuffled);
    expect(await valuesOf({ quant_method: 'gptq', bits: 4 }, tensors(1).slice(0, 3))).toEqual(centred);
  });

  it('MLX: scales and biases along the rows', async () => {
    const tensors = [
      words('x.weight', [OUT, IN / 8], (at) =>
        word((i) => code(Math.floor(at / (IN / 8)), (at % (IN / 8)) * 8 + i)),
      ),
      floats('x.scales', 'BF16', [OUT, GROUPS], (at) => scale(at % GROUPS, Math.floor(at / GROUPS))),
      floats(
        'x.biases',
        'BF16',
        [OUT, GROUPS],
        (at) => -zero(at % GROUPS, Math.floor(at / GROUPS)) * scale(at % GROUPS, Math.floor(at / GROUPS)),
      ),
    ];
    expect(await valuesOf({ bits: 4, group_size: GROUP }, tensors)).toEqual(centred);
  });

  it('compressed-tensors: packed codes around 8, or float8 with a scale a row', async () => {
    const packed = [
      words('x.weight_packed', [OUT, IN / 8], (at) =>
        word((i) => code(Math.floor(at / (IN / 8)), (at % (IN / 8)) * 8 + i)),
      ),
      floats('x.weight_scale', 'BF16', [OUT, GROUPS], (at) => scale(at % GROUPS, Math.floor(at / GROUPS))),
      words('x.weight_shape', [2], (at) => [OUT, IN][at]!),
    ];
    const method = { quant_method: 'compressed-tensors' };
    expect(await valuesOf(method, packed)).toEqual(
      expected((out, at) => (code(out, at) - 8) * scale(Math.floor(at / GROUP), out)),
    );
    const rows = [
      tensor(
        'x.weight',
        'F8_E4M3',
        [OUT, IN],
        Uint8Array.from({ length: OUT * IN }, (_, i) => 0x30 + (i % 16)),
      ),
      floats('x.weight_scale', 'F32', [OUT, 1], (out) => 2 ** -out),
    ];
    // 0x30 is 2^-1, 0x38 is 1, each step an eighth of it.
    const eight = (i: number): number => (i < 8 ? 0.5 : 1) * (1 + (i % 8) / 8);
    expect(await valuesOf(method, rows)).toEqual(
      expected((out, at) => eight((out * IN + at) % 16) * 2 ** -out),
    );
  });

  it('DeepSeek: float8 with a scale for every block of rows and columns', async () => {
    const tensors = [
      tensor('x.weight', 'F8_E4M3', [OUT, IN], new Uint8Array(OUT * IN).fill(0xb8)),
      floats('x.weight_scale_inv', 'F32', [2, 3], (at) => at + 1),
    ];
    const settings = { quant_method: 'fp8', weight_block_size: [8, 24] };
    expect(await valuesOf(settings, tensors)).toEqual(
      expected((out, at) => -(Math.floor(out / 8) * 3 + Math.floor(at / 24) + 1)),
    );
  });

  it('MXFP4: halves of bytes in another order, the rest as in GGUF', async () => {
    const values = Float32Array.from(
      { length: OUT * IN },
      (_, i) => [0, 0.5, 1, -1.5, 2, 3, -4, 6][(i * 3 + (i >> 5)) % 8]!,
    );
    const stored = quantize(values, 'MXFP4');
    const nibble = (block: number, i: number): number =>
      i < 16 ? stored[block * 17 + 1 + i]! & 15 : stored[block * 17 + 1 + i - 16]! >> 4;
    const blocks = (OUT * IN) / 32;
    const codes = Uint8Array.from({ length: blocks * 16 }, (_, at) => {
      const [block, i] = [Math.floor(at / 16), at % 16];
      return nibble(block, 2 * i) | (nibble(block, 2 * i + 1) << 4);
    });
    const tensors = [
      tensor('x_blocks', 'U8', [OUT, IN / 32, 16], codes),
      tensor(
        'x_scales',
        'U8',
        [OUT, IN / 32],
        Uint8Array.from({ length: blocks }, (_, block) => stored[block * 17]!),
      ),
    ];
    const read = await valuesOf({ quant_method: 'mxfp4' }, tensors, 'x_blocks');
    expect(read).toEqual([...dequantize(stored, 'MXFP4')]);
  });

  const wrong: readonly (readonly [string, Json, readonly StoredTensor[], RegExp])[] = [
    ['another method', { quant_method: 'bitsandbytes' }, [], /quant_method: got "bitsandbytes"/],
    [
      'bits of none',
      { quant_method: 'gptq', bits: 3 },
      [words('x.qweight', [8, 8], () => 0), floats('x.scales', 'F16', [2, 8], () => 1)],
      /bits: got 3/,
    ],
    [
      'scales of another size',
      { quant_method: 'fp8', weight_block_size: [8, 8] },
      [
        tensor('x.weight', 'F8_E4M3', [8, 64], new Uint8Array(512)),
        floats('x.weight_scale_inv', 'F32', [3, 3], () => 1),
      ],
      /weight_scale_inv": got F32 of \[3, 3\], expected scales for blocks of 8 x 8/,
    ],
    [
      'integers without a packing',
      {},
      [tensor('x.weight', 'I8', [8, 8], new Uint8Array(64))],
      /got I8, expected F32/,
    ],
  ];
  it.each(wrong)('%s are an error with name and place', (_, settings, tensors, message) => {
    const config = new FolderConfig({ quantization_config: settings }, 'config.json');
    expect(() => storedMatrices(tensors, config)).toThrow(FormatError);
    expect(() => storedMatrices(tensors, config)).toThrow(message);
  });
});
