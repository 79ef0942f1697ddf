/** Phi 3 and 4: Llama with q, k, v in one tensor and gate and up in one; long contexts by factors (longrope). */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { sparse } from '../experts.js';

export const phi3: Architecture = {
  names: ['phi3', 'phimoe'],
  build: (config) => decoder(config, { mixer: attention(), mlp: sparse() }),
};
