/** Searches over a real Redis: killed workers, a Redis that goes away, results once and complete. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, hasRedis, type Run, startRedis, startWaferflow, until } from './capacity-runs.js';
import { waferflow } from './cli.js';

const SEARCH = [
  'capacity',
  '--model',
  'llama-3.1-8b',
  '--machine',
  'h100',
  '--rate',
  '30',
  '--requests',
  '2500',
  '--json',
];

/** A search without a queue is part of the preparation. */
const HOOK_MS = 240_000;

const answersOf = (stdout: string): unknown => {
  const { command, ...rest } = JSON.parse(stdout) as { command: string };
  expect(command).toContain('capacity');
  return rest;
};
const doneBy = (worker: Run): string[] => worker.stdout().match(/^done \S+$/gm) ?? [];

describe.skipIf(!hasRedis)('waferflow capacity --queue', () => {
  let folder = '';
  let port = 0;
  let url = '';
  let redis: Run;
  let expected: unknown;
  const workers: Run[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waferflow-redis-'));
    port = await freePort();
    url = `redis://127.0.0.1:${port}`;
    redis = await startRedis(port, folder);
    expected = answersOf((await waferflow(SEARCH)).stdout);
  }, HOOK_MS);
  afterAll(async () => {
    for (const worker of workers) worker.child.kill('SIGKILL');
    redis.child.kill('SIGKILL');
    await Promise.all([redis.ended, ...workers.map((worker) => worker.ended)]);
    rmSync(folder, { recursive: true });
  }, HOOK_MS);
  const startWorker = (): Run => {
    const worker = startWaferflow(['worker', '--queue', url, '--workers', '1']);
    workers.push(worker);
    return worker;
  };

  it('loses and repeats nothing when one of two workers is killed', async () => {
    const [first, second] = [startWorker(), startWorker()];
    const search = startWaferflow([...SEARCH, '--queue', url]);
    await until('both workers at work', () => doneBy(first).length > 0 && doneBy(second).length > 0);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await search.ended).toBe(0);
    expect(answersOf(search.stdout())).toEqual(expected);
    const done = [...doneBy(first), ...doneBy(second)];
    expect(new Set(done).size).toBe(done.length);
    const { trials } = expected as { trials: unknown[] };
    expect(trials.length).toBeGreaterThan(10);
    second.child.kill('SIGINT');
    expect(await second.ended).toBe(130);
  });

  it('waits with a message when Redis goes away, and goes on when it is back, empty', async () => {
    const worker = startWorker();
    const search = startWaferflow([...SEARCH, '--queue', url]);
    await until('some work', () => doneBy(worker).length > 1);
    redis.child.kill('SIGKILL');
    await redis.ended;
    await until(
      'the message',
      () => search.stderr().includes('does not answer') && worker.stderr().includes('does not answer'),
    );
    redis = await startRedis(port, folder);
    expect(await search.ended).toBe(0);
    expect(search.stderr()).toContain('Redis is back');
    expect(answersOf(search.stdout())).toEqual(expected);
    worker.child.kill('SIGINT');
    expect(await worker.ended).toBe(130);
  });

  it('ends cleanly when Redis stays away, or on Ctrl-C while it waits', async () => {
    const nowhere = `redis://127.0.0.1:${await freePort()}`;
    const search = await waferflow([...SEARCH, '--queue', nowhere, '--queue-timeout', '1']);
    expect(search).toMatchObject({ code: 1, stdout: '' });
    expect(search.stderr).toMatch(/does not answer.*waiting for up to 1 s[\s\S]*no answer for 1 s/);
    const worker = await waferflow(['worker', '--queue', nowhere, '--queue-timeout', '1']);
    expect(worker).toMatchObject({ code: 1, stdout: '' });
    const waiting = startWaferflow([...SEARCH, '--queue', nowhere]);
    await until('the message', () => waiting.stderr().includes('does not answer'));
    waiting.child.kill('SIGINT');
    expect(await waiting.ended).toBe(130);
    expect(waiting.stderr()).not.toContain('internal error');
  });

  it('says that nobody works, and takes the first worker that comes', async () => {
    const search = startWaferflow([...SEARCH, '--queue', url]);
    await until('the message', () => search.stderr().includes('No worker is there yet'));
    const worker = startWorker();
    expect(await search.ended).toBe(0);
    expect(answersOf(search.stdout())).toEqual(expected);
    worker.child.kill('SIGINT');
    expect(await worker.ended).toBe(130);
  });
});
