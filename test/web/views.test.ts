import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waferflow } from '../cli/cli.js';
import { launchBrowser } from '../helpers/browser.js';
import { isolatedSite, open, plainSite, type Site, seriousFindings } from './page.js';

const browser = await launchBrowser();

async function views(page: Page): Promise<string[]> {
  const links = await page.getByRole('navigation').getByRole('link').all();
  return await Promise.all(links.map(async (link) => (await link.textContent())!));
}

describe.skipIf(browser === null)('the page', () => {
  let site: Site;
  beforeAll(async () => {
    site = await isolatedSite();
  });
  afterAll(async () => {
    await site.close();
    await browser?.close();
  });

  it.each([
    { colorScheme: 'light', width: 1280 },
    { colorScheme: 'dark', width: 390 },
  ] as const)(
    'opens every view without a complaint and without a serious finding of axe: $colorScheme, $width pixels',
    async ({ colorScheme, width }) => {
      const { page, complaints } = await open(browser!, site.url, {
        colorScheme,
        viewport: { width, height: 900 },
      });
      await page.getByRole('heading', { level: 1 }).waitFor();
      const titles = await views(page);
      expect(titles).toEqual(expect.arrayContaining(['Race', 'Plan']));
      for (const title of titles) {
        await page.getByRole('navigation').getByRole('link', { name: title }).click();
        await page.waitForFunction((expected) => document.title === expected, `${title} · waferflow`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForLoadState('networkidle');
        expect({ title, findings: await seriousFindings(page) }).toEqual({ title, findings: [] });
        // Nothing is wider than the screen.
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      }
      expect(complaints).toEqual([]);
    },
  );

  it('loads less than 500 kB, compressed, up to a finished race, beside the model', async () => {
    const context = await browser!.newContext();
    const page = await context.newPage();
    const bodies = new Map<string, Promise<Buffer>>();
    context.on('response', (response) => {
      if (!response.url().endsWith('.gguf')) bodies.set(response.url(), response.body());
    });
    await page.goto(`${site.url}#/race?tokens=16&machines=b200&model=qwen3-0.6b`);
    await page.getByRole('button', { name: 'Write here' }).click();
    await page.getByRole('button', { name: 'Write again' }).waitFor();
    await page.getByRole('button', { name: 'Race again' }).waitFor();
    const sizes = await Promise.all([...bodies.values()].map(async (body) => gzipSync(await body).length));
    expect(bodies.size).toBeGreaterThan(6);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(500_000);
    await context.close();
  });

  it('opens running, and shows the figures of the command line that stands below', async () => {
    const address = `${site.url}#/race?mode=agent&model=llama-3.1-8b&machines=wse-3%2Ch100`;
    const { page, complaints } = await open(browser!, address);
    await page
      .getByText(/^[1-9]\d* of \d+ tokens, turn \d+ of 10$/)
      .first()
      .waitFor();
    const command = (await page.locator('code.command').textContent())!.trim();
    const { stdout } = await waferflow([...command.split(' ').slice(1), '--json']);
    const { results } = JSON.parse(stdout) as {
      results: { count: number; tokensPerSecondPerUser: number }[];
    };
    for (const [index, name] of ['WSE-3', 'H100'].entries()) {
      const lane = page.getByRole('region', { name: new RegExp(`× ${name}$`) });
      const shown = await lane.getByRole('status').first().textContent();
      const { tokensPerSecondPerUser } = results[index]!;
      expect(shown).toBe(tokensPerSecondPerUser.toLocaleString('en-US', { maximumFractionDigits: 0 }));
      expect(await lane.getByText('simulated', { exact: true }).isVisible()).toBe(true);
    }
    expect(complaints).toEqual([]);
  });

  it('ends a race with a sentence, a picture, and a link that leads back to it', async () => {
    const address = `${site.url}#/race?machines=wse-3%2Cb200&model=qwen3-0.6b`;
    const { page, complaints } = await open(browser!, address);
    await page.getByText('times as long').waitFor({ timeout: 60_000 });
    const lane = page.getByRole('region', { name: /× B200$/ });
    expect(await lane.textContent()).toContain('adopting a pet');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Picture as PNG' }).click();
    const png = readFileSync(await (await download).path());
    // The signature, then the width of 2400 pixels in the header.
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(2400);
    expect(page.url()).toBe(address);
    expect(complaints).toEqual([]);
  });

  it('changes the rival by a key, and its number by the price', async () => {
    const { page } = await open(browser!, `${site.url}#/race?model=qwen3-0.6b`);
    const lanes = page.getByRole('region', { name: /×/ });
    await lanes.first().waitFor();
    await page.keyboard.press('1');
    await page.getByRole('region', { name: '1 × A100', exact: true }).waitFor();
    await page.getByLabel('How many of each').selectOption('dollars');
    await page.getByText(/\d+ groups: each writes at this speed/).waitFor();
    expect(page.url()).toContain('equal=dollars');
    expect(page.url()).toContain('a100');
  });

  it('stands still for those who asked for less motion, except by a link that starts it', async () => {
    const still = await open(browser!, `${site.url}#/race`, { reducedMotion: 'reduce' });
    await still.page
      .getByText(/tokens take/)
      .first()
      .waitFor();
    expect(await still.page.getByRole('button', { name: 'Race', exact: true }).isEnabled()).toBe(true);
    const started = await open(browser!, `${site.url}#/race?go=1`, { reducedMotion: 'reduce' });
    await started.page
      .getByText(/^[1-9]\d* of \d+ tokens/)
      .first()
      .waitFor();
  });

  it('changes the plan with a slider by keyboard, and keeps it in the address', async () => {
    const { page, complaints } = await open(browser!, `${site.url}#/plan?model=llama-3.1-8b`);
    const table = page.getByRole('table');
    const row = table.getByRole('row', { name: 'tokens/s, all users' });
    await row.waitFor();
    const before = await row.textContent();
    await page.getByLabel('Users at once').focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(
      (text) =>
        [...document.querySelectorAll('tr')].every((row) => row.textContent !== text) &&
        document.querySelector('[aria-busy=false]') !== null,
      before,
    );
    expect(page.url()).toContain('users=32');
    expect(await page.getByText('--concurrency 32').isVisible()).toBe(true);
    await page.reload();
    await row.waitFor();
    expect(await row.textContent()).not.toBe(before);
    expect(complaints).toEqual([]);
  });

  it('gives the figures that its command gives', async () => {
    const { page } = await open(browser!, `${site.url}#/plan?model=qwen3-8b&users=8&gpu=h100&output=256`);
    await page.getByRole('row', { name: 'TTFT, ms' }).waitFor();
    const command = (await page.locator('.command').textContent())!.trim();
    const { code, stdout } = await waferflow([...command.split(' ').slice(1), '--json']);
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout) as { results: { tokensPerSecond: number }[] };
    const row = (await page.getByRole('row', { name: 'tokens/s, all users' }).textContent())!;
    for (const { tokensPerSecond } of results)
      expect(row).toContain(tokensPerSecond.toLocaleString('en-US', { maximumFractionDigits: 0 }));
  });

  it('finds the fewest machines under traffic, as many as its command does, and searches again with a slider', async () => {
    const address = `${site.url}#/plan?model=qwen3-0.6b&gpu=l4&prompt=256&output=64&rate=2`;
    const { page, complaints } = await open(browser!, address);
    const fleet = page.getByRole('region', { name: 'Fleet under traffic' });
    const table = fleet.getByRole('table');
    await table.waitFor({ timeout: 120_000 });
    const command = (await fleet.locator('.command').textContent())!.trim();
    const { code, stdout } = await waferflow([...command.split(' ').slice(1), '--json']);
    expect(code).toBe(0);
    const { answers } = JSON.parse(stdout) as { answers: { machine: string; count: number }[] };
    const names = await table.getByRole('columnheader').allTextContents();
    expect(names.slice(1)).toEqual(
      answers.map(({ machine, count }) => `${count} × ${machine.toUpperCase()}`),
    );
    await fleet.getByLabel('Requests per second').focus();
    await page.keyboard.press('End');
    await fleet.getByText(/Searching/).waitFor();
    expect(page.url()).toContain('rate=500');
    expect(complaints).toEqual([]);
  });

  it('clamps nonsense in the address and tells it', async () => {
    const nonsense = 'model=gpt-9&users=1e99&prompt=abc&output=-5&tpot=&wafer=%3Cimg%20src%3Dx%3E&gpus=1.5';
    const { page, complaints } = await open(browser!, `${site.url}#/plan?${nonsense}`);
    await page.getByRole('row', { name: 'TTFT, ms' }).waitFor();
    const told = (await page.getByRole('status').first().textContent())!;
    for (const sentence of [
      'There is no model “gpt-9”',
      'users is 4096',
      '“abc” for prompt is no number',
      'output is 16',
      'There is no wafer “<img src=x>”',
    ])
      expect(told).toContain(sentence);
    expect(complaints).toEqual([]);
  });

  it('keeps a file that is dropped where nothing takes it, and says where it belongs', async () => {
    const { page, complaints } = await open(browser!, `${site.url}#/lessons`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const url = page.url();
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['GGUF'], 'mine.gguf'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await page.getByText(/no place for mine\.gguf/).waitFor();
    expect(page.url()).toBe(url);
    await page.getByRole('main').getByRole('link', { name: 'Wafer', exact: true }).click();
    await page.getByRole('heading', { name: /^One token/ }).waitFor();
    expect(await page.getByText(/no place for/).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says that a view is unknown, and shows the first one', async () => {
    const { page } = await open(browser!, `${site.url}#/nowhere`);
    await page.getByText('There is no view “nowhere”').waitFor();
    await page.getByRole('heading', { level: 1 }).waitFor();
  });

  it('leads a keyboard past the navigation, and keeps a chosen theme', async () => {
    const { page } = await open(browser!, site.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await page.getByRole('button', { name: /^Theme: auto/ }).click();
    await page.getByRole('button', { name: /^Theme: light/ }).click();
    await page.reload();
    await page.getByRole('button', { name: /^Theme: dark/ }).waitFor();
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    expect(background).toBe('rgb(21, 24, 28)');
  });

  it('says what to do when the server is gone, and goes on when it is back', async () => {
    const gone = await plainSite();
    const { page } = await open(browser!, gone.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await gone.close();
    await page.getByRole('link', { name: 'Plan' }).click();
    // Another part of the page may miss the server too; this is the view's own complaint.
    await page.getByRole('heading', { name: 'Plan stopped' }).waitFor();
    await page.getByText('A part of the page could not be fetched. Is the server still there?').waitFor();
    const back = await plainSite(Number(new URL(gone.url).port));
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Plan capacity' }).waitFor();
    await back.close();
  });
});
