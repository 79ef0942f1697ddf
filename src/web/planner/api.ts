/** What the page may ask of its planner worker. */
import type { PlanRequest, PlanResult } from '../../timing/planTypes.js';

/** A machine's answer, or why it has none: a sentence that says what to do. */
export type Planned =
  | { readonly machine: string; readonly result: PlanResult }
  | { readonly machine: string; readonly problem: string };

export interface PlannerApi {
  /** One model on every machine, in the order of the machines. */
  plan(model: string, machines: readonly string[], request: PlanRequest): readonly Planned[];
}
