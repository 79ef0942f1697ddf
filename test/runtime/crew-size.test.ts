/** How many workers take part, on machines that are made up: times of steps by number of workers. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { CrewSize } from '#src/runtime/leader/crew-size.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

interface Machine {
  ms(workers: number): number;
  /** Milliseconds of long waits in a step. */
  longMs(workers: number): number;
}

const quiet: Machine = { ms: (workers) => 4 / workers, longMs: () => 0 };
/** Another program has one of two cores most of the time. */
const busy: Machine = {
  ms: (workers) => (workers === 1 ? 4 : 12),
  longMs: (workers) => (workers === 1 ? 0 : 9),
};

/** Runs steps; returns the sizes in use, and the time of all. */
function run(crew: CrewSize, machine: Machine, steps: number, rows = 1) {
  const sizes: number[] = [];
  let ms = 0;
  for (let step = 0; step < steps; step++) {
    const { size } = crew;
    sizes.push(size);
    ms += machine.ms(size);
    waited = (waited + 1000 * machine.longMs(size)) | 0;
    crew.note(rows, machine.ms(size), waited);
  }
  return { sizes, ms };
}

/** The counter of the control block goes on over all steps; it begins near its end to wrap around. */
let waited = 2 ** 31 - 5000;

describe('the number of workers of a step', () => {
  it('is all of them on a quiet machine, always', () => {
    expect(new Set(run(new CrewSize(4), quiet, 5000).sizes)).toEqual(new Set([4]));
  });

  it('falls where another program takes a core, and costs little more than the best number', () => {
    const crew = new CrewSize(2);
    const { ms } = run(crew, busy, 2000);
    expect(crew.size).toBe(1);
    expect(ms).toBeLessThan(1.2 * 2000 * busy.ms(1));
  });

  it('rises again when the other program has ended', () => {
    const crew = new CrewSize(2);
    run(crew, busy, 300);
    expect(crew.size).toBe(1);
    run(crew, quiet, 600);
    expect(crew.size).toBe(2);
  });

  it('goes down as far as is worth it, one by one', () => {
    // Each worker above the second one finds no core.
    const two: Machine = { ms: (n) => (n <= 2 ? 8 / n : 5 * n), longMs: (n) => (n <= 2 ? 0 : 4 * n) };
    const crew = new CrewSize(5);
    const { sizes } = run(crew, two, 1000);
    expect(crew.size).toBe(2);
    expect(sizes).toContain(4);
    expect(sizes).toContain(3);
  });

  it('stays where waits are long but fewer workers are slower', () => {
    const uneven: Machine = { ms: (n) => 100 / n, longMs: (n) => 40 / n };
    const crew = new CrewSize(2);
    const { ms } = run(crew, uneven, 2000);
    expect(crew.size).toBe(2);
    expect(ms).toBeLessThan(1.02 * 2000 * uneven.ms(2));
  });

  it('finds its number where steps of different work alternate', () => {
    const crew = new CrewSize(2);
    const work = (factor: number): Machine => ({
      ms: (n) => factor * busy.ms(n),
      longMs: (n) => factor * busy.longMs(n),
    });
    for (let step = 0; step < 300; step++) run(crew, work(1 + (step % 3) * 20), 1, 1 + (step % 3));
    expect(crew.size).toBe(1);
    for (let step = 0; step < 600; step++) run(crew, quiet, 1, 1 + (step % 3));
    expect(crew.size).toBe(2);
  });

  it('does not take a pause of the other program for the merit of fewer workers', () => {
    const crew = new CrewSize(2);
    // Busy for 32 steps, quiet from the first step of the trial on.
    run(crew, { ms: () => 12, longMs: () => 9 }, 32);
    expect(crew.size).toBe(1);
    run(crew, quiet, 16);
    expect(crew.size).toBe(2);
    expect(new Set(run(crew, quiet, 500).sizes)).toEqual(new Set([2]));
  });

  it('is one for one worker', () => {
    expect(new Set(run(new CrewSize(1), busy, 100).sizes)).toEqual(new Set([1]));
  });
});

it('workers come and go between steps while other threads keep the cores busy, and the tokens stay the same', async () => {
  const path = temporaryFile(tinyModel({ weightType: 'Q8_0', context: 1024 }));
  const generate = async (workers: number) => {
    const engine = await load(path, { workers, context: 1024 });
    try {
      for await (const chunk of engine.generate([5, 6, 7], { maxTokens: 900, ignoreEos: true }))
        if (chunk.done) return chunk.ids;
    } finally {
      await engine.close();
    }
    throw new Error('no end');
  };
  const alone = await generate(1);
  const busy = [1, 2].map(() => new Worker('for (;;);', { eval: true }));
  try {
    expect(await generate(3)).toEqual(alone);
  } finally {
    await Promise.all(busy.map((worker) => worker.terminate()));
  }
});
