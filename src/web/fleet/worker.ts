/** One capacity search in its own thread, which the page ends when nobody waits for it any more. */
import { WaferflowError } from '../../core/errors.js';
import {
  openSweep,
  runJob,
  type SweepInputs,
  type SweepJobResult,
  searchCapacity,
} from '../../fleet/search/sweep.js';
import { waferPrice } from '../../machine/prices.js';
import { expose } from '../../runtime/link.js';
import { weightBitsOf } from '../../timing/estimate-types.js';
import { findMachine } from '../../timing/local-run.js';
import { cardNamed } from '../plan/ask/cards.js';
import type { FleetApi, FleetQuestion } from './api.js';
import { commandLine } from './command.js';

/** As `waferflow capacity` takes them for granted. */
const defaults = { spread: 0.7, percentile: 99, maxBatch: 256, seed: 1 };

function inputsOf(question: FleetQuestion): SweepInputs {
  const { model, machines, requestsPerSecond, promptTokens, outputTokens, weightBits, requests } = question;
  const card = cardNamed(model);
  const { spread, percentile, maxBatch, seed } = defaults;
  const oneUser = { promptTokens: 1, outputTokens: 1, concurrency: 1 };
  return {
    card,
    machines: machines.map((name) => {
      const machine = findMachine(name);
      const price = machine.kind === 'wafer' ? waferPrice(name) : machine.facts.dollarsPerHour;
      return {
        machine,
        dollarsPerHour: price.value,
        weightBits: weightBitsOf(card, weightBits === null ? oneUser : { ...oneUser, weightBits }),
        kvBits: null,
        engine: 'vllm',
        tensorParallel: null,
        maxBatch,
      };
    }),
    workload: {
      kind: 'drawn',
      requests,
      arrivals: { requestsPerSecond, burstiness: 1, dailySwing: 0, daySeconds: 86_400 },
      prompt: { kind: 'lognormal', mean: promptTokens, spread },
      output: { kind: 'lognormal', mean: outputTokens, spread },
      rateScale: 1,
      batchShare: 0,
    },
    slo: { ttftMs: question.ttftMs, tpotMs: question.tpotMs, percentile },
    seed,
    maxQueue: null,
  };
}

const api: FleetApi = {
  async capacity(question, onProgress) {
    try {
      const sweep = openSweep(inputsOf(question));
      const result = await searchCapacity(
        sweep,
        async (jobs) => {
          const results: SweepJobResult[] = [];
          for (const job of jobs) {
            onProgress(results.length, jobs.length);
            results.push(runJob(sweep, job));
          }
          return results;
        },
        commandLine(question),
      );
      return { result };
    } catch (error) {
      if (error instanceof WaferflowError) return { problem: error.message };
      throw error;
    }
  },
};

expose(api, self);
