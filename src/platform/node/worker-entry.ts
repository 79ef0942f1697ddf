/** What runs in a worker thread of Node: worker 0 leads, the others help. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { LeaderInit } from '../../runtime/leader/leader.js';

export interface WorkerData {
  readonly worker: number;
  readonly init: LeaderInit;
  /** Worker 0's line to the engine. */
  readonly port: MessagePort | null;
}

const { worker, init, port } = workerData as WorkerData;
if (port !== null) {
  const [{ createLeader }, { expose }, { endpointOf }] = await Promise.all([
    import('../../runtime/leader/leader.js'),
    import('../../runtime/link.js'),
    import('./endpoint.js'),
  ]);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  expose(createLeader(init, turn), endpointOf(port));
} else {
  const { instantiateShards } = await import('../../runtime/program/instances.js');
  const [kernels] = instantiateShards(init, worker);
  parentPort?.postMessage('ready');
  kernels!.serve(0);
}
