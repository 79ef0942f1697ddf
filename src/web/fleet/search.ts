/** A search as a state that a view can show; another question ends the one before. */
import { useEffect, useState } from 'preact/hooks';
import type { CapacityResult } from '../../fleet/types.js';
import { callback, connect } from '../../runtime/link.js';
import type { FleetApi, FleetQuestion } from './api.js';

export interface Search {
  /** The last one that came to an end. */
  readonly result: CapacityResult | null;
  /** Configurations done and in all; null when nothing runs. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  readonly problem: string | null;
}

/** A slider passes many values on its way; only one on which it rests is searched. */
const restMs = 350;

export function useSearch(question: FleetQuestion | null): Search {
  const key = question === null ? null : JSON.stringify(question);
  const [search, setSearch] = useState<Search>({ result: null, progress: null, problem: null });
  useEffect(() => {
    if (key === null) return undefined;
    let worker: Worker | null = null;
    const settle = (outcome: { result: CapacityResult } | { problem: string }): void => {
      setSearch((before) => ({ result: before.result, problem: null, ...outcome, progress: null }));
    };
    setSearch((before) => ({ ...before, problem: null, progress: { done: 0, total: 0 } }));
    const timer = setTimeout(() => {
      worker = new Worker(new URL('./worker.ts', import.meta.url), {
        type: 'module',
        name: 'waferflow-fleet',
      });
      worker.addEventListener('error', ({ message }) =>
        settle({
          problem: `The search stopped (${message || 'its script does not load'}). Reload the page.`,
        }),
      );
      connect<FleetApi>(worker)
        .capacity(
          JSON.parse(key) as FleetQuestion,
          callback((done, total) => setSearch((before) => ({ ...before, progress: { done, total } }))),
        )
        .then(settle, (error: unknown) => settle({ problem: String(error) }));
    }, restMs);
    return () => {
      clearTimeout(timer);
      worker?.terminate();
    };
  }, [key]);
  return search;
}
