/** GPT-2 and those after it with positions that are learned or ALiBi's: LayerNorm, an MLP without a gate. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated, plain } from '../decoder.js';

/** Learned positions. */
export const gpt2: Architecture = {
  names: ['gpt2', 'starcoder'],
  build: (config) =>
    decoder(config, {
      norm: 'layer',
      hasPositions: true,
      mixer: attention({ rope: null }),
      mlp: plain('geluTanh'),
    }),
};

export const bloom: Architecture = {
  names: ['bloom'],
  build: (config) =>
    decoder(config, {
      norm: 'layer',
      embeddingNorm: 'token_embd_norm',
      mixer: attention({ rope: null, alibi: 8 }),
      mlp: plain('geluTanh'),
    }),
};

/** Scores are divided by the size of a head, not by its root. */
export const jais: Architecture = {
  names: ['jais'],
  build: (config) =>
    decoder(config, {
      norm: 'layer',
      mixer: attention({
        rope: null,
        alibi: config.number('attention.max_alibi_bias', 0) || null,
        scale: 1 / config.headDim,
      }),
      mlp: gated('silu'),
    }),
};

/** The 7B turns, the 13B has ALiBi; they are told apart by their layers. */
export const baichuan: Architecture = {
  names: ['baichuan'],
  build: (config) => {
    const isLarge = config.layers === 40;
    const positions = config.layers === 32 ? {} : { rope: null, alibi: isLarge ? 8 : null };
    return decoder(config, { mixer: attention({ order: 'pairs', ...positions }), mlp: gated('silu') });
  },
};

/** ALiBi and, in some, learned positions; values cut to a range; AWQ's scales divide what the MLP's function gives. */
export const mpt: Architecture = {
  names: ['mpt'],
  build: (config) => {
    const own = (layer: number): AttentionStyle => ({
      rope: null,
      alibi: config.number('attention.max_alibi_bias', 0) || null,
      clamp: config.number('attention.clamp_kqv', 0),
      qkNorm: config.has(`blk.${layer}.attn_q_norm.weight`) ? 'before rope' : null,
    });
    return decoder(config, {
      norm: 'layer',
      hasPositions: config.has('position_embd.weight'),
      mixer: attention(own),
      mlp: (model, h, layer) => {
        const ffn = config.ffn(layer);
        let inner = model.graph.activation(model.one(h, layer, 'ffn_up', ffn), { name: 'geluTanh' });
        const scales = model.optional(layer, 'ffn.act', [ffn], '.scales');
        if (scales) inner = model.graph.scale(inner, { ...scales, isInverse: true });
        return model.one(inner, layer, 'ffn_down', config.hidden);
      },
    });
  },
  // A norm of keys plays no part without one of queries.
  unread: [/attn_k_norm/],
};
