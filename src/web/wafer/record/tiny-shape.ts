/** The small model as the page offers it; apart from the model, so that only the worker loads that. */
export const TINY_MODEL = {
  name: 'tiny-llama',
  title: 'A whole small model: two layers and the head, one token',
  elementsAre: 'hidden size, a multiple of 16',
} as const;
