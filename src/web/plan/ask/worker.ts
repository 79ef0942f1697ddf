/** The planner in its own thread, so that a slider never waits for it. */
import { WaferflowError } from '../../../core/errors.js';
import { expose } from '../../../runtime/link.js';
import { plan } from '../../../timing/estimate.js';
import { findMachine } from '../../../timing/local-run.js';
import type { PlannerApi } from './api.js';
import { cardNamed } from './cards.js';
import { sweepUsers } from './sweep.js';

/** The answer, or the sentence of one of the project's errors. */
function attempt<T>(work: () => T): T | { readonly problem: string } {
  try {
    return work();
  } catch (error) {
    if (error instanceof WaferflowError) return { problem: error.message };
    throw error;
  }
}

const api: PlannerApi = {
  plan: (questions) =>
    questions.map(({ model, machine, request }) => ({
      machine,
      ...attempt(() => ({ result: plan(cardNamed(model), findMachine(machine), request) })),
    })),

  sweep: (questions, slo) =>
    questions.flatMap(({ model, machine, request }) => {
      const sweep = attempt(() => sweepUsers(cardNamed(model), findMachine(machine), request, slo));
      // What keeps a machine from an answer stands beside its plan.
      return 'problem' in sweep ? [] : [sweep];
    }),
};

expose(api, self);
