/** What the page may ask of its fleet worker. */
import type { CapacityResult } from '../../fleet/types.js';

/** Traffic with drawn lengths, on machines by name. */
export interface FleetQuestion {
  readonly model: string;
  readonly machines: readonly string[];
  readonly requestsPerSecond: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** Null: as published. */
  readonly weightBits: number | null;
  /** Requests that are simulated. */
  readonly requests: number;
}

export interface FleetApi {
  /** The search, or the sentence of an error; `onProgress` hears of configurations done and in all. */
  capacity(
    question: FleetQuestion,
    onProgress: (done: number, total: number) => void,
  ): Promise<{ readonly result: CapacityResult } | { readonly problem: string }>;
}
