/** The reports of `bench` and `capacity`: every number is there, says what it rests on, and can be read by people. */
import { afterAll, describe, expect, it } from 'vitest';
import { loadCard } from '#src/platform/node/cards.js';
import { benchHtml, benchMarkdown } from '#src/report/bench/report.js';
import { capacityHtml, capacityMarkdown } from '#src/report/capacity/report.js';
import { plan } from '#src/timing/estimate.js';
import { findMachine } from '#src/timing/local-run.js';
import { launchBrowser } from '../helpers/browser.js';
import { checkReport, valuesIn } from '../helpers/page-check.js';
import { sampleBench, sampleCapacity } from './samples.js';

const browser = await launchBrowser();
afterAll(() => browser?.close());

const bench = sampleBench(1);
const capacity = sampleCapacity(2);
const HOSTILE = `</title></style><script>alert(1)</script> & "quoted" | \`ticks\``;

/** Every number inside a value, with its path; `skip` names keys that a report leaves out on purpose. */
function numbersOf(value: unknown, skip: ReadonlySet<string>, path = ''): [string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) =>
    skip.has(key) ? [] : numbersOf(entry, skip, `${path}.${key}`),
  );
}

function expectAll(html: string, value: unknown, skip: readonly string[]): void {
  const values = valuesIn(html);
  const numbers = numbersOf(value, new Set(skip));
  expect(numbers.length).toBeGreaterThan(0);
  for (const [path, number] of numbers) expect(values, path).toContain(String(number));
}

