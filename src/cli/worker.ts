/** `waferflow worker`: does the jobs of capacity searches that others put on a queue. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { startSweepPool } from '../platform/node/sweep-pool.js';
import { interruptible } from './interrupt.js';
import { parseCount } from './options.js';

interface WorkerFlags {
  readonly queue: string;
  readonly workers?: number;
  readonly queueTimeout: number;
}

export function registerWorker(program: Command): void {
  program
    .command('worker')
    .description('does jobs of capacity searches from a queue on Redis, until it is interrupted')
    .requiredOption('--queue <url>', 'Redis server, such as redis://localhost:6379')
    .option('--workers <n>', 'jobs at once (default: one per core)', parseCount)
    .option('--queue-timeout <seconds>', 'how long to wait for a Redis that is gone', parseCount, 600)
    .addHelpText(
      'after',
      '\nExample:\n  $ waferflow worker --queue redis://localhost:6379\nand, anywhere else,\n  $ waferflow capacity --model llama-3.1-70b --rate 5 --queue redis://localhost:6379',
    )
    .action(run);
}

async function run({ queue, workers, queueTimeout }: WorkerFlags): Promise<void> {
  const { workOnQueue } = await import('../platform/node/queue.js');
  const threads = workers ?? availableParallelism();
  const pool = startSweepPool(threads);
  const options = {
    url: queue,
    patienceMs: queueTimeout * 1e3,
    say: (notice: string): void => console.error(`waferflow: ${notice}`),
  };
  try {
    await interruptible(async (signal) => {
      console.error(`waferflow: working on ${threads} jobs at once; Ctrl-C ends.`);
      await workOnQueue(options, threads, pool.run, (id) => console.log(`done ${id}`), signal);
    });
  } finally {
    await pool.stop();
  }
}
