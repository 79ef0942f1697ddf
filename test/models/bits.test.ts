/** Widths as checkpoints say them: config.json, the file beside it, GGUF tensors. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { productBits, readQuantization, storedBits } from '#models/card-bits.js';
import { loadCard, resolveCard } from '#src/platform/node/cards.js';
import { plan } from '#src/timing/estimate.js';
import { findMachine } from '#src/timing/local-run.js';

const SHAPE = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
};

describe('quantization_config', () => {
  it.each([
    ['fp8', { quant_method: 'fp8', weight_block_size: [128, 128] }, 8, 8],
    ['modelopt FP8', { quant_method: 'modelopt', quant_algo: 'FP8' }, 8, 8],
    ['modelopt NVFP4', { quant_method: 'modelopt', quant_algo: 'NVFP4' }, 4, 4.5],
    ['modelopt_fp4', { quant_method: 'modelopt_fp4' }, 4, 4.25],
    ['mxfp4', { quant_method: 'mxfp4' }, 4, 4.25],
    ['bitsandbytes 4', { quant_method: 'bitsandbytes', load_in_4bit: true }, 4, 4.5],
    ['bitsandbytes 8', { quant_method: 'bitsandbytes', load_in_8bit: true }, 8, 8],
    ['awq', { quant_method: 'awq', bits: 4, group_size: 128 }, 4, 4 + 20 / 128],
    ['gptq 8', { quant_method: 'gptq', bits: 8, group_size: -1 }, 8, 8],
    ['mlx', { bits: 4, group_size: 64 }, 4, 4 + 20 / 64],
    ['hqq', { quant_method: 'hqq', weight_config: {}, nbits: 4, group_size: 64 }, 4, 4 + 20 / 64],
    [
      'torchao',
      { quant_method: 'torchao', quant_type: { default: { _type: 'Int4WeightOnlyConfig' } } },
      4,
      4.5,
    ],
    ['torchao float8', { quant_method: 'torchao', quant_type: 'float8_dynamic_activation' }, 8, 8],
    [
      'quark',
      { quant_method: 'quark', global_quant_config: { weight: { dtype: 'fp4', group_size: 32 } } },
      4,
      4.25,
    ],
    [
      'compressed-tensors int4',
      {
        quant_method: 'compressed-tensors',
        config_groups: { group_0: { weights: { num_bits: 4, type: 'int', group_size: 128 } } },
      },
      4,
      4 + 20 / 128,
    ],
    [
      'compressed-tensors NVFP4',
      {
        quant_method: 'compressed-tensors',
        config_groups: { group_0: { weights: { num_bits: 4, type: 'float', group_size: 16 } } },
      },
      4,
      4.5,
    ],
    [
      'compressed-tensors FP8',
      {
        quant_method: 'compressed-tensors',
        config_groups: { g: { weights: { num_bits: 8, type: 'float' } } },
      },
      8,
      8,
    ],
  ])('%s', (_, config, width, stored) => {
    const read = readQuantization(config);
    expect(read.unknown).toBeNull();
    expect(read.weightBits).toBe(width);
    expect(read.storedBits.mlp).toBeCloseTo(stored, 3);
    expect(read.storedBits.head).toBe(16);
  });

  it('reads what the KV cache was made for, and which layers stay wide', () => {
    expect(readQuantization({ quant_algo: 'FP8', kv_cache_quant_algo: 'FP8' }).kvBits).toBe(8);
    expect(readQuantization({ quant_method: 'fp8', kv_cache_scheme: { num_bits: 8 } }).kvBits).toBe(8);
    expect(readQuantization({ quant_method: 'fp8' }).kvBits).toBeNull();
    const experts = readQuantization({
      quant_method: 'mxfp4',
      modules_to_not_convert: ['model.layers.*.self_attn'],
    });
    expect(experts.storedBits).toEqual({ attention: 16, mlp: 16, experts: 4.25, head: 16 });
  });

  it('says that a method is not known, and counts 16 bit', () => {
    expect(readQuantization({ quant_method: 'magic' })).toMatchObject({ weightBits: 16, unknown: 'magic' });
  });
});

describe('checkpoints', () => {
  it('reads hf_quant_config.json beside the config of a folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'waferflow-card-'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify(SHAPE));
    expect(loadCard(folder).weightBits).toBe(16);
    const quantization = { quant_algo: 'NVFP4', kv_cache_quant_algo: 'FP8', group_size: 16 };
    writeFileSync(join(folder, 'hf_quant_config.json'), JSON.stringify({ quantization }));
    const card = loadCard(folder);
    expect([card.weightBits, card.storedBits.mlp, card.kvBits]).toEqual([4, 4.5, 8]);
  });

  it('takes a GGUF at the bits of its tensors: the embedded model in Q8_0 has 8.5 and multiplies at 8', async () => {
    const card = await resolveCard();
    expect(card.weightBits).toBe(8);
    expect(card.storedBits.attention).toBe(8.5);
    expect(card.storedBits.mlp).toBe(8.5);
  });

  it('holds what was asked for at the usual bits, and routers and heads at 16', async () => {
    const card = await resolveCard();
    expect(storedBits(card, 4)).toEqual({ attention: 4.25, mlp: 4.25, experts: 4.25, head: 16 });
    expect(productBits(card, { name: 'router', part: 'mlp' }, 4)).toBe(16);
    expect(productBits(card, { name: 'gateUp', part: 'mlp' }, card.weightBits)).toBe(8.5);
  });

  it('compares machines at one width of the KV cache unless the checkpoint or the user says otherwise', () => {
    const card = loadCard('llama-3.1-70b');
    const request = { promptTokens: 1000, outputTokens: 200, concurrency: 4, weightBits: 8 };
    const kvOf = (name: string): string | undefined =>
      plan(card, findMachine(name), request).assumptions.find((each) => each.name === 'KV cache')?.value;
    expect(['h200', 'b200', 'wse-3'].map(kvOf)).toEqual(['16 bit', '16 bit', '16 bit']);
  });
});
