/** The planner's public API (`waferflow/planner`): re-exports only. */
export type { ModelCard } from '../../models/card.js';
export { cardFromJson } from '../../models/card-file.js';
export { plan } from './estimate.js';
export type * from './estimate-types.js';
export { cardOfShape, findMachine, simulate } from './local-run.js';
