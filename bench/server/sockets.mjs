/**
 * Many sockets on the embedded model: some idle, some streaming at once. Prints errors, the server's memory and the
 * delay of its event loop.
 *
 *     node bench/server/sockets.mjs [idle] [streaming] [tokens]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

const [idle = 1000, streaming = 200, tokens = 64] = process.argv.slice(2).map(Number);
const child = fork(fileURLToPath(new URL('model-server.mjs', import.meta.url)), [String(streaming)]);
const [{ url }] = await once(child, 'message');
const ask = async (message) => {
  child.send(message);
  const [answer] = await once(child, 'message');
  return answer;
};

let errors = 0;
let closed = 0;
async function open() {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, { perMessageDeflate: false });
  socket.on('error', () => errors++);
  await once(socket, 'open');
  socket.on('close', () => closed++);
  // Asks nothing, but says that somebody is there.
  socket.send('{"type":"response.processed"}');
  return socket;
}

async function openMany(count) {
  const sockets = [];
  while (sockets.length < count)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(50, count - sockets.length) }, open))));
  return sockets;
}

const { rssBytes: emptyBytes } = await ask('start');
const idleSockets = await openMany(idle);
const { rssBytes: idleBytes } = await ask('start');
const busySockets = await openMany(streaming);
const startMs = performance.now();
const results = await Promise.all(
  busySockets.map(
    (socket, i) =>
      new Promise((resolve) => {
        let text = '';
        socket.on('message', (data) => {
          const event = JSON.parse(data);
          if (event.type === 'response.output_text.delta') text += event.delta;
          if (event.type === 'error' || event.type === 'response.failed') errors++;
          if (!['error', 'response.completed', 'response.incomplete', 'response.failed'].includes(event.type))
            return;
          // Every token came, and once.
          if (event.response?.output[0]?.content[0]?.text !== text) errors++;
          resolve(event.response?.usage?.output_tokens ?? 0);
        });
        const input = `export function f${i}(values: number[]): number {`;
        socket.send(
          JSON.stringify({ type: 'response.create', input, max_output_tokens: tokens, store: false }),
        );
      }),
  ),
);
const wallMs = performance.now() - startMs;
const end = await ask('stop');
const lost = closed;
for (const socket of [...idleSockets, ...busySockets]) socket.terminate();
child.send('close');
await once(child, 'exit');

const MiB = 1024 * 1024;
const outputTokens = results.reduce((sum, one) => sum + one, 0);
const report = {
  machine: `${os.cpus()[0]?.model}, ${os.cpus().length} cores, node ${process.version}, load ${os.loadavg()[0].toFixed(1)}`,
  idle,
  streaming,
  peakRunning: end.peakRunning,
  errors,
  lost,
  outputTokens,
  wallMs: Math.round(wallMs),
  tokensPerSecond: Math.round(outputTokens / (wallMs / 1000)),
  eventLoopP50Ms: end.p50Ms,
  eventLoopP99Ms: end.p99Ms,
  eventLoopMaxMs: end.maxMs,
  emptyMiB: Math.round(emptyBytes / MiB),
  withIdleMiB: Math.round(idleBytes / MiB),
  peakMiB: Math.round(end.peakRssBytes / MiB),
};
for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(18)} ${value}`);
console.log(JSON.stringify(report));
