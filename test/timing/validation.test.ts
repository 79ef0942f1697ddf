/** The timing models against published numbers, and the reading of files of such numbers. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cardOfHubName } from '#src/platform/node/cards.js';
import { PUBLISHED_GPU_CASES, PUBLISHED_WAFER_CASES } from '#src/timing/validation/published-cases.js';
import { type Validation, validate } from '#src/timing/validation/validation.js';

const wafer = (text: string): Validation => validate({ text, file: 'w.csv' }, null, cardOfHubName);
const gpu = (text: string): Validation => validate(null, { text, file: 'g.csv' }, cardOfHubName);

function group(result: Validation, name: string, metric: string) {
  const found = result.groups.find((g) => g.group === name && g.metric === metric);
  if (!found) throw new Error(`no group ${name} ${metric}`);
  return found;
}

describe('published cases of the package', () => {
  it('WaferLLM rates are met within 3 % on average and 6 % each', () => {
    const all = group(wafer(PUBLISHED_WAFER_CASES), 'wafer, all rows', 'tokens_per_second');
    expect(all.rows).toBe(7);
    expect(all.mape).toBeLessThan(3);
    expect(all.worst).toBeLessThan(6);
  });

  it('GPU tokens are met within 15 % and first tokens within 45 % on average', () => {
    const result = gpu(PUBLISHED_GPU_CASES);
    expect(group(result, 'gpu, all rows', 'tpot_ms').mape).toBeLessThan(15);
    expect(group(result, 'gpu, all rows', 'ttft_ms').mape).toBeLessThan(45);
  });
});

const DATA = '../shared/data';
describe.skipIf(!existsSync(DATA))('published files (need ../shared/data)', () => {
  it('every wafer row is met within 6 %', () => {
    const all = group(
      wafer(readFileSync(`${DATA}/wafer-published.csv`, 'utf8')),
      'wafer, all rows',
      'tokens_per_second',
    );
    expect(all.rows).toBe(14);
    expect(all.mape).toBeLessThan(3);
    expect(all.worst).toBeLessThan(6);
  });

  it('GPU rows that are not suspect are met within 15 % (TPOT) and 35 % (TTFT), and few are suspect', () => {
    const result = gpu(readFileSync(`${DATA}/gpu-serving-measured.csv`, 'utf8'));
    const tpot = group(result, 'gpu, rows that are not suspect', 'tpot_ms');
    expect(tpot.rows).toBeGreaterThan(640);
    expect(tpot.mape).toBeLessThan(15);
    expect(group(result, 'gpu, rows that are not suspect', 'ttft_ms').mape).toBeLessThan(35);
    expect(group(result, 'gpu, all rows', 'ttft_ms').mape).toBeLessThan(35);
    for (const row of result.rows.filter((r) => r.suspect))
      expect(row.suspect).toMatch(/throughput|first token|product of the experts|tokens take longer/);
  });
});

describe('files', () => {
  const [header, first] = PUBLISHED_GPU_CASES.split('\n') as [string, string];
  it.each([
    ['', 'header'],
    [`${header}\n1,2,3`, /line 2.*3 cells/],
    [`${header}\n${first.replace('9.88', 'fast')}`, /g\.csv, line 2, column 73: got "fast" as tpot_ms/],
    [`${header.replace('tpot_ms', 'tpot')}\n${first}`, /line 1, column 1.*tpot_ms/],
  ])('say line and column of what cannot be read: %j', (text, message) => {
    expect(() => gpu(text)).toThrow(message);
  });

  it('name rows of unknown models and machines and go on', () => {
    const result = gpu(
      `${header}\n${first.replace('H100', 'X9000')}\n${first.replace(/^[^,]*/, 'acme/none')}\n${first}`,
    );
    expect(result.skipped.map((row) => row.reason)).toEqual([
      expect.stringContaining('X9000'),
      expect.stringContaining('acme/none'),
    ]);
    expect(result.rows).toHaveLength(2);
  });

  it('name a row that is faster than the machine', () => {
    const result = gpu(`${header}\n${first.replace('9.88', '1.5')}`);
    expect(result.rows[0]!.suspect).toContain('throughput');
    expect(gpu(`${header}\n${first}`).rows[0]!.suspect).toBeUndefined();
  });
});
