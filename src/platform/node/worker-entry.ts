/** What runs in a worker thread of Node: worker 0 leads, the others help. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createLeader, type LeaderInit } from '../../runtime/leader/leader.js';
import { expose } from '../../runtime/link.js';
import { instantiateKernels } from '../../runtime/program/kernels.js';

export interface WorkerData {
  readonly worker: number;
  readonly init: LeaderInit;
  /** Worker 0's line to the engine. */
  readonly port: MessagePort | null;
}

const { worker, init, port } = workerData as WorkerData;
if (port !== null) {
  expose(createLeader(init), port);
} else {
  const kernels = instantiateKernels(init.module, init.memory);
  kernels.attach(init.control, worker);
  parentPort?.postMessage('ready');
  kernels.serve(0);
}