function expectSoundMarkdown(text: string): void {
  expect(text).not.toMatch(/NaN|undefined|Infinity|(?<!\\)<script/);
  for (const [, target] of text.matchAll(/\]\(#([^)]*)\)/g)) expect(text).toContain(`<a id="${target}">`);
  for (const table of text.split('\n\n').filter((block) => block.startsWith('| '))) {
    const columns = table
      .trim()
      .split('\n')
      .map((line) => line.replace(/\\\|/g, '').split('|').length);
    expect(new Set(columns).size, table).toBe(1);
  }
}

describe('the report of a bench', () => {
  it('holds every measured and every simulated number', () => {
    const html = benchHtml(bench);
    // In text: the case (lengths, users), and the samples behind each median.
    const inText = ['samples', 'promptTokens', 'generatedTokens', 'batch'];
    expectAll(html, bench.measured, inText);
    expectAll(html, bench.ratios, inText);
    expectAll(html, bench.simulated, [...inText, 'count', 'peakFlops', 'peakBytesPerSecond']);
    expectAll(html, bench.machine.bandwidth, ['threads']);
  });

  it('keeps measured and simulated numbers in sections of their own', () => {
    const sections = benchHtml(bench).split('<section ').slice(1);
    for (const section of sections) {
      const simulated = valuesIn(section).has(String(bench.simulated[0]!.tpotMs));
      const measured = valuesIn(section).has(String(bench.measured[0]!.tokensPerSecond.median));
      expect(simulated && measured).toBe(false);
      if (simulated) expect(section).toMatch(/^id="simulated" class="simulated"/);
    }
  });

  it('prints a dash where nothing was measured, never 0', () => {
    const measured = bench.measured.map((row) => ({ ...row, ttftMs: null, launchesPerToken: null }));
    const row = (html: string): string =>
      /<th scope="row">glint: decode 64 \+ 128 tokens<\/th>.*/.exec(
        html.slice(html.indexOf('id="latency"')),
      )![0];
    expect(row(benchHtml({ ...bench, measured }))).toContain('<span title="not measured">–</span>');
    expect(row(benchHtml({ ...bench, measured }))).not.toContain('<data value="0">');
  });

  it('tells of no spread where there was one round, and what a case was shortened from', () => {
    const measured = bench.measured.map((row) => {
      const tokensPerSecond = { ...row.tokensPerSecond, spread: 0, samples: [row.tokensPerSecond.median] };
      return { ...row, tokensPerSecond };
    });
    const html = benchHtml({ ...bench, measured });
    const rows = [...html.matchAll(/<th scope="row">decode 64 \+ 128 tokens<\/th>.*/g)].map(([row]) => row);
    const [row] = rows.filter((one) => /<td[^>]*>512 \+ 128<\/td>/.test(one));
    expect(row).toContain('<span title="not measured">–</span>');
    expect(row).not.toContain('<data value="0">');
  });

  it('is whole when only one contender ran', () => {
    const alone = {
      ...bench,
      measured: bench.measured.filter(({ contender }) => contender === 'waferflow'),
      ratios: [],
      simulated: [],
      ratioToGpuStyleBaseline: Number.NaN,
    };
    expect(benchHtml(alone)).not.toMatch(/NaN|undefined|Infinity/);
    expectSoundMarkdown(benchMarkdown(alone));
  });

  it('has sound Markdown', () => expectSoundMarkdown(benchMarkdown({ ...bench, notes: [HOSTILE] })));

  it.skipIf(browser === null)('holds in a browser what every report must', async () => {
    const models = bench.models.map((model, at) => (at === 0 ? { ...model, name: HOSTILE } : model));
    const measured = bench.measured.map((row) => (row.model === 'glint' ? { ...row, model: HOSTILE } : row));
    const html = benchHtml({ ...bench, models, measured, notes: [HOSTILE] });
    expect(html).not.toContain('<script');
    await checkReport(browser!, html);
  });
});

describe('the report of a capacity search', () => {
  it('holds every number of the answers, the frontier and the search', () => {
    const html = capacityHtml(capacity);
    // Counters that other figures contain, and the settings that stand in a sentence.
    const left = [
      'configuration',
      'timeline',
      'requests',
      'finished',
      'seconds',
      'promptTokens',
      'generatedTokens',
    ];
    const others = ['cachedPromptTokens', 'requestsPerSecond', 'tokensPerSecond', 'count'];
    for (const answer of capacity.answers.filter(({ result }) => result !== null)) {
      expectAll(html, answer, [...left, ...others, 'tokensPerSecondPerUser']);
    }
    expectAll(html, capacity.frontier, ['configuration']);
    expectAll(html, capacity.trials, ['configuration']);
    for (const point of capacity.answers[0]!.result!.timeline!) {
      expect(valuesIn(html)).toContain(String(point.kvOccupancy * 100));
    }
  });

  it('names the closest machine when none meets the SLO, and why one has no answer', () => {
    const shortfall = capacity.answers[1]!.shortfall!;
    const answers = capacity.answers.map((answer) => ({ ...answer, meets: false }));
    const html = capacityHtml({ ...capacity, answers, closest: { machine: 'h100', shortfall } });
    expect(html).toContain('h100 comes closest: TTFT reaches');
    expect(html).toContain('do not fit 64 GPUs');
  });

  it('says guessed beside the price of a wafer and not beside that of a GPU', () => {
    const row = (name: string): string =>
      new RegExp(`<th scope="row">${name}[^<]*</th>.*`).exec(capacityHtml(capacity))![0];
    expect(row('Cerebras')).toContain('guessed');
    expect(row('NVIDIA B200')).not.toContain('guessed');
  });

  it('has sound Markdown', () => expectSoundMarkdown(capacityMarkdown({ ...capacity, model: HOSTILE })));

  it.skipIf(browser === null)('holds in a browser what every report must', async () => {
    const card = loadCard('llama-3.1-70b');
    const machine = findMachine('wse-3');
    const placed = plan(card, machine, { promptTokens: 2048, outputTokens: 128, concurrency: 8 }).plan;
    if (machine.kind !== 'wafer' || placed === undefined) throw new Error('no wafer');
    const html = capacityHtml(
      { ...capacity, model: HOSTILE },
      { date: '2026-11-23', version: '0.1.0', placed: [{ machine, plan: placed }] },
    );
    expect(html).not.toContain('<script');
    await checkReport(browser!, html);
  });
});
