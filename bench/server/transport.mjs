/**
 * What the way to the client costs, with an engine that computes nothing: one persistent WebSocket with MessagePack
 * against a new HTTP connection with Server-Sent Events for every request, over TCP and over TLS. Client and server are
 * two processes on this machine, warm; the two ways take turns, and medians are compared.
 *
 *     node bench/server/transport.mjs [rounds]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { connect } from '../../dist/src/client/index.js';

const rounds = Number(process.argv[2] ?? 7);
const requestsPerRound = 60;
/** Until both sides run compiled code, as they do in a server that is in use. */
const warmUpRequests = 1000;
const longTokens = 20_000;
const floodTokens = 300_000;

const child = fork(fileURLToPath(new URL('null-server.mjs', import.meta.url)));
const [{ url, secureUrl, fullUrl, ca }] = await once(child, 'message');
const client = await connect({ url });
const secureClient = await connect({
  url: secureUrl,
  openSocket: async (target) =>
    new WebSocket(target, 'waferflow.v1.msgpack', { ca, perMessageDeflate: false }),
});
const fullClient = await connect({ url: fullUrl });

const history = Array.from({ length: 40 }, (_, i) => ({
  role: i % 2 === 0 ? 'user' : 'assistant',
  content: `turn ${i}: ${'a line of code that was read or written; '.repeat(18)}`,
}));
const question = [{ role: 'user', content: 'and now?' }];

