// What the micro-benchmarks share: a tinybench run printed as a table.
import { cpus, loadavg } from 'node:os';
import { Bench } from 'tinybench';
import { formatNumber, formatTable } from '#src/cli/output.js';

/**
 * Runs `tasks` [{name, run, work, unit}] in turn and prints medians. `work` is what one run does, counted in `unit`:
 * the last column says how many of those a second.
 */
export async function printBench(title, tasks, { time = 400 } = {}) {
  const bench = new Bench({ time, warmupTime: time / 4 });
  for (const { name, run } of tasks) bench.add(name, run);
  await bench.run();
  const rows = bench.tasks.map(({ name, result }, i) => {
    if (result.latency === undefined) throw result.error ?? new Error(`${name} did not run`);
    const { p50, min, p99 } = result.latency;
    const { work, unit } = tasks[i];
    const millions = work / p50 / 1e3;
    const rate = millions >= 1e3 ? `${formatNumber(millions / 1e3)} G` : `${formatNumber(millions)} M`;
    return [name, ...[p50, min, p99].map((ms) => formatNumber(ms * 1000)), `${rate}${unit}/s`];
  });
  console.log(
    `${title} | ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Node.js ${process.versions.node}`,
  );
  console.log(formatTable(['what', '>median us', '>lowest us', '>p99 us', '>rate'], rows));
}
