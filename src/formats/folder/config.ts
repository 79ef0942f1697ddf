/** A folder's config.json, read key by key: what is there is checked, and what is wrong has a name and a place. */
import { FormatError } from '../../core/errors.js';
import type { GgufInput } from '../gguf-writer.js';

export type Json = Readonly<Record<string, unknown>>;
export type Keys = Readonly<Record<string, GgufInput>>;

/** A number that stays a float though it may be whole. */
export const float = (value: number): GgufInput => ({ type: 'f32', value });

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export class FolderConfig {
  readonly file: string;
  readonly json: Json;

  /** Of a model for images too, the part that writes text. */
  constructor(json: Json, file: string) {
    this.file = file;
    this.json = isJson(json.text_config) ? { ...json, ...json.text_config } : json;
  }

  get modelType(): string {
    return String(this.json.model_type);
  }

  get(key: string): unknown {
    return this.json[key] ?? undefined;
  }

  wrong(key: string, value: unknown, expected: string): FormatError {
    return new FormatError({
      what: `${this.file}: ${key}`,
      given: value === undefined ? 'no such key' : JSON.stringify(value).slice(0, 80),
      expected,
      todo: 'Fetch the folder again, or take a GGUF file of this model.',
    });
  }

  /** The first of the keys that is there, a number of at least `least`. */
  private first(
    keys: readonly string[],
    fallback: number | undefined,
    least: number,
    whole: boolean,
  ): number {
    const key = keys.find((one) => this.get(one) !== undefined) ?? keys[0]!;
    const value = this.get(key) ?? fallback;
    if (
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= least &&
      (!whole || Number.isSafeInteger(value))
    )
      return value;
    throw this.wrong(key, value, whole ? `a whole number from ${least}` : 'a number');
  }

  /** A whole number from 1, by any of its names. */
  size(keys: string | readonly string[], fallback?: number): number {
    return this.first([keys].flat(), fallback, 1, true);
  }

  /** A whole number from 0, by any of its names. */
  count(keys: string | readonly string[], fallback?: number): number {
    return this.first([keys].flat(), fallback, 0, true);
  }

  number(keys: string | readonly string[], fallback?: number): number {
    return this.first([keys].flat(), fallback, -Number.MAX_VALUE, false);
  }

  flag(key: string, fallback = false): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, value, 'true or false');
  }

  /** One of each layer; undefined where there is no such list. */
  perLayer(key: string): readonly unknown[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.length >= this.layers) return value.slice(0, this.layers);
    throw this.wrong(key, value, `a list of ${this.layers}, one for each layer`);
  }

  /** @throws FormatError where a key says what the architecture does not compute */
  require(key: string, accepted: readonly unknown[]): void {
    const value = this.get(key);
    if (value === undefined || accepted.includes(value)) return;
    throw this.wrong(key, value, accepted.map((one) => JSON.stringify(one)).join(' or ') || 'none');
  }

  get layers(): number {
    return this.size(['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers']);
  }

  get hidden(): number {
    return this.size(['hidden_size', 'n_embd', 'd_model', 'dim']);
  }

  get heads(): number {
    return this.size(['num_attention_heads', 'n_head', 'n_heads']);
  }

  get kvHeads(): number {
    return this.size(['num_key_value_heads', 'num_kv_heads', 'n_head_kv'], this.heads);
  }

  get headDim(): number {
    return this.size(['head_dim', 'attention_head_dim'], this.hidden / this.heads);
  }

  get ffn(): number {
    return this.size(['intermediate_size', 'n_inner', 'ffn_dim'], 4 * this.hidden);
  }

  get context(): number {
    return this.size(['max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len']);
  }

  get vocab(): number {
    return this.size('vocab_size');
  }

  get experts(): number {
    return this.size(['num_local_experts', 'num_experts', 'n_routed_experts', 'moe_num_experts']);
  }

  get expertsUsed(): number {
    return this.size(['num_experts_per_tok', 'num_experts_per_token', 'moe_k', 'moe_topk']);
  }

  /** What kind each layer is, where the config says so. */
  get layerTypes(): readonly string[] | undefined {
    return (this.perLayer('layer_types') ?? this.perLayer('layers_block_type'))?.map(String);
  }
}
