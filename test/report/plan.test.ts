/** The report of `plan`: complete, honest about its inputs, and readable in a real browser. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCard } from '#src/platform/node/cards.js';
import { PLAN_FIGURES } from '#src/report/plan/figures.js';
import { type PlanReportInput, planHtml, planMarkdown } from '#src/report/plan/report.js';
import { plan } from '#src/timing/estimate.js';
import { interactivity } from '#src/timing/interactivity.js';
import { findMachine } from '#src/timing/local-run.js';
import { launchBrowser } from '../helpers/browser.js';
import { checkReport, valuesIn } from '../helpers/page-check.js';

const browser = await launchBrowser();
afterAll(() => browser?.close());

const HOSTILE = `<img src=x onerror=alert(1)> & "quoted" | \`ticks\` [link](javascript:alert(2))`;
let input: PlanReportInput;

beforeAll(() => {
  const card = loadCard('llama-3.1-8b');
  const request = { promptTokens: 1024, outputTokens: 256, concurrency: 4 };
  const machines = ['wse-3', 'h100'].map(findMachine);
  const results = machines.map((machine) => plan(card, machine, request));
  const frontiers = results.map((result, at) => interactivity(card, machines[at]!, request, result));
  const command = 'waferflow plan --model llama-3.1-8b';
  const requests = machines.map(() => request);
  input = { card, machines, requests, results, frontiers, command, version: '1.2.3' };
});

describe('the frontier of throughput and interactivity', () => {
  it('has no point that another one beats in both, and gains throughput with users', () => {
    for (const points of input.frontiers) {
      expect(points.length).toBeGreaterThan(2);
      points.slice(1).forEach((point, at) => {
        expect(point.tokensPerSecondPerUser).toBeGreaterThan(points[at]!.tokensPerSecondPerUser);
        expect(point.tokensPerSecond).toBeLessThan(points[at]!.tokensPerSecond);
      });
    }
  });
});

describe('the report of a plan', () => {
  it('holds every figure of every result, of the frontier and of the floor plan', () => {
    const values = valuesIn(planHtml(input));
    for (const [at, result] of input.results.entries()) {
      for (const { label, of } of PLAN_FIGURES) expect(values, label).toContain(String(of(result)));
      for (const op of result.decode.ops.filter(({ op: name }) => name === 'down')) {
        expect(values).toContain(String(op.seconds * 1e3));
      }
      for (const point of input.frontiers[at]!) {
        expect(values).toContain(String(point.tokensPerSecondPerUser));
        expect(values).toContain(String(point.dollarsPerMTokens));
      }
      for (const { budget } of result.plan?.regions ?? []) expect(values).toContain(String(budget.weights));
    }
  });

  it('is the same for the same input', () => {
    expect(planHtml(input)).toBe(planHtml(input));
  });

  it('says beside a number that it is guessed, and nothing beside one that is published', () => {
    const html = planHtml(input);
    const row = (name: string): string => new RegExp(`<th scope="row">${name}</th>.*`).exec(html)![0];
    expect(row('TTFT, ms').match(/guessed/g)).toHaveLength(1);
    expect(row('kW')).not.toContain('guessed');
    const requests = input.requests.map((request) => ({ ...request, dollarsPerHour: 12 }));
    const given = planHtml({ ...input, requests });
    expect(/<th scope="row">\$\/h<\/th>.*/.exec(given)![0]).not.toContain('guessed');
  });

  it('has the same sections and anchors in Markdown, and cells that stay cells', () => {
    const text = planMarkdown({ ...input, card: { ...input.card, name: HOSTILE } });
    expect(text).not.toMatch(/NaN|undefined|Infinity|(?<!\\)<img|(?<!\\)\]\(javascript/);
    for (const [, target] of text.matchAll(/\]\(#([^)]*)\)/g)) expect(text).toContain(`<a id="${target}">`);
    const tables = text.split('\n\n').filter((block) => block.startsWith('| '));
    expect(tables.length).toBeGreaterThan(8);
    for (const table of tables) {
      const columns = table.split('\n').map((line) => line.replace(/\\\|/g, '').split('|').length);
      expect(new Set(columns).size, table).toBe(1);
    }
  });

  it('keeps a hostile model name as text', () => {
    const html = planHtml({
      ...input,
      card: { ...input.card, name: HOSTILE, source: HOSTILE, notes: [HOSTILE] },
    });
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;img src=x');
  });

  describe.skipIf(browser === null)('in a browser', () => {
    it('is well-formed, self-contained, accessible and fits every screen', async () => {
      await checkReport(browser!, planHtml(input));
    });

    it('so it is with a hostile name', async () => {
      const card = { ...input.card, name: HOSTILE, notes: [HOSTILE, 'x'.repeat(400)] };
      const plan = input.results.map((result) => ({ ...result, model: HOSTILE }));
      await checkReport(browser!, planHtml({ ...input, card, results: plan }));
    });
  });
});
