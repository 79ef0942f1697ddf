/**
 * waferflow against node-llama-cpp (llama.cpp, native code) on the same GGUF files with random weights: alternating
 * fresh processes, the median over rounds, and for llama.cpp the better of its figures with 1 and 2 threads.
 *
 *   node compare.mjs [--rounds 3] [--only 15M-Q8_0]
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Shapes that ../make-model.mjs knows. */
const SHAPES = ['15M', '135M'];
const TYPES = ['Q8_0', 'Q4_0'];
const CONTENDERS = [
  ['waferflow', 2],
  ['node-llama-cpp', 1],
  ['node-llama-cpp', 2],
];
const METRICS = ['decodeTokensPerSecond', 'prefillTokensPerSecond', 'batchTokensPerSecond'];

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' } },
});
const rounds = Number(values.rounds);
const { version: llamaCppVersion } = JSON.parse(
  readFileSync(here('node_modules/node-llama-cpp/package.json'), 'utf8'),
);

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** The model file, made on first use: the same bytes every time. */
async function modelFile(shape, type) {
  const directory = join(tmpdir(), 'waferflow-bench');
  const path = join(directory, `${shape}-${type}.gguf`);
  mkdirSync(directory, { recursive: true });
  if (!existsSync(path)) {
    await run(process.execPath, [here('../make-model.mjs'), shape, type, path]);
  }
  return path;
}

/** Every contender in turn, in a fresh process each, the order reversed in every other round. */
async function measure(path) {
  const seen = CONTENDERS.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...CONTENDERS.keys()];
    if (round % 2 === 1) order.reverse();
    for (const i of order) {
      const [engine, threads] = CONTENDERS[i];
      const { stdout } = await run(process.execPath, [here('engines.mjs'), engine, String(threads), path]);
      seen[i].push(JSON.parse(stdout.trim().split('\n').at(-1)));
    }
  }
  return seen;
}

console.log(
  `${cpus()[0].model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}; Node.js ${process.versions.node}; ` +
    `node-llama-cpp ${llamaCppVersion}; ${rounds} rounds; tokens/s: median (lowest to highest)`,
);
const results = [];
for (const shape of SHAPES) {
  for (const type of TYPES) {
    const model = `${shape}-${type}`;
    if (values.only && values.only !== model) continue;
    const seen = await measure(await modelFile(shape, type));
    const result = { model };
    for (const metric of METRICS) {
      const medians = seen.map((runs) => median(runs.map((figures) => figures[metric])));
      const peer = Math.max(medians[1], medians[2]);
      result[metric] = {
        waferflow: medians[0],
        llamaCpp1: medians[1],
        llamaCpp2: medians[2],
        ratio: medians[0] / peer,
      };
      const cells = seen.map((runs, i) => {
        const list = runs.map((figures) => figures[metric]);
        const [engine, threads] = CONTENDERS[i];
        const range = `${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)}`;
        return `${engine} x${threads}: ${medians[i].toFixed(0)} (${range})`;
      });
      console.log(
        `${model} ${metric.replace('TokensPerSecond', '')}: ${cells.join(' | ')} | ratio ${(medians[0] / peer).toFixed(2)}`,
      );
    }
    results.push(result);
  }
}
console.log(JSON.stringify({ llamaCppVersion, rounds, results }));
