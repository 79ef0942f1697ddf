/** A worker of `measureBandwidth`: reads its part of the memory once per message, and says when it is done. */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiateKernels } from '../../runtime/program/kernels.js';

export interface BandwidthTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly address: number;
  readonly bytes: number;
}

const { module, memory, address, bytes } = workerData as BandwidthTask;
const kernels = instantiateKernels(module, memory);
parentPort?.on('message', () => {
  kernels.readBandwidth(address, bytes);
  parentPort?.postMessage('done');
});
parentPort?.postMessage('ready');
