/** Qwen's mixtures of experts: 2 with an expert that all tokens share, by a gate; 3 with norms on every head of q and k. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { experts } from '../experts.js';

export const qwenMoe: readonly Architecture[] = [
  {
    names: ['qwen2moe'],
    build: (config) => decoder(config, { mixer: attention(), mlp: experts({ isNormalised: false }) }),
  },
  {
    names: ['qwen3moe', 'qwen3vlmoe'],
    build: (config) => decoder(config, { mixer: attention({ qkNorm: 'before rope' }), mlp: experts() }),
  },
];
