/** What runs in a Web Worker: worker 0 leads, the others help. */

import { createLeader, type LeaderInit } from '../../runtime/leader/leader.js';
import { expose } from '../../runtime/link.js';
import { instantiateShards } from '../../runtime/program/instances.js';
import { turns } from './turn.js';

export interface WorkerData {
  readonly worker: number;
  readonly init: LeaderInit;
  /** Worker 0's line to the engine. */
  readonly port: MessagePort | null;
}

self.addEventListener(
  'message',
  ({ data }: MessageEvent<WorkerData>) => {
    const { worker, init, port } = data;
    if (port !== null) {
      expose(createLeader(init, turns()), port);
      return;
    }
    const [kernels] = instantiateShards(init, worker);
    self.postMessage('ready');
    kernels!.serve(0);
  },
  { once: true },
);
