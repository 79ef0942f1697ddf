/** BERT and its kin, which make vectors: every position sees all, norms of sums and none at the end. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated, type Part, plain, type Style } from '../decoder.js';
import { sparse } from '../experts.js';
import { ranked } from '../pooled.js';

function kin(name: string, mixer: Part, style: Partial<Style> = {}): Architecture {
  return {
    names: [name],
    build: (config) =>
      decoder(config, {
        norm: 'layer',
        hasTokenTypes: true,
        embeddingNorm: 'token_embd_norm',
        mixer,
        mlp: plain('gelu'),
        norms: { before: null, sum: 'attn_output_norm', mlpBefore: null, mlpSum: 'layer_output_norm' },
        outputNorm: null,
        pooled: ranked(config.isRanker ? 'first' : 'mean', 'tanh'),
        ...style,
      }),
    unread: [/^cls\./],
  };
}

/** Gate and up may lie in one tensor, or there is no gate. */
const geglu: Part = (model, h, layer) => {
  const rows = model.config.file.shape(`blk.${layer}.ffn_up.weight`)?.[0];
  const isPlain = !model.has(layer, 'ffn_gate') && rows === model.config.ffn(layer);
  return (isPlain ? plain('gelu') : gated('gelu'))(model, h, layer);
};

const turning = attention({ isCausal: false });

export const berts: readonly Architecture[] = [
  kin('bert', attention({ isCausal: false, rope: null }), { hasPositions: true }),
  kin('nomic-bert', turning, { mlp: gated('silu') }),
  kin('nomic-bert-moe', turning, {
    mlp: sparse(
      (config) => ({
        act: 'gelu',
        isNormalised: false,
        weightScale: config.number('expert_weights_scale', 0) || 1,
      }),
      plain('gelu'),
    ),
  }),
  kin(
    'jina-bert-v2',
    attention((layer, config) => ({
      isCausal: false,
      rope: null,
      alibi: 8,
      qkNorm: config.has(`blk.${layer}.attn_q_norm.weight`) ? 'before rope' : null,
    })),
    { mlp: geglu },
  ),
  kin('jina-bert-v3', turning),
];
