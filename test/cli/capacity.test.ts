/** `waferflow capacity` as a program: its JSON, its table, its refusals, what it leaves on a full disk. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CapacityResult } from '#src/fleet/types.js';
import { sharedPath } from '../helpers/shared.js';
import { ROOT, waferflow } from './cli.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'waferflow-capacity-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = ['capacity', '--model', 'llama-3.1-8b', '--rate', '20', '--requests', '1500', '--json'];

async function capacity(args: readonly string[]): Promise<CapacityResult> {
  const { code, stdout, stderr } = await waferflow(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as CapacityResult;
}

describe('waferflow capacity', () => {
  it('answers with the least count that meets the SLO: one copy fewer does not', async () => {
    const { answers, frontier, trials, closest, assumptions } = await capacity([
      ...SMALL,
      '--machine',
      'h100,b200',
      '--slo',
      'ttft=300ms,tpot=20ms',
    ]);
    expect(closest).toBe(null);
    expect(answers.map(({ machine }) => machine)).toEqual(['h100', 'b200']);
    for (const {
      machine,
      meets,
      count,
      configuration,
      result,
      goodput,
      costPerMTokens,
      assumptions: own,
    } of answers) {
      expect(meets).toBe(true);
      const of = configuration!;
      expect(count).toBe(of.machinesPerReplica * (of.replicas + of.prefillReplicas + of.decodeReplicas));
      expect(goodput).toBeGreaterThan(0);
      expect(result!.timeline!.length).toBeGreaterThan(100);
      expect(result!.timeline!.at(-1)!.seconds).toBeCloseTo(result!.seconds, 6);
      expect(costPerMTokens).toBeGreaterThan(0);
      for (const outcome of result!.slo) expect(outcome).toMatchObject({ meets: true });
      expect(result!.finished).toBe(1500);
      const same = (trial: CapacityResult['trials'][number]): boolean =>
        trial.configuration.machinesPerReplica === of.machinesPerReplica &&
        trial.configuration.chunkTokens === of.chunkTokens &&
        trial.configuration.prefillReplicas > 0 === of.prefillReplicas > 0;
      const tried = trials.filter((trial) => trial.machine === machine && same(trial));
      const fewer = tried.filter((trial) => trial.count < count);
      expect(fewer.every((trial) => !trial.meets)).toBe(true);
      if (of.replicas > 1)
        expect(fewer.some((trial) => trial.count === count - of.machinesPerReplica)).toBe(true);
      expect(own.map(({ name }) => name)).toContain('price');
      for (const { source, tag } of own) {
        expect(source).not.toBe('');
        expect(tag).toMatch(/^(measured|published|derived|fitted|guessed)$/);
      }
    }
    for (const machine of ['h100', 'b200']) {
      const points = frontier.filter((point) => point.machine === machine && point.onFrontier);
      expect(points.length).toBeGreaterThan(3);
      const sorted = points.toSorted((a, b) => a.tokensPerSecondPerUser - b.tokensPerSecondPerUser);
      for (const [i, point] of sorted.entries()) {
        if (i > 0)
          expect(point.tokensPerSecondPerMachine).toBeLessThan(sorted[i - 1]!.tokensPerSecondPerMachine);
      }
    }
    expect(assumptions.map(({ name }) => name)).toContain('SLO');
  });

  it('says which machine comes closest to an impossible SLO, and by how much', async () => {
    const args = [...SMALL, '--machine', 'h100,b200', '--slo', 'ttft=10ms,tpot=1ms'];
    const { answers, closest } = await capacity(args);
    expect(answers.every(({ meets }) => !meets)).toBe(true);
    for (const { shortfall } of answers) expect(shortfall!.reachedMs).toBeGreaterThan(shortfall!.limitMs);
    const factors = answers.map(({ shortfall }) => shortfall!.reachedMs / shortfall!.limitMs);
    expect(closest!.machine).toBe(answers[factors.indexOf(Math.min(...factors))]!.machine);
    const { stdout } = await waferflow(args.filter((arg) => arg !== '--json'));
    expect(stdout).toMatch(
      /No machine meets the SLO\. (h100|b200) comes closest: TT?[FP]\w+ of [\d,.]+ ms where/,
    );
  });

  it('shows why a task does not get shorter as tokens get faster', async () => {
    const { answers } = await capacity([
      'capacity',
      '--model',
      'llama-3.1-8b',
      '--agents',
      '2',
      '--tasks',
      '30',
      '--machine',
      'wse-3,h100',
      '--slo',
      'ttft=5s,tpot=200ms',
      '--json',
    ]);
    const [wafer, gpu] = answers.map(({ result }) => result!);
    const tokens = wafer!.tokensPerSecondPerUser / gpu!.tokensPerSecondPerUser;
    const tasks = gpu!.tasks!.taskMs.mean / wafer!.tasks!.taskMs.mean;
    expect(tokens).toBeGreaterThan(5);
    expect(tasks).toBeGreaterThan(1);
    expect(tasks).toBeLessThan(tokens);
  });

  it('names the model that does not fit and goes on with the other machines', async () => {
    const { answers } = await capacity([
      'capacity',
      '--model',
      'deepseek-v3',
      '--machine',
      'l4,b200',
      '--rate',
      '1',
      '--requests',
      '200',
      '--json',
    ]);
    expect(answers[0]).toMatchObject({ machine: 'l4', count: 0, meets: false, configuration: null });
    expect(answers[0]!.reason).not.toBe(null);
    expect(answers[1]!.count).toBeGreaterThan(0);
  });

  it.each([
    [[], 2, 'one of --trace, --rate, --users, --agents and --replay'],
    [['--rate', '1', '--agents', '2'], 2, '--rate and --agents'],
    [['--rate', '0'], 2, 'above 0'],
    [['--rate', '1', '--slo', 'ttft=fast'], 2, 'ttft=500ms,tpot=20ms'],
    [['--rate', '1', '--slo', 'tpot=0ms'], 2, 'ttft=500ms'],
    [['--rate', '1', '--percentile', '101'], 2, 'up to 100'],
    [['--rate', '1', '--machine', 'abacus'], 2, 'wse-3'],
    [['--rate', '1', '--machine', 'h100', '--price', 'h200=3'], 2, 'one of h100'],
    [['--rate', '1', '--prompt', '2000000', '--model', 'llama-3.1-8b'], 2, 'context of 131072'],
    [['--trace', '/nowhere.csv'], 1, '/nowhere.csv'],
    [['--rate', '1', '--queue', 'http://x'], 2, 'redis://localhost:6379'],
  ])('refuses %j', async (args, code, said) => {
    const outcome = await waferflow(['capacity', ...args]);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toContain(said);
    expect(outcome.stderr).not.toContain('at file:');
  });

  it('names the line of a malformed trace', async () => {
    const file = join(folder, 'bad.csv');
    writeFileSync(file, 'seconds,prompt_tokens,output_tokens\n0,10,5\n1,x,5\n');
    const { code, stderr } = await waferflow(['capacity', '--model', 'llama-3.1-8b', '--trace', file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/bad\.csv, line 3, column 3: got "x" as prompt_tokens/);
  });

  const code = sharedPath('data/traces/azure-llm-2023-code.csv');
  it.skipIf(code === null)('sizes Llama-3.1-70B for the Azure code trace at ten times its rate', async () => {
    const { answers, workload } = await capacity([
      'capacity',
      '--model',
      'llama-3.1-70b',
      '--machine',
      'wse-3,h100,h200,b200',
      '--trace',
      code!,
      '--rate-scale',
      '10',
      '--slo',
      'ttft=500ms,tpot=20ms',
      '--json',
      '--html',
      join(folder, 'capacity.html'),
      '--md',
      join(folder, 'capacity.md'),
    ]);
    const page = readFileSync(join(folder, 'capacity.html'), 'utf8');
    for (const text of ['wse-3', 'h100', 'h200', 'b200', 'guess']) expect(page).toContain(text);
    expect(page).not.toMatch(/NaN|undefined/);
    expect(readFileSync(join(folder, 'capacity.md'), 'utf8')).toContain('wse-3');
    expect(workload.requests).toBe(8819);
    expect(answers.map(({ machine }) => machine)).toEqual(['wse-3', 'h100', 'h200', 'b200']);
    for (const { meets, count, result, shortfall } of answers) {
      expect(count).toBeGreaterThan(0);
      expect(result!.finished).toBe(8819);
      expect(meets).toBe(shortfall === null);
    }
  });
});

/** A file system of 64 KiB, where this user may make one. */
function onFullDisk(script: string): { readonly status: number | null; readonly output: string } {
  const place = join(folder, 'disk');
  mkdirSync(place, { recursive: true });
  const shell = `mount -t tmpfs -o size=64k none ${place} && cd ${place} && ${script}`;
  const { status, stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', shell], { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

const canMount = process.platform === 'linux' && onlyWhere(() => onFullDisk('true').status === 0);

function onlyWhere(test: () => boolean): boolean {
  folder = mkdtempSync(join(tmpdir(), 'waferflow-capacity-'));
  const isPossible = test();
  rmSync(folder, { recursive: true });
  if (!isPossible) process.stderr.write('skipped: no right to mount a small file system\n');
  return isPossible;
}

describe.skipIf(!canMount)('on a full disk', () => {
  it('a report that cannot be written leaves the old one as it was', () => {
    const args = 'capacity --model llama-3.1-8b --machine h100 --rate 5 --requests 200 --html report.html';
    const { status, output } = onFullDisk(
      `echo old > report.html && head -c 50000 /dev/zero > filler; node ${ROOT}dist/src/cli/main.js ${args} 2>&1 >/dev/null; echo "status $?"; cat report.html; ls`,
    );
    expect(status).toBe(0);
    expect(output).toContain('got a full disk');
    expect(output).toMatch(/status 1\nold\nfiller\nreport\.html\n/);
  });

  it('a search that cannot keep its results ends with a message', () => {
    const args =
      'capacity --model llama-3.1-8b --machine h100 --rate 5 --requests 200 --resume results.jsonl';
    const { output } = onFullDisk(
      `head -c 62000 /dev/zero > filler; node ${ROOT}dist/src/cli/main.js ${args}; echo "status $?" >&2`,
    );
    expect(output).toMatch(/results\.jsonl: got a full disk.*status 1/s);
  });
});
