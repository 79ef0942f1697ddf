/** The page's hand on the planner worker. */
import type { Remote } from '../../../runtime/link.js';
import { linkTo, type Thread } from '../../ui/thread.js';
import type { PlannerApi } from './api.js';

let planner: Thread<PlannerApi> | null = null;

function start(): Thread<PlannerApi> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: 'waferflow-planner',
  });
  return linkTo(worker, 'the planner’s thread', () => {
    planner = null;
  });
}

/** Asks the planner; rejects when its thread is lost. */
export function ask<T>(question: (api: Remote<PlannerApi>) => Promise<T>): Promise<T> {
  planner ??= start();
  return Promise.race([question(planner.api), planner.failed]);
}
