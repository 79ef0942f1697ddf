/** The planner in its own thread, so that a slider never waits for it. */
import { WaferflowError } from '../../core/errors.js';
import { expose } from '../../runtime/link.js';
import { plan } from '../../timing/plan.js';
import { findMachine } from '../../timing/simulate.js';
import type { PlannerApi } from './api.js';
import { cardNamed } from './cards.js';

const api: PlannerApi = {
  plan: (model, machines, request) =>
    machines.map((machine) => {
      try {
        return { machine, result: plan(cardNamed(model), findMachine(machine), request) };
      } catch (error) {
        if (error instanceof WaferflowError) return { machine, problem: error.message };
        throw error;
      }
    }),
};

expose(api, self);
