/** The server of the socket bench, in a process of its own: the embedded model, and how its event loop does. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { load } from '../../dist/src/index.js';
import { startServer } from '../../dist/src/server/serve.js';

const streams = Number(process.argv[2]);
const server = await startServer({
  load: () => load(undefined, { maxRunning: streams, kvTokens: streams * 192 }),
  model: { id: 'glint' },
  // The default of 256 places is meant for 8 that run; here the streams alone would take most of them.
  admission: { interactive: { maxInFlight: Math.max(256, 5 * streams), maxWaitingTokens: 262_144 } },
  port: 0,
  logLevel: 'silent',
});
const engine = await server.ready;
const delay = monitorEventLoopDelay({ resolution: 2 });
let lastLook = performance.eventLoopUtilization();
let lastSteps = 0;
let peakRunning = 0;
let peakRssBytes = 0;
setInterval(() => {
  peakRunning = Math.max(peakRunning, engine.stats().running);
  peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
}, 20).unref();
process.on('message', async (message) => {
  if (message === 'start') {
    peakRssBytes = 0;
    delay.enable();
    process.send({ rssBytes: process.memoryUsage.rss() });
  }
  if (message === 'stop') {
    delay.disable();
    const ms = (nanoseconds) => nanoseconds / 1e6;
    process.send({
      p50Ms: ms(delay.percentile(50)),
      p99Ms: ms(delay.percentile(99)),
      maxMs: ms(delay.max),
      peakRunning,
      peakRssBytes,
      rssBytes: process.memoryUsage.rss(),
      generatedTokens: engine.stats().generatedTokens,
    });
  }
  if (message === 'look') {
    const [p99Ms, longestMs] = [delay.percentile(99) / 1e6, delay.max / 1e6];
    const { idle, active } = performance.eventLoopUtilization(lastLook);
    const steps = engine.stats().steps - lastSteps;
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    process.send({
      bytes: heapUsed + external,
      p99Ms,
      longestMs,
      busyShare: active / (idle + active),
      stepMs: (idle + active) / steps,
    });
    // Without the collection that was asked for here.
    setTimeout(() => {
      lastLook = performance.eventLoopUtilization();
      lastSteps = engine.stats().steps;
      delay.reset();
      delay.enable();
    }, 10);
  }
  if (message === 'close') {
    await server.close();
    process.disconnect();
  }
});
process.send({ url: server.url });
