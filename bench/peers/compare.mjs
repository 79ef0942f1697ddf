/**
 * waferflow against llama.cpp on the same GGUF files, models with random weights and others: alternating fresh processes,
 * the median over rounds. llama.cpp is the better of node-llama-cpp and, where it is there, of a build for this machine,
 * with 1 and 2 threads, flash attention on and off.
 *
 *   node compare.mjs [--rounds 2] [--only 15M-Q8_0,135M-Q4_0] [--native DIRECTORY] [--file MODEL.gguf ...] [--contexts 8,512]
 *
 * `--native` is a folder with llama-bench and llama-server; `--only none` leaves the random models out. Prints one Markdown
 * table, then JSON.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { native } from './llama-cpp.js';

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2' },
    only: { type: 'string', default: '15M-Q8_0,135M-Q8_0,135M-Q4_0' },
    native: { type: 'string' },
    file: { type: 'string', multiple: true, default: [] },
    contexts: { type: 'string', default: '8,512,4096' },
  },
});
const CASES = {
  contexts: values.contexts.split(',').map(Number),
  decodeTokens: 64,
  prefill: 512,
  streams: { streams: 8, prompt: 8, tokens: 64 },
};
const FIGURES = [
  ...CASES.contexts.map((context) => `decode ${context}`),
  `prefill ${CASES.prefill}`,
  '8 streams',
];

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** A random model's file, made on first use: the same bytes every time. */
async function modelFile(model) {
  const [shape, type] = model.split('-');
  const directory = join(tmpdir(), 'waferflow-bench');
  const path = join(directory, `${model}-8192.gguf`);
  mkdirSync(directory, { recursive: true });
  if (!existsSync(path)) await run(process.execPath, [here('../make-model.mjs'), shape, type, path]);
  return path;
}

async function inProcess(engine, threads, path) {
  const { stdout } = await run(process.execPath, [
    ...[here('engines.mjs'), engine, `${threads}`, path],
    ...['figures', JSON.stringify(CASES)],
  ]);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/** Who takes part: a name and how its figures are had. */
const contenders = [{ name: 'waferflow', figures: (path) => inProcess('waferflow', 2, path) }];
for (const threads of [1, 2]) {
  contenders.push({
    name: `node-llama-cpp x${threads}`,
    figures: (path) => inProcess('node-llama-cpp', threads, path),
  });
  if (values.native === undefined) continue;
  contenders.push({
    name: `llama.cpp x${threads}`,
    figures: (path) => native(values.native, path, threads, CASES),
  });
}

/** Every contender in turn, the order reversed in every other round; who cannot run a model has no figures. */
async function measure(path) {
  const seen = contenders.map(() => []);
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = [...contenders.keys()];
    if (round % 2 === 1) order.reverse();
    for (const i of order) {
      const figures = await contenders[i].figures(path).catch((error) => {
        console.error(
          `${contenders[i].name}, ${basename(path)}: ${String(error.stderr ?? error).slice(-300)}`,
        );
        return {};
      });
      seen[i].push(figures);
    }
  }
  return seen;
}

function features() {
  const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return ['avx2', 'avx_vnni', 'avx512_vnni', 'amx_int8', 'asimddp'].filter((flag) =>
    flags.includes(` ${flag}`),
  );
}

const { version } = JSON.parse(readFileSync(here('node_modules/node-llama-cpp/package.json'), 'utf8'));
const models = values.only === 'none' ? [] : values.only.split(',');
const paths = [...(await Promise.all(models.map(modelFile))), ...values.file];
const rows = [];
const results = [];
let simd;
for (const path of paths) {
  const seen = await measure(path);
  simd = seen[0].find((figures) => figures.simd)?.simd ?? simd;
  const model = basename(path, '.gguf').replace('-8192', '');
  const cells = FIGURES.map((figure) => {
    const medians = seen.map((runs) => median(runs.map((figures) => figures[figure] ?? 0)));
    const peer = medians.reduce((best, value, i) => (i > 0 && value > medians[best] ? i : best), 1);
    const ratio = medians[0] / medians[peer];
    const runs = Object.fromEntries(
      seen.map((list, i) => [contenders[i].name, list.map((one) => one[figure])]),
    );
    results.push({ model, figure, ratio, peer: contenders[peer].name, runs });
    return `${medians[0].toFixed(0)} / ${medians[peer].toFixed(0)} = **${ratio.toFixed(2)}**`;
  });
  rows.push(`| ${[model, ...cells].join(' | ')} |`);
  console.error(rows.at(-1));
}
const cores = `${cpus()[0].model}, ${cpus().length} cores (${features().join(', ')})`;
console.log(
  `${cores}, load ${loadavg()[0].toFixed(1)}; Node.js ${process.versions.node}, ${simd}; node-llama-cpp ${version}` +
    `${values.native ? ' and llama.cpp built here' : ''}; ${values.rounds} rounds; tokens/s, ours / the better llama.cpp\n`,
);
console.log(`| ${['', ...FIGURES].join(' | ')} |\n|${' --- |'.repeat(FIGURES.length + 1)}`);
console.log(`${rows.join('\n')}\n\n${JSON.stringify(results)}`);
