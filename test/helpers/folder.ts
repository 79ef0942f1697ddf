/** A Hugging Face folder of a small Llama with seeded random weights in two shards, as files by name. */
import { Rng } from '#src/core/rng.js';
import { byteToChar } from '#src/formats/tokenizers/bpe.js';

const sizes = { hidden: 32, ffn: 64, vocab: 260, heads: 4, kvHeads: 2 };

const config = {
  ...{
    model_type: 'llama',
    hidden_size: sizes.hidden,
    intermediate_size: sizes.ffn,
    vocab_size: sizes.vocab,
  },
  ...{ num_hidden_layers: 2, num_attention_heads: sizes.heads, num_key_value_heads: sizes.kvHeads },
  ...{ max_position_embeddings: 256, rms_norm_eps: 1e-5, tie_word_embeddings: true, eos_token_id: 256 },
};

const tokenizer = {
  added_tokens: [{ id: 256, content: '<end>', special: true }],
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  model: {
    type: 'BPE',
    vocab: { ...Object.fromEntries(byteToChar.map((char, id) => [char, id])), he: 257 },
    merges: [['h', 'e']],
  },
};

function shapes(): Record<string, number[]> {
  const { hidden, ffn, vocab, heads, kvHeads } = sizes;
  const kv = (hidden / heads) * kvHeads;
  const layer = (l: number): Record<string, number[]> =>
    Object.fromEntries(
      Object.entries({
        input_layernorm: [hidden],
        'self_attn.q_proj': [hidden, hidden],
        'self_attn.k_proj': [kv, hidden],
        'self_attn.v_proj': [kv, hidden],
        'self_attn.o_proj': [hidden, hidden],
        post_attention_layernorm: [hidden],
        'mlp.gate_proj': [ffn, hidden],
        'mlp.up_proj': [ffn, hidden],
        'mlp.down_proj': [hidden, ffn],
      }).map(([name, shape]) => [`model.layers.${l}.${name}.weight`, shape]),
    );
  return {
    'model.embed_tokens.weight': [vocab, hidden],
    ...layer(0),
    ...layer(1),
    'model.norm.weight': [hidden],
  };
}

function shard(tensors: readonly (readonly [string, number[]])[], rng: Rng): Buffer {
  const header: Record<string, unknown> = {};
  const data: Buffer[] = [];
  let at = 0;
  for (const [name, shape] of tensors) {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from(
      { length: count },
      () => (rng.below(2001) - 1000) / (shape.length > 1 ? 5000 : 1000),
    );
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + 4 * count] };
    at += 4 * count;
    data.push(Buffer.from(values.buffer));
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...data]);
}

export function smallFolder(seed = 1): Record<string, Buffer> {
  const rng = new Rng(seed);
  const tensors = Object.entries(shapes());
  const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  const parts = [tensors.slice(0, 8), tensors.slice(8)];
  const map = parts.flatMap((part, i) => part.map(([name]) => [name, files[i]!]));
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  return {
    'config.json': json(config),
    'tokenizer.json': json(tokenizer),
    'chat_template.jinja': Buffer.from('{% for m in messages %}{{ m.content }}{% endfor %}'),
    'model.safetensors.index.json': json({ weight_map: Object.fromEntries(map) }),
    [files[0]]: shard(parts[0]!, rng),
    [files[1]]: shard(parts[1]!, rng),
  };
}
