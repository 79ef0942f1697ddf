/** How wide a model's numbers are stored: what a checkpoint says of its weights and KV cache, part by part. */
import type { ModelCard, Quantized, StoredBits, Width } from './card.js';
import { isObject, type Json } from './card-fields.js';
import type { Product } from './products.js';

/** Stored bits of a width where the checkpoint does not say: 4-bit formats carry a scale per block of 32 (OCP MX). */
export function nominalBits(width: number): number {
  return width === 4 ? 4.25 : width;
}

/** The width at which weights of so many stored bits are multiplied: 4 for Q4_K (4.5), 8 for Q5_K to Q8_0 (8.5). */
export function widthOf(bits: number): Width {
  return bits <= 5 ? 4 : bits <= 9 ? 8 : 16;
}

export function partBits(stored: number, quantized: Quantized): StoredBits {
  const rest = quantized === 'experts' ? 16 : stored;
  return { attention: rest, mlp: rest, experts: stored, head: 16 };
}

/** Stored bits of the parts of a model whose weights are held at `width`: as published where that is its own. */
export function storedBits(card: ModelCard, width: number): StoredBits {
  return width === card.weightBits ? card.storedBits : partBits(nominalBits(width), card.quantized);
}

/** Stored bits of one product's matrix; routers are never quantised. */
export function productBits(
  card: ModelCard,
  { name, part }: Pick<Product, 'name' | 'part'>,
  width: number,
): number {
  return name === 'router' ? 16 : storedBits(card, width)[part];
}

/** What a checkpoint says of its numbers. */
export interface Quantization {
  readonly weightBits: Width;
  readonly storedBits: StoredBits;
  readonly quantized: Quantized;
  /** Bits of the KV cache it was made for; null where it does not say. */
  readonly kvBits: number | null;
  /** A method that is not known, whose weights count as 16 bit. */
  readonly unknown: string | null;
}

/**
 * Stored bits of the published forms: FP8 has a scale per tensor or channel; NVFP4 an 8-bit scale per 16 weights (NVIDIA
 * Model Optimizer), MXFP4 one per 32 (OCP MX 1.0); NF4 a 32-bit scale per 64 (QLoRA, arXiv:2305.14314).
 */
const FORMS: readonly (readonly [RegExp, number])[] = [
  [/nvfp4|fp4_awq/, 4.5],
  [/mxfp4|fp4/, 4.25],
  [/nf4|bnb.?4|int4|uint4|w4|4.?bit/, 4.5],
  [/mxfp8/, 8.25],
  [/fp8|int8|w8|8.?bit|float8/, 8],
  [/fp6/, 6.25],
];

/** Reads `quantization_config` of a config.json, or the `quantization` of a hf_quant_config.json. */
export function readQuantization(config: Json): Quantization {
  const method = String(config.quant_method ?? config.quant_algo ?? '').toLowerCase();
  const bits = weightBitsOf(config);
  const skipped = config.modules_to_not_convert ?? config.ignore ?? config.exclude_modules;
  const quantized =
    Array.isArray(skipped) && skipped.some((module) => String(module).includes('self_attn'))
      ? 'experts'
      : 'linear';
  const stored = bits ?? 16;
  return {
    weightBits: widthOf(stored),
    storedBits: partBits(stored, quantized),
    quantized,
    kvBits: kvBitsOf(config),
    unknown: bits === null ? method : null,
  };
}

/** Stored bits with scales, or null for a method that is not known. */
function weightBitsOf(config: Json): number | null {
  const method = String(config.quant_method ?? '').toLowerCase();
  if (config.load_in_4bit === true) return config.bnb_4bit_use_double_quant === true ? 4.127 : 4.5;
  if (config.load_in_8bit === true) return 8;
  // AWQ, GPTQ, HQQ, MLX: integers in groups, each with a scale and mostly a zero of 16 bits.
  const given = config.bits ?? config.nbits ?? config.w_bit;
  const group = config.group_size ?? config.q_group_size;
  if (typeof given === 'number' && given > 0 && given <= 16) return given + scaleBits(given, group);
  // compressed-tensors and Quark describe groups of layers; the first is that of the linear ones.
  for (const list of [config.config_groups, config.layer_quant_config]) {
    if (!isObject(list)) continue;
    for (const entry of Object.values(list)) {
      const weights = isObject(entry) ? (entry.weights ?? entry.weight) : null;
      if (isObject(weights)) return weightsBits(weights);
    }
  }
  if (isObject(config.global_quant_config) && isObject(config.global_quant_config.weight)) {
    return weightsBits(config.global_quant_config.weight);
  }
  if (isObject(config.weight_config) && typeof config.weight_config.nbits === 'number') {
    return (
      config.weight_config.nbits + scaleBits(config.weight_config.nbits, config.weight_config.group_size)
    );
  }
  const texts = [config.quant_algo, config.quant_type, config.weights_dtype, config.format, method];
  for (const text of texts) {
    const said = isObject(text) ? JSON.stringify(text).toLowerCase() : String(text ?? '').toLowerCase();
    const form = FORMS.find(([pattern]) => pattern.test(said));
    if (form !== undefined) return form[1];
  }
  return null;
}

/** `weights` of compressed-tensors, `weight` of Quark. */
function weightsBits(weights: Json): number | null {
  const bits = weights.num_bits ?? Number(/\d+/.exec(String(weights.dtype ?? ''))?.[0]);
  if (typeof bits !== 'number' || !(bits > 0 && bits <= 16)) return null;
  // Floats of 4 bits have scales of 8: NVFP4 per 16, MXFP4 per 32.
  const group = weights.group_size;
  if (bits === 4 && /float|fp/.test(String(weights.type ?? weights.dtype)) && typeof group === 'number') {
    return 4 + 8 / group;
  }
  return bits + scaleBits(bits, group);
}

/** A 16-bit scale, and below 8 bits a zero of as many bits as a weight, for each group. */
function scaleBits(bits: number, group: unknown): number {
  return typeof group === 'number' && group > 0 ? (16 + (bits < 8 ? bits : 0)) / group : 0;
}

function kvBitsOf(config: Json): number | null {
  const scheme = config.kv_cache_scheme;
  if (isObject(scheme) && typeof scheme.num_bits === 'number') return scheme.num_bits;
  const said = String(config.kv_cache_quant_algo ?? '').toLowerCase();
  return /fp8|int8/.test(said) ? 8 : /fp4|int4/.test(said) ? 4 : null;
}
