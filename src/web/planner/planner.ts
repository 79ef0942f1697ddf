/** The page's hand on the planner worker. */
import { EngineError } from '../../core/errors.js';
import { connect, type Remote } from '../../runtime/link.js';
import type { PlannerApi } from './api.js';

let planner: { readonly api: Remote<PlannerApi>; readonly failed: Promise<never> } | null = null;

function start(): NonNullable<typeof planner> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: 'waferflow-planner',
  });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', ({ message }) => {
      planner = null;
      const given = message ? `the error "${message}"` : 'a script that does not load';
      const todo = 'Is the server still there? Reload the page.';
      reject(new EngineError({ what: 'the planner’s thread', given, expected: 'a running worker', todo }));
    });
  });
  failed.catch(() => undefined);
  return { api: connect<PlannerApi>(worker), failed };
}

/** Asks the planner; rejects when its thread is lost. */
export function ask<T>(question: (api: Remote<PlannerApi>) => Promise<T>): Promise<T> {
  planner ??= start();
  return Promise.race([question(planner.api), planner.failed]);
}
