/**
 * How long a model takes from the start of a process to its first token and the end, and the most memory it holds, beside
 * llama-bench: whole processes by turns, one after the other. `node bench/peers/load.mjs FOLDER MODEL.gguf... [--rounds N]`,
 * where FOLDER has llama-bench. Memory is what the system counts (VmHWM), against 1.25 times the file and the cache.
 */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { spreadOf } from '../../dist/src/bench/stats.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' } },
});
const [folder, ...models] = positionals;
if (!folder || models.length === 0) throw new Error('usage: load.mjs FOLDER MODEL.gguf... [--rounds N]');
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const MiB = 2 ** 20;

/** Runs a program to its end: milliseconds, the peak of its memory in MiB, and what it printed. */
function measured(command, args) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let peak = 0;
    let printed = '';
    const timer = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        // It has just ended, or this is no Linux.
      }
    }, 4);
    child.stdout.on('data', (some) => {
      printed += some;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ ms: performance.now() - start, peak, printed });
      else reject(new Error(`${command} ended with ${code}`));
    });
  });
}

for (const model of models) {
  const ours = [];
  const theirs = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    ours.push(
      await measured(process.execPath, [main, 'run', '--model', model, '--raw', 'a', '-n', '1', '--json']),
    );
    theirs.push(await measured(join(folder, 'llama-bench'), ['-m', model, '-p', '0', '-n', '1', '-r', '1']));
  }
  const of = (runs, key) => spreadOf(runs.map((run) => run[key])).median;
  const inside = spreadOf(ours.map(({ printed }) => JSON.parse(printed).measured.loadMs)).median;
  const file = statSync(model).size / MiB;
  console.log(
    `${basename(model)} (${file.toFixed(0)} MiB): first token and end after ${of(ours, 'ms').toFixed(0)} ms, of which the engine loads for ${inside.toFixed(0)}; ` +
      `llama-bench ${of(theirs, 'ms').toFixed(0)} ms; ratio ${(of(ours, 'ms') / of(theirs, 'ms')).toFixed(2)} | ` +
      `at most ${of(ours, 'peak').toFixed(0)} MiB, llama-bench ${of(theirs, 'peak').toFixed(0)}; 1.25 times the file ${(1.25 * file).toFixed(0)}`,
  );
}
