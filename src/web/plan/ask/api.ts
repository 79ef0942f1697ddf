/** What the page may ask of its planner worker. */
import type { PlanRequest, PlanResult } from '../../../timing/estimate-types.js';

/** One question: a model on a machine, both by name. */
export interface PlanQuestion {
  readonly model: string;
  readonly machine: string;
  readonly request: PlanRequest;
}

/** A machine's answer, or why it has none: a sentence that says what to do. */
export type Planned =
  | { readonly machine: string; readonly result: PlanResult }
  | { readonly machine: string; readonly problem: string };

/** Latency that every user should have. */
export interface Slo {
  readonly ttftMs: number;
  readonly tpotMs: number;
}

/** The same machines under more and more users. */
export interface Sweep {
  readonly machine: string;
  readonly points: readonly SweepPoint[];
  /** The most users that all stay within the SLO; 0 when not even one does. */
  readonly usersWithinSlo: number;
}

export type SweepPoint = { readonly users: number } & Pick<
  PlanResult,
  | 'count'
  | 'ttftMs'
  | 'tpotMs'
  | 'tokensPerSecondPerUser'
  | 'tokensPerSecond'
  | 'dollarsPerMTokens'
  | 'joulesPerToken'
>;

export interface PlannerApi {
  plan(questions: readonly PlanQuestion[]): readonly Planned[];
  sweep(questions: readonly PlanQuestion[], slo: Slo): readonly Sweep[];
}
