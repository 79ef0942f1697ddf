/**
 * Many sockets on the embedded model while hostile clients do, in turn, all that once hurt a server: what the others'
 * streams, `/health`, the server's event loop and its memory see of it. The hostile clients run at the lowest priority,
 * since they have machines of their own elsewhere. Exits with 1 where a bar is missed.
 *
 *     node bench/server/hostile.mjs [idle] [streaming] [tokens] [hostile] [seconds]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { reproductions } from './reproductions.js';

const self = fileURLToPath(import.meta.url);
const MiB = 1024 * 1024;
const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? 0;
const rounded = (ms) => Number(ms.toFixed(1));
const percent = (share) => `${Math.round(100 * share)} %`;

/** Hostile clients side by side, each a reproduction further on, until they are told to stop. */
async function attack(url, clients) {
  os.setPriority(os.constants.priority.PRIORITY_LOW);
  const all = Object.entries(reproductions);
  const outcomes = {};
  let isOver = false;
  process.on('message', () => {
    isOver = true;
  });
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = client * 2; !isOver; i++) {
        const [name, run] = all[i % all.length];
        const outcome = await run(url).catch((thrown) => thrown.cause?.code ?? thrown.name);
        outcomes[name] ??= {};
        outcomes[name][outcome] = (outcomes[name][outcome] ?? 0) + 1;
      }
    }),
  );
  process.send(outcomes);
  process.disconnect();
}

/** Asks after the server's health twenty times a second. */
async function probe(url) {
  const times = [];
  let isOver = false;
  process.on('message', () => {
    isOver = true;
  });
  while (!isOver) {
    const startMs = performance.now();
    await (await fetch(`${url}/health`)).arrayBuffer();
    times.push(performance.now() - startMs);
    await pause(50);
  }
  process.send(times);
  process.disconnect();
}

function start(role, url, ...more) {
  const child = fork(self, [role, url, ...more.map(String)]);
  return async () => {
    child.send('stop');
    const [answer] = await once(child, 'message');
    return answer;
  };
}

async function open(url) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, { perMessageDeflate: false });
  await once(socket, 'open');
  // Asks nothing, but says that somebody is there.
  socket.send('{"type":"response.processed"}');
  return socket;
}

async function openMany(url, count) {
  const sockets = [];
  while (sockets.length < count)
    sockets.push(
      ...(await Promise.all(Array.from({ length: Math.min(50, count - sockets.length) }, () => open(url)))),
    );
  return sockets;
}

/** One answer on each socket: its text, and the times between its pieces in `gaps`. */
function streamAll(sockets, tokens, gaps) {
  return Promise.all(
    sockets.map(
      (socket, i) =>
        new Promise((resolve) => {
          let text = '';
          let lastMs = 0;
          const onMessage = (data) => {
            const event = JSON.parse(data);
            if (event.type === 'response.output_text.delta') {
              text += event.delta;
              const nowMs = performance.now();
              if (lastMs > 0) gaps.push(nowMs - lastMs);
              lastMs = nowMs;
            }
            if (
              !['error', 'response.completed', 'response.incomplete', 'response.failed'].includes(event.type)
            )
              return;
            socket.off('message', onMessage);
            resolve(event.type === 'error' ? `error: ${event.message}` : text);
          };
          socket.on('message', onMessage);
          const input = `export function f${i}(values: number[]): number {`;
          const ask = { type: 'response.create', input, max_output_tokens: tokens, store: false };
          socket.send(JSON.stringify({ ...ask, temperature: 0, ignore_eos: true }));
        }),
    ),
  );
}

