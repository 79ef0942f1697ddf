/** What runs in a thread of a sweep: one job after another, the inputs read once. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { messageOf, WaferflowError } from '../../core/errors.js';
import {
  type OpenSweep,
  openSweep,
  runJob,
  type SweepInputs,
  type SweepJob,
} from '../../fleet/search/sweep.js';
import { expose } from '../../runtime/link.js';
import { endpointOf } from './endpoint.js';

/** A result, or why there is none: comlink would lose the class of an error. */
export type ThreadAnswer =
  | { readonly result: string }
  | { readonly failure: string; readonly isDeliberate: boolean };

export interface SweepThreadApi {
  open(key: string, inputs: string): void;
  run(key: string, job: string): ThreadAnswer;
}

const { port } = workerData as { readonly port: MessagePort };
let opened: { readonly key: string; readonly inputs: string; sweep: OpenSweep | null } | null = null;

expose<SweepThreadApi>(
  {
    open(key, inputs) {
      if (opened?.key !== key) opened = { key, inputs, sweep: null };
    },
    run(key, job) {
      try {
        if (opened?.key !== key) throw new Error('the thread has other inputs');
        opened.sweep ??= openSweep(JSON.parse(opened.inputs) as SweepInputs);
        return { result: JSON.stringify(runJob(opened.sweep, JSON.parse(job) as SweepJob)) };
      } catch (error) {
        return { failure: messageOf(error), isDeliberate: error instanceof WaferflowError };
      }
    },
  },
  endpointOf(port),
);
