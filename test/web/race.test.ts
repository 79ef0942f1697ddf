import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BANDS, PUBLISHED } from '../../src/web/race/published.js';
import { finishMs, MODES, placeAt, scriptOf, tokensOf } from '../../src/web/race/script.js';
import { sharedPath } from '../helpers/shared.js';

const POINTS = sharedPath('data/points.csv');
const pace = { ttftMs: 100, tokensPerSecond: 50 };

describe('the script of a race', () => {
  it.each(MODES)('has real text for %s, turn by turn', (mode) => {
    const script = scriptOf(mode);
    expect(tokensOf(script)).toBeGreaterThan(150);
    for (const { kind, ask, tokens } of script) {
      expect(['answer', 'thought']).toContain(kind);
      expect(ask.length).toBeGreaterThan(20);
      expect(tokens.join('').trim().length).toBeGreaterThan(tokens.length);
    }
    expect(new Set(script.map(({ ask }) => ask)).size).toBe(script.length);
  });

  it('waits for the first token of every turn and ends when finishMs says', () => {
    const script = scriptOf('agent');
    const end = finishMs(script, pace);
    expect(end).toBeCloseTo(10 * 100 + (tokensOf(script) - 10) * 20);
    expect(placeAt(script, pace, 99).total).toBe(0);
    expect(placeAt(script, pace, 100)).toEqual({ turn: 0, tokens: 1, total: 1, isDone: false });
    const first = script[0]!.tokens.length;
    const second = 100 + (first - 1) * 20;
    expect(placeAt(script, pace, second + 50)).toEqual({ turn: 1, tokens: 0, total: first, isDone: false });
    expect(placeAt(script, pace, end - 1)).toMatchObject({ turn: 9, isDone: false });
    expect(placeAt(script, pace, end)).toMatchObject({ total: tokensOf(script), isDone: true });
  });
});

describe('what is known of the speeds', () => {
  const docs = readFileSync('docs/timing.md', 'utf8');

  it('is what the documentation says', () => {
    expect(docs).toMatch(new RegExp(`not suspect +\\| TPOT +\\| \\d+ +\\| ${BANDS.gpu.tpot.toFixed(1)} %`));
    expect(docs).toMatch(new RegExp(`not suspect +\\| TTFT +\\| \\d+ +\\| ${BANDS.gpu.ttft.toFixed(1)} %`));
    expect(docs).toMatch(/WSE-2, decode +\| tokens\/s \| 6 +\| 0\.5 %/);
    expect(docs).toContain(`met within ${BANDS.wafer.tpot} % on average without speculation`);
    expect(docs).toContain('first tokens within a factor of 1.5');
  });

  it.skipIf(POINTS === null)('quotes speeds that were published', () => {
    const points = readFileSync(POINTS!, 'utf8');
    for (const { model, tokensPerSecond, source } of PUBLISHED) {
      const rows = points.split('\n').filter((row) => row.startsWith(`wse-3,${model},`));
      expect(rows.some((row) => row.includes(`,${tokensPerSecond},`) && row.includes(source))).toBe(true);
    }
  });

  it('names the error that each kind of machine has', () => {
    for (const { said, short, tpot } of Object.values(BANDS)) {
      expect(Number.parseFloat(short.slice(1))).toBe(tpot);
      expect(said).toContain(short.slice(1));
    }
  });
});
