/** The tour of one token: what it shows is what the engine computes. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelBuilds } from '#src/platform/node/load.js';
import { resolveModel } from '#src/platform/node/models.js';
import { kernelAngles } from '../../src/web/wafer/tour/angles.js';
import { TokenRun } from '../../src/web/wafer/tour/token-run.js';
import { launchBrowser } from '../helpers/browser.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { isolatedSite, open, type Site, seriousFindings } from './page.js';

const browser = await launchBrowser();
const PROMPT = 'function';

async function glint(): Promise<TokenRun> {
  const module = await WebAssembly.compile(await kernelBuilds.read('simd'));
  return await TokenRun.open(new Uint8Array(readFileSync(resolveModel())), (context) =>
    kernelAngles(module, new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true }), context),
  );
}

describe('the tour of glint', () => {
  it('multiplies to its accumulators, and ends with the logits of the runtime, bit for bit', async () => {
    const run = await glint();
    const { tokens, focus, moments, model } = run.look(PROMPT);
    expect(tokens.map(({ text }) => text)).toEqual(['<|endoftext|>', PROMPT]);

    // The accumulator that is shown is the sum of the products that are shown.
    const { row, accumulators, partials, folds, sum, at } = focus;
    const dot = row.weights.reduce((total, weight, i) => total + weight * row.x[i]!, 0);
    expect(row.weights).toHaveLength(row.block);
    const scale = Math.fround(row.weightScales[0]! * row.xScales[0]!);
    expect(accumulators[0]).toBe(Math.fround(dot * scale));
    expect(partials[at.y]).toBe(accumulators[0]);

    // The sum is that of the partial sums, in the plan's order.
    const joined = [...partials];
    for (const { into, from } of folds) joined[into] = Math.fround(joined[into]! + joined[from]!);
    expect(joined).toContain(sum);
    const { embedded, spread, normed, multiplies, multiplied, summed } = moments;
    expect([embedded, spread, normed, multiplies, multiplied, summed]).toEqual(
      [embedded, spread, normed, multiplies, multiplied, summed].sort((a, b) => a - b),
    );

    const told: number[] = [];
    const end = await run.finish((done) => told.push(done));
    expect(told).toEqual(tokens.map((_, i) => i));
    const rectangle = { width: model.width, height: model.height };
    await withEngine(resolveModel(), { rectangle, workers: 1 }, async (engine) => {
      const wanted = await engine.logits(tokens.map(({ id }) => id));
      expect(bitsOf(end!.logits)).toEqual(bitsOf(wanted));
      for await (const { ids } of engine.generate(PROMPT, { maxTokens: 1, temperature: 0 })) {
        if (ids.length > 0) expect(end!.candidates[0]!.id).toBe(ids[0]);
      }
    });
    expect(end!.phases.filter(({ name }) => name === 'score').map(({ layer }) => layer)).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });

  it('goes on from the keys and values of a prompt that it knows, and stops for another one', async () => {
    const tiny = (): Promise<TokenRun> => TokenRun.open(readFileSync(temporaryFile(tinyModel())));
    const run = await tiny();
    run.look('a b');
    const first = await run.finish(() => undefined);
    const longer = run.look('a b c');
    const told: number[] = [];
    const second = await run.finish((done) => told.push(done));
    expect(told.length).toBeLessThan(longer.tokens.length);
    const fresh = await tiny();
    fresh.look('a b c');
    const again = await fresh.finish(() => undefined);
    expect(bitsOf(second!.logits)).toEqual(bitsOf(again!.logits));
    expect(bitsOf(first!.logits)).not.toEqual(bitsOf(second!.logits));

    fresh.look('x y');
    const left = fresh.finish(() => undefined);
    fresh.look('z');
    expect(await left).toBeNull();
  });

  it('says what is too long, and which model is too large', async () => {
    const run = await TokenRun.open(readFileSync(temporaryFile(tinyModel())));
    expect(() => run.look('a '.repeat(60))).toThrow(/prompt of the tour.*expected 1 to 40.*shorter/);
  });
});

describe.skipIf(browser === null)('the tour in a browser', () => {
  let site: Site;
  beforeAll(async () => {
    site = await isolatedSite();
  });
  afterAll(async () => {
    await site.close();
    await browser?.close();
  });

  it('shows the accumulator and the sum that the fabric computes, and goes on with the token', async () => {
    const run = await glint();
    const { focus } = run.look(PROMPT);
    const { page, complaints } = await open(browser!, `${site.url}#/wafer?prompt=${PROMPT}&stop=multiply`);
    await page.locator('.accumulator').filter({ hasText: /\d/ }).waitFor();
    expect(Math.fround(Number(await page.textContent('.accumulator')))).toBe(focus.accumulators[0]);
    await page.getByRole('button', { name: 'Next', exact: true }).click();
    expect(Math.fround(Number(await page.textContent('.accumulator')))).toBe(focus.accumulators[0]);
    await page.getByRole('button', { name: 'Next', exact: true }).click();
    await page.locator('.sum').filter({ hasText: /\d/ }).waitFor();
    expect(Math.fround(Number(await page.textContent('.sum')))).toBe(focus.sum);
    expect(page.url()).toContain('stop=sum');
    await page.goBack();
    await page.getByRole('heading', { name: 'Up the ramp' }).waitFor();

    const end = await run.finish(() => undefined);
    await page.getByRole('button', { name: 'Stop 12' }).click();
    const [first] = end!.candidates;
    await page.getByRole('button', { name: /Go on with/ }).click();
    await page.waitForFunction(
      (prompt) => new URLSearchParams(location.hash.split('?')[1]).get('prompt') === prompt,
      PROMPT + first!.text,
    );
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each([
    ['light', 1280],
    ['dark', 390],
  ] as const)('has no serious finding of axe at any stop, %s, %i pixels', async (colorScheme, width) => {
    const { page, complaints } = await open(browser!, `${site.url}#/wafer?prompt=a`, {
      colorScheme,
      viewport: { width, height: 900 },
      reducedMotion: 'reduce',
    });
    for (let stop = 1; stop <= 12; stop++) {
      await page.getByText(`${stop} of 12`).waitFor();
      expect({ stop, findings: await seriousFindings(page) }).toEqual({ stop, findings: [] });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      if (stop < 12) await page.getByRole('button', { name: 'Next', exact: true }).click();
    }
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says in a sentence what it cannot follow', async () => {
    const { page } = await open(browser!, `${site.url}#/wafer?prompt=${'a+'.repeat(60)}`);
    await page.locator('.notice.bad').waitFor();
    expect(await page.textContent('.notice.bad')).toMatch(/prompt of the tour.*expected/);
    await page.context().close();
  });
});
