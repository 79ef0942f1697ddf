/** Large bodies take turns, and between two of them is time for all others. */
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turns } from '#src/server/gate/turns.js';

it('gives one turn at a time, the first at once, and twice its time between two', async () => {
  const turns = new Turns();
  const starts: number[] = [];
  const work = async (): Promise<void> => {
    await turns.next();
    starts.push(performance.now());
    const end = performance.now() + 20;
    while (performance.now() < end) void 0;
  };
  let others = 0;
  const other = setInterval(() => others++, 1);
  const first = performance.now();
  await Promise.all([work(), work(), work()]);
  clearInterval(other);
  expect(starts[0]! - first).toBeLessThan(20);
  expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(59);
  expect(starts[2]! - starts[1]!).toBeGreaterThanOrEqual(59);
  expect(others).toBeGreaterThan(10);
  await setTimeout(80);
  const after = performance.now();
  await work();
  expect(starts[3]! - after).toBeLessThan(20);
});
