/**
 * Gemma 1 to 3: scaled embedding, GELU; from 2 on norms before and after each half and layers that see a window, from 3 on
 * norms on every head of q and k, and another RoPE in those layers.
 */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { type AttentionStyle, attention, decoder, gated, type Style } from '../decoder.js';

const sandwich = { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' };

const style = (config: Config, own: Partial<Style>): Style => ({
  embeddingScale: Math.sqrt(config.hidden),
  mixer: attention(),
  mlp: gated('geluTanh'),
  ...own,
});

/** The 27B models, by their layers, take the width of the hidden vector for the scale. */
const scale = (config: Config, layers: number): number =>
  1 / Math.sqrt(config.layers === layers ? config.hidden / config.heads(0) : config.headDim);

export const gemma: Architecture = {
  names: ['gemma'],
  build: (config) => decoder(config, style(config, {})),
};

export const gemma2: Architecture = {
  names: ['gemma2'],
  build: (config) => {
    const size = config.count('attention.sliding_window', 4096);
    const windowed = config.windowed(2);
    const table = config.rope();
    const local = { ...table, theta: config.number('rope.freq_base_swa', table.theta) };
    const own = (layer: number): AttentionStyle => ({
      rope: windowed[layer] ? local : table,
      window: windowed[layer] ? { kind: 'sliding', size } : null,
      scale: scale(config, 46),
      softcap: config.number('attn_logit_softcapping', 50),
    });
    return decoder(
      config,
      style(config, {
        norms: sandwich,
        mixer: attention(own),
        logitCap: config.number('final_logit_softcapping', 30),
      }),
    );
  },
};

export function gemma3Style(config: Config, { isCausal = config.isCausal } = {}): Style {
  const size = config.count('attention.sliding_window', 0);
  const windowed = size > 0 ? config.windowed(6) : [];
  const local = config.rope({
    theta: config.number('rope.freq_base_swa', 10000),
    divisor: 1,
    yarn: null,
    magnitude: 1,
  });
  const own = (layer: number): AttentionStyle => ({
    isCausal,
    qkNorm: 'before rope',
    rope: windowed[layer] ? local : config.rope(),
    window: windowed[layer] ? { kind: isCausal ? 'sliding' : 'symmetric', size } : null,
    scale: scale(config, 62),
  });
  return style(config, {
    norms: sandwich,
    mixer: attention(own),
    logitCap: config.number('final_logit_softcapping', 0),
  });
}

export const gemma3: Architecture = {
  names: ['gemma3'],
  build: (config) => decoder(config, gemma3Style(config)),
};
