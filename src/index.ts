/** The public API of waferflow: re-exports only. */
export type { ModelCard } from '../models/card.js';
export * from './core/errors.js';
export { loadCard, resolveCard } from './platform/node/cards.js';
export { load } from './platform/node/load.js';
export type * from './runtime/types.js';
export { plan } from './timing/estimate.js';
export type * from './timing/estimate-types.js';
export { findMachine, simulate } from './timing/local-run.js';
