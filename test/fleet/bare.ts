/** Machines with bare numbers, for tests in which only the scheduling matters. */
import type { SchedulerPolicy } from '#src/fleet/replica/scheduling.js';
import type { ReplicaModel, StepTimes } from '#src/fleet/replica/step-times.js';

/** A machine on which every step takes `stepSeconds`, whatever the batch, and prompts cost nothing. */
export function evenMachine(maxBatch: number, stepSeconds: number): ReplicaModel {
  return machine({
    tokenSeconds: new Float64Array(1000),
    sharesWeights: false,
    sequenceSeconds: Float64Array.from({ length: maxBatch + 1 }, (_, n) => (n > 0 ? stepSeconds : 0)),
    decodeSeconds: 0,
    contextWeight: new Float64Array(maxBatch + 1),
    contextSeconds: null,
    promptSeconds: 0,
    attendedSeconds: null,
    chunkTokenSeconds: null,
    chunkSeconds: null,
    drainChunks: 0,
    promptYieldsToken: false,
  });
}

export function machine(times: StepTimes, rest: Partial<ReplicaModel> = {}): ReplicaModel {
  return {
    machine: 'bare',
    machines: 1,
    times,
    kvTokens: 1e9,
    maxContext: 1e9,
    requestSeconds: 0,
    requestPerUserSeconds: 0,
    transferSeconds: 0,
    transferPerTokenSeconds: 0,
    watts: 1000,
    dollarsPerHour: 3.6,
    ...rest,
  };
}

export function policy(rest: Partial<SchedulerPolicy> = {}): SchedulerPolicy {
  return {
    maxBatch: 8,
    chunkTokens: 512,
    maxQueue: Infinity,
    prefixCache: false,
    reservesAnswer: false,
    ...rest,
  };
}
