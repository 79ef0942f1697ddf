/** The lessons in a real browser: each can be solved by doing what it asks for. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../helpers/browser.js';
import { isolatedSite, open, type Site, seriousFindings } from './page.js';

const browser = await launchBrowser();

const answers = (page: Page) => page.getByRole('button', { name: 'This is my answer' });

/** Gives what is set as the answer, also once the figure has followed; whether it was right. */
async function isAccepted(page: Page, ms = 2500): Promise<boolean> {
  for (const until = Date.now() + ms; Date.now() < until; await page.waitForTimeout(200)) {
    if ((await page.locator('.answer').count()) > 0) return true;
    if ((await answers(page).count()) > 0) await answers(page).click();
  }
  return (await page.locator('.answer').count()) > 0;
}

const knob = (page: Page) => page.locator('.lesson .slider input');

/** Turns the knob to one step after another until the question is solved. */
async function turnUntilSolved(page: Page, steps: readonly number[]): Promise<void> {
  for (const step of steps) {
    await knob(page).fill(String(step));
    if (await isAccepted(page)) return;
    // What is wrong gets a reaction, and is not solved.
    expect(await page.locator('.reaction').textContent()).not.toBe('');
  }
  throw new Error('no step of the knob solves the question');
}

/** How a student would find the answer, by lesson. */
const SOLVE: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  async gpu(page) {
    // More users than needed are no answer.
    await knob(page).fill('11');
    expect(await isAccepted(page)).toBe(false);
    expect(await page.locator('.reaction').textContent()).toMatch(/not the fewest/);
    await turnUntilSolved(page, [8, 9, 10]);
    const caption = (await page.locator('figcaption').textContent())!;
    const [, ms, speed] = /in ([\d.,]+) ms, which is ([\d.,]+) tokens/.exec(caption)!;
    const number = (text: string): number => Number(text.replaceAll(',', ''));
    expect(1000 / number(ms!) / number(speed!)).toBeCloseTo(1, 1);
  },
  async prefill(page) {
    // 16 tokens times two to the power of the step.
    await turnUntilSolved(page, [9, 4, 5, 6]);
    expect(await page.locator('figcaption').textContent()).toMatch(/1,024 tokens are read in/);
  },
  pe: (page) => turnUntilSolved(page, [96, 97]),
  async routing(page) {
    const clock = page.getByRole('slider', { name: 'Cycle' });
    await clock.waitFor();
    const last = Number(await clock.getAttribute('max'));
    for (let cycle = 0; cycle <= last; cycle++) {
      await clock.fill(String(cycle));
      await answers(page).click();
      if (!(await page.locator('.answer').isVisible())) continue;
      const answer = (await page.locator('.answer').textContent())!;
      const [, taken, hops, ramps] = /In cycle (\d+) .* per hop, (\d+) hops, and (\d+) cycles/.exec(answer)!;
      expect(Number(taken)).toBe(Number(hops) + Number(ramps));
      expect(await page.locator('.lesson').textContent()).toContain(`${ramps} cycles beside the hops`);
      return;
    }
    throw new Error('no cycle solves the question');
  },
  gemv: (page) => turnUntilSolved(page, [0, 2, 3, 5, 4]),
  reduce: (page) => turnUntilSolved(page, [0, 9]),
  async layer(page) {
    await page.locator('.bands button').first().waitFor();
    expect(await page.locator('.bands button').count()).toBe(10);
    await page.locator('.bands button').nth(0).click();
    expect(await isAccepted(page, 400)).toBe(false);
    await page.locator('.bands button').nth(8).click();
    expect(await isAccepted(page)).toBe(true);
  },
  kv: (page) => turnUntilSolved(page, [19, 20]),
  fleet: (page) => turnUntilSolved(page, [0, 2, 1]),
};

describe.skipIf(browser === null)('the lessons', () => {
  let site: Site;
  beforeAll(async () => {
    site = await isolatedSite();
  });
  afterAll(async () => {
    await site.close();
    await browser?.close();
  });

  it.each(Object.keys(SOLVE))('lets %s be solved, and not before it is', async (id) => {
    const { page, complaints } = await open(browser!, `${site.url}#/lessons?lesson=${id}`);
    await page.locator('.question').waitFor();
    await page.waitForTimeout(800);
    expect(await page.locator('.answer').count()).toBe(0);
    await SOLVE[id]!(page);
    expect(await page.locator('.question').getAttribute('data-solved')).toBe('true');
    expect(await page.locator('.contents .done').count()).toBe(1);
    await page.reload();
    await page.locator('.answer').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each(Object.keys(SOLVE))(
    'shows the answer of %s after two hints, and it is what the simulator says',
    async (id) => {
      const { page, complaints } = await open(browser!, `${site.url}#/lessons?lesson=${id}`);
      await page.getByRole('spinbutton', { name: /First guess/ }).fill('3');
      await page.getByRole('button', { name: 'Keep this guess' }).click();
      await page.getByText(/Your guess: 3/).waitFor();
      await page.getByRole('button', { name: 'A hint' }).click();
      await page.getByRole('button', { name: 'Another hint' }).click();
      await page.getByRole('button', { name: 'Show me' }).click();
      await page.locator('.question[data-right="true"]').waitFor();
      await page.getByText(/You guessed 3, and it is/).waitFor();
      // Shown is not solved.
      expect(await page.locator('.contents .done').count()).toBe(0);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
  );

  it('stands inside another page without what leads elsewhere', async () => {
    const { page } = await open(browser!, `${site.url}#/lessons?lesson=kv&embed=1`);
    await page.locator('.question').waitFor();
    expect(await page.getByRole('navigation').count()).toBe(0);
    await page.context().close();
  });

  it('goes from lesson to lesson and forgets progress when asked to', async () => {
    const { page } = await open(browser!, `${site.url}#/lessons?lesson=reduce&n=48`);
    expect(await isAccepted(page, 10_000)).toBe(true);
    await page.getByRole('link', { name: /^Next/ }).click();
    await page.getByRole('heading', { level: 1, name: 'The ten all-reduces of a layer' }).waitFor();
    await page.getByRole('button', { name: 'Start over' }).click();
    expect(await page.locator('.contents .done').count()).toBe(0);
    await page.context().close();
  });

  it('answers nonsense in its address with a sentence', async () => {
    const { page, complaints } = await open(browser!, `${site.url}#/lessons?lesson=alchemy&users=many`);
    expect(await page.locator('.notice').first().textContent()).toContain('alchemy');
    expect(await page.locator('h1').textContent()).toBe('Why GPUs wait for memory');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each([
    ['light', 'gpu'],
    ['dark', 'reduce'],
    ['light', 'layer'],
    ['dark', 'kv'],
  ] as const)('has no serious finding of axe, %s, %s', async (colorScheme, id) => {
    const { page } = await open(browser!, `${site.url}#/lessons?lesson=${id}`, { colorScheme });
    await page.locator('.question').waitFor();
    await page.waitForTimeout(800);
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });
});
