/** Llama 1 to 3 and what differs from it by how dimensions turn or by a name: RMSNorm, grouped-query attention, SwiGLU. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated, plain, type Style } from '../decoder.js';
import { sparse } from '../experts.js';
import type { RopeOp } from '../op.js';

function family(names: readonly string[], order: RopeOp['order'], own: Partial<Style> = {}): Architecture {
  return {
    names,
    build: (config) => decoder(config, { mixer: attention({ order }), mlp: sparse(), ...own }),
  };
}

export const llamas: readonly Architecture[] = [
  family(['llama', 'internlm2', 'xverse', 'nanbeige', 'chatglm'], 'pairs'),
  // Squared ReLU, and no gate.
  family(['arcee'], 'pairs', { mlp: plain('squaredRelu') }),
  family(['maincoder'], 'pairs', { mixer: attention({ order: 'pairs', qkNorm: 'after rope' }) }),
  family(['openelm'], 'halves', { mixer: attention({ qkNorm: 'before rope' }) }),
  // Attention and MLP side by side.
  family(['plamo'], 'halves', { parallel: { ownNorm: false } }),
  family(['qwen2', 'exaone', 'paddleocr'], 'halves'),
  // Norms of the MLP under another name.
  family(['seed_oss'], 'halves', { norms: { mlpBefore: 'post_attention_norm' } }),
  {
    // Files carry divisors of frequencies and its own code passes them over.
    names: ['pangu-embedded'],
    build: (config) => decoder(config, { mixer: attention(), mlp: gated('silu') }),
    ignored: [/^rope_freqs\.weight$/],
  },
  {
    // Files state twice the size of the MLP, and one tensor holds as many keys and values as queries.
    names: ['qwen'],
    build: (config) =>
      decoder(config, {
        mixer: attention({ qkvRows: 3 * config.hidden }),
        mlp: (model, h, layer) => gated('silu', '', config.ffn(layer) / 2)(model, h, layer),
      }),
  },
  {
    // Matrices for images lie beside those for text; positions turn as the first models' do, whatever the file says.
    names: ['cogvlm'],
    build: (config) =>
      decoder(config, {
        mixer: attention({
          rope: config.rope({ dims: config.headDim, theta: 10000, divisor: 1, yarn: null, magnitude: 1 }),
          qkvRows: 3 * config.heads(0) * config.headDim,
          qkvStep: config.hidden,
        }),
        mlp: gated('silu'),
      }),
    ignored: [/\.vis_/, /^rope_freqs\.weight$/],
  },
  {
    names: ['qwen2vl'],
    build: (config) => {
      const eps = config.number('attention.layer_norm_rms_epsilon', 0);
      return decoder(config, { eps, mixer: attention(), mlp: gated('silu') });
    },
    ignored: [/^output\.bias$/],
  },
];
