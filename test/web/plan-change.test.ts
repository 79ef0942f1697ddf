import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cardFromJson } from '#models/card-file.js';
import { plan } from '#src/timing/estimate.js';
import { findMachine } from '#src/timing/local-run.js';
import { changeOf, comparison } from '../../src/web/plan/change.js';

const card = cardFromJson(
  JSON.parse(readFileSync('models/cards/llama-3.1-70b.json', 'utf8')),
  'llama-3.1-70b',
);
const ask = (machine: string, concurrency: number) =>
  plan(card, findMachine(machine), { promptTokens: 1024, outputTokens: 256, concurrency });

it('says how two machines stand to one another with their own figures', () => {
  const [wafer, gpu] = [ask('wse-3', 1), ask('h100', 1)];
  const said = comparison([gpu, wafer]);
  const ratio = wafer.tokensPerSecondPerUser / gpu.tokensPerSecondPerUser;
  expect(said).toContain(
    `${ratio.toLocaleString('en-US', { maximumFractionDigits: ratio >= 10 ? 1 : 2 })} times as fast`,
  );
  expect(said).toMatch(new RegExp(`^Each user of ${wafer.count} × WSE-3 .* one of ${gpu.count} × H100`));
  expect(comparison([wafer])).toBe('');
});

it('says what more users did, and that more machines came', () => {
  const [before, now] = [ask('wse-3', 1), ask('wse-3', 400)];
  expect(now.count).toBeGreaterThan(before.count);
  expect(changeOf(before, now)).toContain(`it takes ${now.count} machines instead of ${before.count}`);
  expect(changeOf(before, before)).toBeNull();
  expect(changeOf(before, ask('h100', 1))).toBeNull();
});
