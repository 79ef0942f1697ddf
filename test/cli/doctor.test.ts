import { expect, it } from 'vitest';
import { waferflow } from './cli.js';

it('waferflow doctor measures this machine and finds nothing missing', async () => {
  const { code, stdout, stderr } = await waferflow(['doctor', '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const report = JSON.parse(stdout) as {
    cores: number;
    simd: { available: string[]; chosen: string };
    bandwidth: { threads: number; gigabytesPerSecond: number }[];
    embeddedModel: { name: string };
    problems: unknown[];
  };
  expect(report.simd.available).toContain(report.simd.chosen);
  expect(report.bandwidth.map(({ threads }) => threads)).toEqual([...new Set([1, report.cores])]);
  for (const { gigabytesPerSecond } of report.bandwidth) expect(gigabytesPerSecond).toBeGreaterThan(0);
  expect(report.embeddedModel.name).toBe('glint');
  expect(report.problems).toEqual([]);
});

it('waferflow doctor prints the same for people', async () => {
  const { code, stdout } = await waferflow(['doctor']);
  expect(code).toBe(0);
  for (const label of ['Node.js', 'SIMD', 'memory reads', 'embedded model'])
    expect(stdout).toContain(`${label} `);
  // What does not load is none of what running models needs, and is not passed over either.
  const isWhole = !/does not load|has no adapter|^optional: /m.test(stdout);
  expect(stdout).toContain(isWhole ? 'Nothing is missing.' : 'Nothing that running models needs is missing.');
});
