/** EmbeddingGemma: Gemma 3 where every position sees all, or a symmetric window, with products behind the mean. */
import type { Architecture } from '../architecture.js';
import { decoder } from '../decoder.js';
import { dense } from '../pooled.js';
import { gemma3Style } from './gemma.js';

export const gemmaEmbedding: Architecture = {
  names: ['gemma-embedding'],
  build: (config) =>
    decoder(config, {
      ...gemma3Style(config, { isCausal: false }),
      pooled: dense('mean', ['dense_2', 'dense_3']),
    }),
  // Tied to the embedding, and of no use here.
  unread: [/^output\.weight$/],
};
