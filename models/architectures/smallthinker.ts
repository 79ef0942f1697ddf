/** SmallThinker: the router reads the layer's input before attention, experts with a gated ReLU. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { routedTo, routing } from '../experts.js';
import type { Value } from '../op.js';
import { windowed } from '../windowed.js';

/** Fixed, whatever a file's key says beside there being one. */
const size = 4096;

export const smallThinker: Architecture = {
  names: ['smallthinker'],
  build: (config) => {
    const hasWindows = config.count('attention.sliding_window', 0) > 0;
    const view = windowed(config, 4, { isFirstWhole: true, size: hasWindows ? size : 0 });
    const inputs: Value[] = [];
    const mixer = attention((layer) => {
      const { rope, window } = view(layer);
      // The reference takes four layers in all for the number that says that every layer turns.
      const isBare = hasWindows && layer % 4 === 0 && config.layers !== 4;
      return { rope: isBare ? null : rope, window };
    });
    const { scoring = 'softmax' } = routing(config);
    return decoder(config, {
      norms: { before: null },
      mixer: (model, x, layer) => {
        inputs[layer] = x;
        return mixer(model, model.normOf(x, layer, 'attn_norm'), layer);
      },
      mlp: (model, h, layer) => routedTo(model, h, inputs[layer]!, layer, { act: 'relu', scoring }),
    });
  },
};
