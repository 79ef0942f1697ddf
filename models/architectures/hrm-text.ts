/**
 * HRM-Text: two stacks of layers take turns on one token. The low one runs several times on the sum of both states, then the
 * high one once, and all of that again; each run keeps keys and values of its own.
 */
import type { Architecture } from '../architecture.js';
import { attention, type Decoder, decoder, gated, layerOf } from '../decoder.js';
import type { Value } from '../op.js';

export const hrmText: Architecture = {
  names: ['hrm_text'],
  build: (config) => {
    const [perStack, high, low] = ['layers_per_stack', 'h_cycles', 'l_cycles'].map((key) =>
      config.positive(`hrm.${key}`),
    ) as [number, number, number];
    const stack = (model: Decoder, x: Value, first: number): Value => {
      let y = x;
      for (let layer = first; layer < first + perStack; layer++) y = layerOf(model, y, layer);
      return model.bareNorm(y);
    };
    const style = {
      embeddingScale: config.number('embedding_scale', 0) || 1,
      isNormBare: true,
      mixer: attention({ gate: 'sigmoid' }),
      mlp: gated('silu'),
      outputNorm: null,
    } as const;
    return decoder(config, style, (model, embedded) => {
      const { graph } = model;
      const begin = { name: 'hrm.z_l_init', shape: [config.hidden] };
      let [slow, fast]: [Value, Value | null] = [embedded, null];
      const both = (): Value => (fast ? graph.add(slow, fast) : graph.scale(slow, null, begin));
      for (let cycle = 0; cycle < high; cycle++) {
        for (let i = 0; i < low; i++) fast = stack(model, both(), 0);
        slow = stack(model, both(), perStack);
      }
      return slow;
    });
  },
};
