/** `waferflow plan` and `waferflow validate` as programs: their JSON, their files, their refusals. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waferflow } from './cli.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'waferflow-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface PlanJson {
  readonly model: string;
  readonly results: readonly Record<string, unknown>[];
}

describe('waferflow plan', () => {
  it('compares machines side by side, as JSON, HTML and SVG', async () => {
    const [html, svg] = [join(folder, 'plan.html'), join(folder, 'plan.svg')];
    const args = ['plan', '--model', 'llama-3.1-8b', '--machine', 'wse-3,h200', '--concurrency', '4'];
    const { code, stdout, stderr } = await waferflow([...args, '--json', '--html', html, '--svg', svg]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { model, results } = JSON.parse(stdout) as PlanJson;
    expect(model).toBe('llama-3.1-8b');
    expect(results.map((result) => result.machine)).toEqual(['wse-3', 'h200']);
    for (const result of results) {
      for (const key of [
        'count',
        'ttftMs',
        'tpotMs',
        'tokensPerSecondPerUser',
        'tokensPerSecond',
        'maxUsers',
        'kilowatts',
        'joulesPerToken',
      ]) {
        expect(result[key], key).toBeGreaterThan(0);
      }
      expect(result.boundBy).toMatch(/^(compute|memory|fabric|latency|I\/O)$/);
      expect(result.tag).toMatch(/^(measured|published|derived|fitted|guessed)$/);
    }
    const page = readFileSync(html, 'utf8');
    expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    for (const text of ['wse-3', 'h200', 'roofline', 'layers 0-', '$/M generated tokens'])
      expect(page.toLowerCase()).toContain(text.toLowerCase());
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg[\s\S]*layers 0-[\s\S]*<\/svg>$/);
  });

  it('prints every condition that it took for granted', async () => {
    const { code, stdout } = await waferflow([
      'plan',
      '--model',
      'gpt-oss-120b',
      '--machine',
      'wse-3,b200',
      '--price',
      'b200=4',
    ]);
    expect(code).toBe(0);
    for (const text of [
      'KV cache:',
      'weights: 4 bit',
      'price: 41.96 $/h',
      '* price: 4 $/h',
      'clock: 1.1 GHz',
      'weakest input',
      'simulated',
    ]) {
      expect(stdout).toContain(text);
    }
  });

  it('plans the embedded model and a machine of one’s own', async () => {
    const machine = join(folder, 'small.json');
    writeFileSync(
      machine,
      JSON.stringify({ name: 'small', base: 'wse-2', fabricColumns: 100, fabricRows: 100 }),
    );
    const { code, stdout } = await waferflow(['plan', '--machine', machine, '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as PlanJson).results[0]).toMatchObject({ machine: 'small', count: 1 });
  });

  it.each([
    [['--model', 'nope'], 2, 'llama-3.1-8b'],
    [['--model', 'llama-3.1-8b', '--machine', 'abacus'], 2, 'wse-3'],
    [['--model', 'llama-3.1-8b', '--machine', 'h100', '--tp', '3'], 2, '32 attention heads'],
    [['--model', 'llama-3.1-8b', '--machine', 'wse-3', '--tp', '2'], 2, 'a GPU among the machines'],
    [['--model', 'llama-3.1-8b', '--acceptance', '0.5'], 2, '--draft'],
    [['--model', 'llama-3.1-70b', '--machine', 'h100', '--count', '1'], 1, 'too much'],
    [['--prompt', 'many'], 2, 'number'],
  ])('refuses %j', async (args, code, said) => {
    const outcome = await waferflow(['plan', ...args]);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toContain(said);
    expect(outcome.stderr).not.toContain('at file:');
  });
});

describe('waferflow validate', () => {
  it('runs the published cases of the package', async () => {
    const { code, stdout } = await waferflow(['validate', '--json']);
    expect(code).toBe(0);
    const { rows, groups } = JSON.parse(stdout) as {
      rows: Record<string, unknown>[];
      groups: Record<string, unknown>[];
    };
    for (const row of rows)
      expect(row).toMatchObject({
        case: expect.any(String),
        metric: expect.any(String),
        published: expect.any(Number),
        predicted: expect.any(Number),
      });
    for (const group of groups)
      expect(Object.keys(group)).toEqual(['group', 'metric', 'rows', 'mape', 'worst']);
    const people = await waferflow(['validate']);
    expect(people.stdout).toContain('MAPE');
  });

  it('says line and column of a cell that is no number', async () => {
    const file = join(folder, 'bad.csv');
    writeFileSync(
      file,
      'model,gpu,precision,engine,isl,osl,concurrency,tp,moe_tp,moe_ep,ttft_ms,tpot_ms\na,H100,bf16,vllm,1,1,x,1,1,1,1,1\n',
    );
    const { code, stderr } = await waferflow(['validate', '--gpu', file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/line 2, column 22: got "x" as concurrency/);
  });
});
