/** The public API of waferflow: re-exports only. */
export * from './core/errors.js';
export { load } from './platform/node/load.js';
export type * from './runtime/types.js';
