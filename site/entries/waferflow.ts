/** `waferflow`: load a model, generate, plan. */
export * from '../../src/index.js';
