/**
 * Simulated requests per second of one core: the Mooncake conversation trace, repeated, on 16 H100s with one copy
 * of Llama-3.1-8B each, prefix caches and affinity routing; and the floor, which reads the same trace and does
 * nothing but hold, add and drop its prefix blocks. `node bench/fleet.mjs TRACE [requests]` after `npm run build`.
 */
import { readFileSync } from 'node:fs';
import { Rng } from '../dist/src/core/rng.js';
import { gpuReplica } from '../dist/src/fleet/replica/gpu-replica.js';
import { PrefixCache } from '../dist/src/fleet/replica/prefix-cache.js';
import { emptyArrival, TraceSource } from '../dist/src/fleet/requests/source.js';
import { parseTrace } from '../dist/src/fleet/requests/traces.js';
import { simulateFleet } from '../dist/src/fleet/simulate.js';
import { findGpu } from '../dist/src/machine/gpus.js';
import { plain } from '../dist/src/machine/types.js';
import { loadCard } from '../dist/src/platform/node/cards.js';
import { gpuConstants } from '../dist/src/timing/gpu/constants.js';

const [, , file, count = '1000000'] = process.argv;
const requests = Number(count);
const MACHINES = 16;
/** Times the trace's own speed: the machines are then nearly always busy. */
const RATE_SCALE = 4;
const policy = {
  maxBatch: 256,
  chunkTokens: 8192,
  maxQueue: Infinity,
  prefixCache: true,
  reservesAnswer: false,
};
const gpu = findGpu('h100');
const setup = { tensorParallel: 1, expertTensorParallel: 1, expertParallel: 1, dataParallel: 1 };
const model = gpuReplica(
  loadCard('llama-3.1-8b'),
  {
    name: 'h100',
    numbers: { ...plain(gpu.facts), nativeBits: gpu.nativeBits },
    watts: 1730,
    dollarsPerHour: 3,
  },
  { ...setup, weightBits: 16, kvBits: 16, engine: 'vllm', slots: Infinity },
  gpuConstants,
  { maxBatch: policy.maxBatch, chunkTokens: policy.chunkTokens, typicalContext: 12_400 },
);
const trace = parseTrace(readFileSync(file, 'utf8'), file);

/** Requests per second of processor time, which other processes on the machine do not stretch. */
function measure(name, work) {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  const rate = requests / ((user + system) / 1e6);
  const rssMB = process.memoryUsage().rss / 1e6;
  console.log(`${name}: ${Math.round(rate)} requests/s of processor time, ${rssMB.toFixed(0)} MB resident`);
  return rate;
}

const source = () => new TraceSource(trace, requests, RATE_SCALE, 0, new Rng(1));
const floor = measure('floor', () => {
  const from = source();
  const into = emptyArrival();
  const caches = Array.from({ length: MACHINES }, () => new PrefixCache());
  const most = Math.floor(model.kvTokens / 512);
  for (let i = 0; from.nextTime() < Infinity; i++) {
    from.take(into);
    const cache = caches[i % MACHINES];
    const blocks = Math.floor(into.promptTokens / 512);
    const block = (j) => (trace.hashes[into.hashStart + j] + into.hashBase) | 0;
    for (let j = 0; j < blocks; j++) if (!cache.hold(block(j))) cache.add(block(j));
    for (let j = blocks - 1; j >= 0; j--) cache.drop(block(j));
    while (cache.size > most) cache.evict();
  }
});
let result;
const rate = measure('simulation', () => {
  result = simulateFleet(
    {
      replicas: Array.from({ length: MACHINES }, () => ({ model, role: 'both' })),
      policy,
      routing: 'prefix-affinity',
      slo: { percentile: 99 },
    },
    source(),
  );
});
const { finished, utilisation, cachedPromptTokens, promptTokens } = result;
const hits = ((cachedPromptTokens / promptTokens) * 100).toFixed(1);
console.log(
  `${finished} requests ended, ${(utilisation * 100).toFixed(0)} % busy, ${hits} % of prompt tokens cached`,
);
console.log(
  JSON.stringify({ requests, requestsPerSecond: rate, floorRequestsPerSecond: floor, machines: MACHINES }),
);
