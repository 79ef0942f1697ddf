/** Questions as planners ask them: which machines there are, so many users, what to buy and how sure that is. */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CapacityResult } from '#src/fleet/types.js';
import { waferflow } from './cli.js';

const USERS = [
  'capacity',
  '--model',
  'llama-3.1-8b',
  '--machine',
  'h100,b200',
  '--users',
  '40',
  '--requests',
  '800',
];

describe('planning questions', () => {
  it('machines lists what plan knows, with memory and price', async () => {
    const { stdout } = await waferflow(['machines', '--json']);
    const { machines } = JSON.parse(stdout) as { machines: { machine: string; memoryBytes: number }[] };
    expect(machines.map(({ machine }) => machine)).toEqual(expect.arrayContaining(['wse-3', 'h100']));
    expect(machines.find(({ machine }) => machine === 'h100')!.memoryBytes / 2 ** 30).toBeCloseTo(79.1, 3);
  });

  it('users who think send fewer requests, and each answer carries its known error', async () => {
    const ask = async (think: string): Promise<CapacityResult> =>
      JSON.parse((await waferflow([...USERS, '--think', think, '--json'])).stdout) as CapacityResult;
    const [eager, calm] = [await ask('0s'), await ask('30s')];
    expect(calm.workload.name).toContain('think for 30 s');
    const goodput = ({ answers }: CapacityResult): number => answers[0]!.result!.goodput;
    expect(goodput(calm)).toBeLessThan(goodput(eager));
    // No more than one request per user and time of thinking.
    expect(goodput(calm)).toBeLessThan(40 / 30 + 0.2);
    for (const { error } of eager.answers) {
      expect(error.tpotPercent).toBeGreaterThan(1);
      expect(error.rows).toBeGreaterThan(10);
    }
  });

  it('says first what to take, for how much a month and how sure that is', async () => {
    const { stdout } = await waferflow([...USERS, '--think', '5s']);
    expect(stdout.split('\n')[0]).toMatch(/^Take \d+ x \w+: the cheapest .* \$ a month; .* off by \d+ %/);
    expect(stdout).toMatch(/\$\/month/);
    const none = await waferflow([...USERS, '--slo', 'tpot=0.01ms']);
    expect(none.stdout).toMatch(/^None of these machines/);
  });

  it('names refused requests as refused', async () => {
    const { stdout } = await waferflow([
      'capacity',
      '--model',
      'llama-2-13b',
      '--machine',
      'h100',
      '--rate',
      '1',
      '--requests',
      '300',
      '--prompt',
      '3000',
      '--output',
      '500',
    ]);
    expect(stdout).toMatch(/refuses \d+ of 300 requests \(longer than the model/);
  });

  it('--think needs --users, and a time', async () => {
    const lonely = await waferflow(['capacity', '--model', 'llama-3.1-8b', '--rate', '1', '--think', '3s']);
    expect(lonely).toMatchObject({ code: 2, stderr: expect.stringContaining('--users') });
    const odd = await waferflow([...USERS, '--think', 'long']);
    expect(odd).toMatchObject({ code: 2, stderr: expect.stringContaining('20s') });
  });

  it('plan --sweep costs all combinations, of each machine those that it knows', async () => {
    const csv = join(tmpdir(), `waferflow-sweep-${process.pid}.csv`);
    onTestFinished(() => rmSync(csv, { force: true }));
    const sweep = ['--sweep', 'tp=4,8', 'weights=16,8', 'concurrency=1,4', '--csv', csv];
    const { code, stdout } = await waferflow(['plan', '--model', 'llama-3.1-70b', ...sweep, '--json']);
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout) as {
      results: { machine: string; settings: object; tpotMs: number }[];
    };
    expect(results.filter(({ machine }) => machine === 'wse-3')).toHaveLength(4);
    expect(results.filter(({ machine }) => machine === 'h200')).toHaveLength(8);
    const [header = '', ...lines] = readFileSync(csv, 'utf8').trim().split('\n');
    expect(header.split(',').slice(0, 4)).toEqual(['machine', 'weights', 'concurrency', 'tp']);
    expect(lines).toHaveLength(12);
    const one = await waferflow([
      'plan',
      '--model',
      'llama-3.1-70b',
      '--machine',
      'h200',
      '--tp',
      '8',
      '--json',
    ]);
    const [alone] = (JSON.parse(one.stdout) as { results: { tpotMs: number }[] }).results;
    const same = results.find(
      ({ settings }) => JSON.stringify(settings) === '{"weights":16,"concurrency":1,"tp":8}',
    );
    expect(same?.tpotMs).toBe(alone?.tpotMs);
  });

  it('plan --slo finds the most users within the limits', async () => {
    const args = ['plan', '--model', 'llama-3.1-8b', '--machine', 'h200', '--json'];
    const { stdout } = await waferflow([...args, '--slo', 'tpot=10ms']);
    const [found] = (JSON.parse(stdout) as { results: { withinSlo: { users: number; tpotMs: number } }[] })
      .results;
    const { users, tpotMs } = found!.withinSlo;
    expect(users).toBeGreaterThan(1);
    expect(tpotMs).toBeLessThanOrEqual(10);
    const more = await waferflow([...args, '--count', '1', '--concurrency', `${users + 1}`]);
    const [over] = (JSON.parse(more.stdout) as { results: { tpotMs: number }[] }).results;
    expect(over!.tpotMs).toBeGreaterThan(10);
    const none = await waferflow([...args, '--slo', 'tpot=0.001ms']);
    expect(JSON.parse(none.stdout)).toMatchObject({ results: [{ withinSlo: { users: 0 } }] });
  });

  it.each([
    [['--sweep', 'warp=9'], 'warp'],
    [['--sweep', 'tp=x'], 'tp'],
    [['--sweep', 'tp=1,2', '--html', 'x.html'], '--html'],
    [['--csv', 'x.csv'], '--sweep'],
    [['--slo', 'itl=5ms'], 'capacity'],
    [['--tp', '2', '--sweep', 'tp=1,2'], '--tp'],
  ])('plan refuses %j and says why', async (args, word) => {
    const { code, stderr } = await waferflow(['plan', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(word);
  });
});
