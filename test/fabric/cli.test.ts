import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROGRAMS } from '#src/fabric/programs/index.js';
import { waferflow } from '../cli/cli.js';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid?: number;
  readonly args?: {
    readonly value?: number;
    readonly name?: string;
    readonly pe?: string;
    readonly color?: string;
    readonly words?: number;
  };
}

const folder = mkdtempSync(join(tmpdir(), 'waferflow-fabric-'));

describe('waferflow fabric', () => {
  it('prints one JSON document with the agreed keys', async () => {
    const { code, stdout, stderr } = await waferflow([
      'fabric',
      'gemv',
      '--pes',
      '4x4',
      '--elements',
      '32',
      '--json',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      program: 'gemv',
      pes: '4x4',
      elements: 32,
      cycles: 133,
      predictedCycles: 133,
    });
    for (const key of ['wavelets', 'hops', 'maxAbsError', 'sramHighWaterBytes', 'energyPj']) {
      expect(report[key], key).toBeTypeOf('number');
    }
    expect(report.measured).toEqual({
      wallMs: expect.any(Number) as number,
      hopsPerSecond: expect.any(Number) as number,
      peCyclesPerSecond: expect.any(Number) as number,
    });
    expect(report).not.toHaveProperty('simulated');
  });

  it('lists every program', async () => {
    const { code, stdout } = await waferflow(['fabric', 'list']);
    expect(code).toBe(0);
    for (const { name } of PROGRAMS) expect(stdout).toContain(name);
  });

  it('writes a Chrome trace and an event log that say the same', async () => {
    const [json, log] = [join(folder, 'run.json'), join(folder, 'run.wfl')];
    const args = ['fabric', 'allreduce-ktree', '--pes', '4x2', '--elements', '3'];
    const runs = await Promise.all(
      [json, log].map((file) => waferflow([...args, '--json', '--trace', file])),
    );
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    const report = JSON.parse(runs[0]!.stdout) as Record<
      'hops' | 'wavelets' | 'delivered' | 'cycles',
      number
    >;

    const bytes = readFileSync(log);
    expect(bytes.toString('latin1', 0, 5)).toBe('WFLOG');
    const headerBytes = bytes.readUInt32LE(8);
    const header = JSON.parse(bytes.toString('utf8', 12, 12 + headerBytes)) as Record<string, number>;
    expect(header).toMatchObject({ version: 2, width: 4, height: 2, cycles: report.cycles });
    // Every wavelet is put once, and every one delivered crosses a ramp and is taken.
    expect(header.moves).toBe(report.hops + report.wavelets + 2 * report.delivered);
    expect(bytes.length).toBe(12 + headerBytes + 20 * header.moves! + 16 * header.spans!);

    const { traceEvents } = JSON.parse(readFileSync(json, 'utf8')) as {
      traceEvents: TraceEvent[];
    };
    const slices = traceEvents.filter(({ ph }) => ph === 'X');
    expect(slices).toHaveLength(header.spans!);
    const counted = traceEvents.reduce((sum, { ph, args }) => sum + (ph === 'C' ? args!.value! : 0), 0);
    expect(counted).toBe(report.hops);

    // What Perfetto asks of complete events: a thread of its own that has a name, and no overlap on it.
    const named = new Map(
      traceEvents.flatMap(({ name, pid, tid, args }) =>
        name === 'thread_name' ? [[String([pid, tid]), args!.name!] as const] : [],
      ),
    );
    const ends = new Map<string, number>();
    for (const { pid, tid, ts, dur, args } of slices.toSorted((a, b) => a.ts - b.ts)) {
      const track = String([pid, tid]);
      expect(named.get(track)).toContain(`PE ${args!.pe}`);
      expect(Math.min(pid, tid!)).toBeGreaterThan(0);
      expect(ts).toBeGreaterThanOrEqual(ends.get(track) ?? 0);
      ends.set(track, ts + dur!);
    }
    expect(slices.some(({ args }) => args!.color !== undefined && args!.words! > 0)).toBe(true);
  });

  it('watches a stretch of cycles', async () => {
    const { stderr } = await waferflow(['fabric', 'broadcast', '--pes', '4x1', '--watch', 'cycles=10-12']);
    const cycles = stderr
      .trim()
      .split('\n')
      .map((line) => Number(/^cycle (\d+)/.exec(line)?.[1]));
    expect(cycles.some((cycle) => cycle === 10 || cycle === 11)).toBe(true);
    expect(Math.max(...cycles)).toBe(11);
  });

  it('watches one wavelet on its way', async () => {
    const { stderr } = await waferflow([
      'fabric',
      'broadcast',
      '--pes',
      '3x1',
      '--elements',
      '2',
      '--watch',
      'wavelet=0',
    ]);
    const ways = stderr
      .trim()
      .split('\n')
      .map((line) => line.replace(/0x\w+/, '').replaceAll(/\s+/g, ' '));
    expect(ways).toEqual([
      'cycle 0: wavelet 0 put onto its ramp by (0, 0) on "flood"',
      'cycle 3: wavelet 0 (0, 0) to EAST on "flood"',
      'cycle 4: wavelet 0 (1, 0) to EAST on "flood"',
      'cycle 4: wavelet 0 (1, 0) to RAMP on "flood"',
      'cycle 5: wavelet 0 (2, 0) to RAMP on "flood"',
      'cycle 6: wavelet 0 taken by (1, 0) on "flood"',
      'cycle 7: wavelet 0 taken by (2, 0) on "flood"',
    ]);
  });

  it('takes a machine from a file', async () => {
    const file = join(folder, 'mine.json');
    writeFileSync(file, '{"name":"mine","base":"desk","rampLatencyCycles":5}');
    const run = (machine: string) =>
      waferflow(['fabric', 'broadcast', '--pes', '8x1', '--elements', '4', '--machine', machine, '--json']);
    const [mine, desk] = await Promise.all([run(file), run('desk')]);
    const cycles = ({ stdout }: { stdout: string }): number =>
      (JSON.parse(stdout) as { cycles: number }).cycles;
    expect(cycles(mine)).toBe(cycles(desk) + 6);
    writeFileSync(file, '{"name":');
    expect((await run(file)).code).toBe(1);
  });

  it.each([
    [['nope'], 2, /broadcast/],
    [['gemv', '--pes', '0x4'], 2, /columns of PEs/],
    [['gemv', '--pes', '4'], 2, /8x4/],
    [['gemv', '--pes', '900x900'], 2, /750x994/],
    [['gemv', '--elements', '0'], 2, /at least 1/],
    [['gemv', '--elements', '9000', '--pes', '2x2'], 1, /SRAM of PE \(0, 0\)/],
    [['gemv', '--type', 'f64'], 2, /f32, f16/],
    [['gemv', '--machine', 'h100'], 2, /wse-3t/],
    [['gemv', '--machine', 'missing.json'], 1, /missing\.json/],
    [['gemm-mesh', '--pes', '4x8'], 2, /as many columns as rows/],
    [['broadcast', '--max-cycles', '5'], 1, /more than 5 cycles/],
    [['broadcast', '--watch', 'pe=9,9'], 2, /8 x 8/],
    [['broadcast', '--trace', '/nonexistent/dir/x.json'], 1, /x\.json: got no such directory/],
  ])('%j ends with exit code %i and one sentence', async (args, expected, message) => {
    const { code, stderr, stdout } = await waferflow(['fabric', ...args]);
    expect(code).toBe(expected);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(stdout).toBe('');
  });
});