async function main() {
  const [idle = 1000, streaming = 200, tokens = 64, hostile = 20, seconds = 60] = process.argv
    .slice(2)
    .map(Number);
  const server = fork(fileURLToPath(new URL('model-server.mjs', import.meta.url)), [String(streaming + 40)], {
    execArgv: ['--expose-gc'],
  });
  const [{ url }] = await once(server, 'message');
  const look = async () => {
    server.send('look');
    const [seen] = await once(server, 'message');
    await pause(20);
    return seen;
  };

  // Each by itself: what it leaves behind.
  const left = {};
  const stalls = {};
  for (const run of Object.values(reproductions).slice(0, 3)) await run(url);
  for (const [name, run] of Object.entries(reproductions)) {
    const { bytes } = await look();
    await run(url).catch(() => undefined);
    await pause(100);
    const seen = await look();
    left[name] = (seen.bytes - bytes) / MiB;
    stalls[name] = seen.longestMs;
  }

  const idleSockets = await openMany(url, idle);
  const busySockets = await openMany(url, streaming);
  let lost = 0;
  for (const socket of [...idleSockets, ...busySockets]) socket.on('close', () => lost++);
  const calm = { gaps: [], health: [] };
  await streamAll(busySockets, tokens, []);
  const stopCalm = start('probe', url);
  await look();
  const texts = await streamAll(busySockets, tokens, calm.gaps);
  const quiet = await look();
  calm.health = await stopCalm();

  const before = await look();
  const stopAttack = start('attack', url, hostile);
  const stopProbe = start('probe', url);
  const under = { gaps: [], health: [] };
  const others = [];
  const endMs = performance.now() + seconds * 1000;
  do {
    const again = await streamAll(busySockets, tokens, under.gaps);
    others.push(...again.filter((text, i) => text !== texts[i]));
  } while (performance.now() < endMs);
  const busy = await look();
  under.health = await stopProbe();
  const outcomes = await stopAttack();
  await pause(1000);
  const after = await look();
  const lostSockets = lost;
  for (const socket of [...idleSockets, ...busySockets]) socket.terminate();
  server.send('close');
  await once(server, 'exit');

  const most = (found) => Object.entries(found).sort((a, b) => b[1] - a[1])[0];
  const [worst, worstMiB] = most(left);
  const [slowest, slowestMs] = most(stalls);
  const attacks = Object.values(outcomes).flatMap((each) => Object.values(each));
  const report = {
    machine: `${os.cpus()[0]?.model}, ${os.cpus().length} cores, node ${process.version}, load ${os.loadavg()[0].toFixed(1)}`,
    idle,
    streaming,
    hostile,
    seconds,
    gapP99WithoutMs: rounded(quantile(calm.gaps, 0.99)),
    gapP99WithMs: rounded(quantile(under.gaps, 0.99)),
    healthP99WithoutMs: rounded(quantile(calm.health, 0.99)),
    healthP99WithMs: rounded(quantile(under.health, 0.99)),
    healthMaxWithMs: rounded(Math.max(...under.health)),
    otherTexts: others.length,
    lostSockets,
    attacks: attacks.reduce((sum, count) => sum + count, 0),
    loopWithoutMs: `p99 ${rounded(quiet.p99Ms)}, most ${rounded(quiet.longestMs)}, busy ${percent(quiet.busyShare)}`,
    loopWithMs: `p99 ${rounded(busy.p99Ms)}, most ${rounded(busy.longestMs)}, busy ${percent(busy.busyShare)}`,
    loopLongestByOne: `${rounded(slowestMs)} ms by ${slowest}`,
    stepMs: `${rounded(quiet.stepMs)} without, ${rounded(busy.stepMs)} with`,
    memoryLeftMiB: rounded((after.bytes - before.bytes) / MiB),
    mostLeftByOne: `${rounded(worstMiB)} MiB by ${worst}`,
  };
  for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(20)} ${value}`);
  const bars = {
    'p99 of gaps at most twice what it is without': report.gapP99WithMs <= 2 * report.gapP99WithoutMs,
    'every text the same, no socket lost': others.length === 0 && lostSockets === 0,
    'health: p99 under 100 ms, never over 500 ms':
      report.healthP99WithMs < 100 && report.healthMaxWithMs < 500,
    'memory back within 50 MiB': report.memoryLeftMiB < 50 && worstMiB < 50,
  };
  for (const [name, isMet] of Object.entries(bars)) console.log(`${isMet ? 'met   ' : 'MISSED'} ${name}`);
  if (others.length > 0) console.log(`another text   ${JSON.stringify(others[0])}`);
  console.log(JSON.stringify({ ...report, outcomes, left, stalls }));
  process.exitCode = Object.values(bars).every(Boolean) ? 0 : 1;
}

const [, , role, url, count] = process.argv;
if (role === 'attack') await attack(url, Number(count));
else if (role === 'probe') await probe(url);
else await main();