/** One request on a connection of its own; times in ms from before the connection. */
function viaHttp(input, tokens, to = url) {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const body = JSON.stringify({ input, max_output_tokens: tokens, stream: true, store: false });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const { request: begin } = to.startsWith('https') ? https : http;
    const request = begin(`${to}/v1/responses`, { method: 'POST', agent: false, headers, ca }, (response) => {
      let firstMs = 0;
      let count = 0;
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (data) => {
        const parts = (rest + data).split('\n\n');
        rest = parts.pop();
        for (const part of parts) {
          const json = part.slice(part.indexOf('data: ') + 6);
          if (json === '[DONE]') continue;
          if (JSON.parse(json).type !== 'response.output_text.delta') continue;
          if (count === 0) firstMs = performance.now();
          count++;
        }
      });
      response.on('end', () => {
        if (count !== tokens) reject(new Error(`${count} tokens came of ${tokens}`));
        resolve({ ttftMs: firstMs - startMs, totalMs: performance.now() - startMs });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A request that is refused, on a connection of its own. */
function refusedViaHttp() {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const options = { method: 'POST', agent: false };
    const request = http.request(`${fullUrl}/v1/responses`, options, (response) => {
      if (response.statusCode !== 503) reject(new Error(`status ${response.statusCode} came, not 503`));
      response.resume().on('end', () => resolve({ totalMs: performance.now() - startMs }));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ input: question, stream: true, store: false }));
  });
}

/** The same on the open connection. */
async function refusedViaSocket() {
  const startMs = performance.now();
  const { response } = fullClient.respond({ input: question, store: false });
  const error = await response.then(
    () => null,
    (thrown) => thrown,
  );
  if (error?.facts?.status !== 503) throw new Error(`${error} came, not 503`);
  return { totalMs: performance.now() - startMs };
}

/** The same on the open connection; `previous` stands for what was said before. */
async function viaSocket(input, tokens, { previous, through = client } = {}) {
  const startMs = performance.now();
  let firstMs = 0;
  let count = 0;
  const stream = through.respond({
    input,
    max_output_tokens: tokens,
    store: false,
    ...(previous && { lane: 'agent', previous_response_id: previous }),
  });
  for await (const event of stream) {
    if (event.type !== 'text') continue;
    if (count === 0) firstMs = performance.now();
    count++;
  }
  if (count !== tokens) throw new Error(`${count} tokens came of ${tokens}`);
  const { id } = await stream.response;
  return { ttftMs: firstMs - startMs, totalMs: performance.now() - startMs, id };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function cpuMs() {
  child.send('cpu');
  const [{ cpuMs: server }] = await once(child, 'message');
  const { user, system } = process.cpuUsage();
  return server + (user + system) / 1000;
}

async function series(count, one) {
  const results = [];
  for (let i = 0; i < count; i++) results.push(await one());
  return results;
}

const samples = {};
const note = (name, way, value) => {
  samples[name] ??= { http: [], socket: [] };
  samples[name][way].push(value);
};

let agent = await client.warmUp({ input: history, store: false, lane: 'agent' });
const ways = {
  http: {
    short: () => viaHttp(question, 1),
    secure: () => viaHttp(question, 1, secureUrl),
    refused: refusedViaHttp,
    turn: () => viaHttp([...history, ...question], 1),
    long: (tokens) => viaHttp(question, tokens),
  },
  socket: {
    short: () => viaSocket(question, 1),
    secure: () => viaSocket(question, 1, { through: secureClient }),
    refused: refusedViaSocket,
    // Forks from the same state each time, so that both ways answer the same conversation.
    turn: async () => {
      const result = await viaSocket(question, 1, { previous: agent });
      agent = await client.warmUp({ input: history, store: false, lane: 'agent' });
      return result;
    },
    long: (tokens) => viaSocket(question, tokens),
  },
};

for (const { short } of Object.values(ways)) await series(warmUpRequests, short);
for (let round = -1; round < rounds; round++) {
  const order = round % 2 === 0 ? ['http', 'socket'] : ['socket', 'http'];
  for (const way of order) {
    const { short, secure, refused, turn, long } = ways[way];
    const shorts = await series(requestsPerRound, short);
    const secures = await series(requestsPerRound / 4, secure);
    const refusals = await series(requestsPerRound / 4, refused);
    const turns = await series(requestsPerRound / 4, turn);
    const before = await cpuMs();
    await long(longTokens);
    const cpuPerTokenUs = (((await cpuMs()) - before) / longTokens) * 1000;
    const flood = await long(floodTokens);
    // The first round warms up, too.
    if (round < 0) continue;
    note('round trip, short prompt (ms)', way, median(shorts.map(({ totalMs }) => totalMs)));
    note('time to first token, short prompt (ms)', way, median(shorts.map(({ ttftMs }) => ttftMs)));
    note('round trip over TLS, short prompt (ms)', way, median(secures.map(({ totalMs }) => totalMs)));
    note('time to first token over TLS (ms)', way, median(secures.map(({ ttftMs }) => ttftMs)));
    note('refusal by a full queue (ms)', way, median(refusals.map(({ totalMs }) => totalMs)));
    note(
      'round trip, turn 40 of a conversation, 30 kB (ms)',
      way,
      median(turns.map(({ totalMs }) => totalMs)),
    );
    note('time to first token, turn 40 (ms)', way, median(turns.map(({ ttftMs }) => ttftMs)));
    note('CPU of both sides per token (us)', way, cpuPerTokenUs);
    note('tokens/s through one connection', way, floodTokens / (flood.totalMs / 1000));
  }
}

for (const each of [client, secureClient, fullClient]) each.close();
child.send('close');
await once(child, 'exit');

console.log(
  `${os.cpus()[0]?.model}, ${os.cpus().length} cores, node ${process.version}, load ${os.loadavg()[0].toFixed(1)}, ${rounds} rounds in turns, medians`,
);
const pad = (text, width) => String(text).padStart(width);
console.log(`${'measured'.padEnd(52)}${pad('HTTP + SSE', 12)}${pad('WebSocket', 12)}${pad('change', 10)}`);
const rows = Object.entries(samples).map(([name, { http: a, socket: b }]) => {
  const [http, socket] = [median(a), median(b)];
  return { name, http, socket, changePercent: 100 * (socket / http - 1) };
});
const show = (value) => (value >= 1000 ? value.toFixed(0) : value.toFixed(3));
for (const { name, http, socket, changePercent } of rows)
  console.log(
    `${name.padEnd(52)}${pad(show(http), 12)}${pad(show(socket), 12)}${pad(`${changePercent > 0 ? '+' : ''}${changePercent.toFixed(0)} %`, 10)}`,
  );
console.log(JSON.stringify({ rounds, rows, samples }));
