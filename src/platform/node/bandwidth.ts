/** How fast this machine reads memory in WebAssembly: what decode speed is judged against. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { MiB } from '../../core/units.js';
import { reservedBytes } from '../../runtime/program/kernels.js';
import type { BandwidthTask } from './bandwidth-worker.js';
import { kernelBuilds } from './load.js';

export interface Bandwidth {
  readonly threads: number;
  readonly gigabytesPerSecond: number;
}

/** More than the caches of most machines hold. */
const TOTAL_BYTES = 256 * MiB;
/** The best round counts: others can only take away. The first ones wait for V8's optimising compiler. */
const ROUNDS = 8;
const PAGE_BYTES = 65536;

/** Reads 256 MiB with one thread and with one per core, each its own part, in about a second. */
export async function measureBandwidth(): Promise<Bandwidth[]> {
  const module = await WebAssembly.compile(await kernelBuilds.read('simd'));
  const pages = (reservedBytes + TOTAL_BYTES) / PAGE_BYTES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  // Pages that were never written to are all the same page of zeros, which stays in the cache.
  new Uint8Array(memory.buffer).fill(1);
  const results: Bandwidth[] = [];
  for (const threads of new Set([1, availableParallelism()])) {
    const bytes = Math.floor(TOTAL_BYTES / threads / PAGE_BYTES) * PAGE_BYTES;
    const tasks = Array.from({ length: threads }, (_, i) => ({
      module,
      memory,
      address: reservedBytes + i * bytes,
      bytes,
    }));
    results.push({ threads, gigabytesPerSecond: await bestOf(tasks) });
  }
  return results;
}

/** The rate over all tasks together in the best round, in GB/s. */
async function bestOf(tasks: readonly BandwidthTask[]): Promise<number> {
  const workers = tasks.map(
    (workerData) =>
      new Worker(new URL('./bandwidth-worker.js', import.meta.url), { workerData, execArgv: [] }),
  );
  const answers = (): Promise<unknown> =>
    Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    );
  const totalBytes = tasks.reduce((sum, { bytes }) => sum + bytes, 0);
  let bestMs = Number.POSITIVE_INFINITY;
  try {
    await answers();
    for (let round = 0; round < ROUNDS; round++) {
      const done = answers();
      const start = performance.now();
      for (const worker of workers) worker.postMessage('read');
      await done;
      bestMs = Math.min(bestMs, performance.now() - start);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return totalBytes / bestMs / 1e6;
}
