// What the micro-benchmarks share: a tinybench run printed as a table.
import { cpus, loadavg } from 'node:os';
import { Bench } from 'tinybench';
import { formatTable } from '#src/cli/output.js';

/**
 * Runs `tasks` [{name, run, work, unit}] in turn and prints medians. `work` is what one run does, counted in `unit`:
 * the last column says how many of those a second.
 */
export async function printBench(title, tasks, { time = 400 } = {}) {
  const bench = new Bench({ time, warmupTime: time / 4 });
  for (const { name, run } of tasks) bench.add(name, run);
  await bench.run();
  const rows = bench.tasks.map((task, i) => {
    const { latency } = task.result;
    if (latency === undefined) throw task.result.error ?? new Error(`${task.name} did not run`);
    const { work, unit } = tasks[i];
    return [
      task.name,
      `${(latency.p50 * 1000).toPrecision(4)}`,
      `${(latency.min * 1000).toPrecision(4)}`,
      `${(latency.p99 * 1000).toPrecision(4)}`,
      `${(work / latency.p50 / 1e6).toPrecision(3)} G${unit}/s`.replace(
        /^(0\.\S+) G/,
        (_, n) => `${(n * 1000).toPrecision(3)} M`,
      ),
    ];
  });
  console.log(
    `${title} | ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Node.js ${process.versions.node}`,
  );
  console.log(formatTable(['what', '>median us', '>lowest us', '>p99 us', '>rate'], rows));
}
