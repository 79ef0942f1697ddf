/**
 * Whether a server keeps its memory: a trace is replayed at speed against the embedded model, and the server's heap is
 * measured after a full collection every few seconds. Prints one JSON line; `heapSlopeKiBPerMinute` is that of a line
 * through all samples after the first fifth.
 *
 *   node bench/soak.mjs TRACE [minutes=10] [api=msgpack] [speed=60] [engine=glint|null]
 *
 * Prompts and answers are cut to what the model's context and a small machine allow; see the result's token counts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { load } from '../dist/src/index.js';
import { startServer } from '../dist/src/server/serve.js';
import { NullEngine } from '../dist/src/testing/null-engine.js';

const [trace, minutes = '10', api = 'msgpack', speed = '60', engine = 'glint'] = process.argv.slice(2);
if (trace === undefined) {
  console.error('node bench/soak.mjs TRACE [minutes] [api] [speed] [engine]');
  process.exit(2);
}
const everyMs = 5_000;
const endMs = Number(minutes) * 60_000;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const server = await startServer({
  load: () =>
    engine === 'null'
      ? Promise.resolve(new NullEngine({ tokensPerSecond: 500 }))
      : load(undefined, { kvTokens: 8192 }),
  model: { id: engine },
  port: 0,
  logLevel: 'silent',
});
await server.ready;

/** The trace over and over, so that the load lasts as long as asked for. */
const lines = readFileSync(trace, 'utf8').trimEnd().split(/\r?\n/);
const file = join(tmpdir(), `waferflow-soak-${process.pid}-${trace.split('/').at(-1)}`);
writeFileSync(file, `${lines.slice(0, 20_000).join('\n')}\n`);

const samples = [];
const startMs = performance.now();
const sampler = setInterval(() => {
  gc();
  const { heapUsed, rss, external } = process.memoryUsage();
  samples.push({ minute: (performance.now() - startMs) / 60_000, heapUsed, rss, external });
}, everyMs);

const totals = { requests: 0, failed: 0, outputTokens: 0, inputTokens: 0, rounds: 0 };
let seed = 1;
while (performance.now() - startMs < endMs) {
  const args = ['dist/src/cli/main.js', 'bench', 'serve', '--json', '--url', server.url, '--api', api];
  args.push('--trace', file, '--speed', speed, '--concurrency', '16', '--max-output-tokens', '48');
  args.push('--requests', '200', '--max-prompt-tokens', '512', '--warm-up', '0', '--seed', String(seed++));
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGINT'), Math.max(1, startMs + endMs - performance.now()));
  await once(child, 'close');
  clearTimeout(timer);
  totals.rounds++;
  if (out === '') break;
  const result = JSON.parse(out);
  for (const key of ['requests', 'failed', 'outputTokens', 'inputTokens']) totals[key] += result[key];
}
clearInterval(sampler);

const late = samples.slice(Math.floor(samples.length / 5));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const meanMinute = mean(late.map(({ minute }) => minute));
const slope = (key) => {
  const middle = mean(late.map((sample) => sample[key]));
  const covariance = mean(late.map((sample) => (sample.minute - meanMinute) * (sample[key] - middle)));
  return covariance / mean(late.map(({ minute }) => (minute - meanMinute) ** 2)) / 1024;
};
const MiB = 2 ** 20;
console.log(
  JSON.stringify({
    minutes: (performance.now() - startMs) / 60_000,
    api,
    engine,
    ...totals,
    serverRequests: server.context.host.require().stats(),
    samples: samples.length,
    heapFirstMiB: late[0].heapUsed / MiB,
    heapLastMiB: late.at(-1).heapUsed / MiB,
    heapSlopeKiBPerMinute: slope('heapUsed'),
    rssSlopeKiBPerMinute: slope('rss'),
    rssLastMiB: late.at(-1).rss / MiB,
  }),
);
await server.close();
