/** GroveMoE: Qwen 3's mixture of experts, with small experts behind, chosen by the same scores, that go over its result. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { chosen } from '../experts.js';

export const groveMoe: Architecture = {
  names: ['grovemoe'],
  build: (config) => {
    // Of larger groups several experts would share a small one.
    config.below('experts_per_group', 2);
    const scale = config.number('expert_group_scale');
    return decoder(config, {
      mixer: attention({ qkNorm: 'before rope' }),
      mlp: (model, h, layer) => {
        const logits = model.one(h, layer, 'ffn_gate_inp', config.positive('expert_count'));
        const first = chosen(model, h, logits, layer, { chooseBy: 'logits' });
        const size = config.count('expert_chunk_feed_forward_length', 0) || config.headDim;
        const facts = { stem: '_chexps', size };
        return model.graph.add(
          first,
          chosen(model, first, logits, layer, { chooseBy: 'logits' }, facts),
          scale,
        );
      },
    });
  },
};
