/** `waferflow/browser`: the same for pages. */
export * from '../../src/platform/browser/index.js';
