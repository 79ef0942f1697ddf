/** Large bodies take turns, and between two of them is time for all others. */
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turns } from '#src/server/gate/turns.js';

it('gives one turn at a time, the first at once, and twice its time between two', async () => {
  const turns = new Turns();
  const starts: number[] = [];
  const work = async (): Promise<void> => {
    await turns.next('one');
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
  await setTimeout(500);
  const after = performance.now();
  await work();
  expect(starts[3]! - after).toBeLessThan(20);
});

it('gives owners theirs one after the other, and what has begun before what has not', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const read = async (owner: string, name: string): Promise<void> => {
    await turns.next(owner);
    order.push(`${name} is read`);
    await turns.again(owner);
    order.push(`${name} is checked`);
  };
  await Promise.all([read('a', 'a1'), read('a', 'a2'), read('a', 'a3'), read('b', 'b1')]);
  expect(order).toEqual([
    'a1 is read',
    'a1 is checked',
    'b1 is read',
    'a2 is read',
    'b1 is checked',
    'a2 is checked',
    'a3 is read',
    'a3 is checked',
  ]);
});
