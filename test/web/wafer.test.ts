/** The wafer view in a real browser. */
import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../helpers/browser.js';
import { isolatedSite, open, type Site, seriousFindings } from './page.js';

const browser = await launchBrowser();

/** The picture as it is drawn now, as a hash of all its pixels. */
async function picture(page: Page): Promise<string> {
  const url = await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return document.querySelector<HTMLCanvasElement>('.pane canvas')!.toDataURL();
  });
  return createHash('sha256').update(url).digest('hex');
}

describe.skipIf(browser === null)('the wafer view', () => {
  let site: Site;
  beforeAll(async () => {
    site = await isolatedSite();
  });
  afterAll(async () => {
    await site.close();
    await browser?.close();
  });

  const openAt = async (hash: string, options = {}) => {
    const opened = await open(browser!, `${site.url}#/wafer${hash}`, {
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    await opened.page.waitForSelector('.pane canvas');
    return opened;
  };

  it('opens without complaints and plays, unless motion is unwanted', async () => {
    const moving = await openAt('?run=decode-layer');
    await moving.page.getByRole('button', { name: 'Pause' }).waitFor();
    await moving.page.waitForFunction(() => !/cycle 0 /.test(document.querySelector('.now')!.textContent!));
    expect(moving.complaints).toEqual([]);
    await moving.page.context().close();

    const still = await openAt('?run=decode-layer', { reducedMotion: 'reduce' });
    await still.page.waitForTimeout(300);
    expect(await still.page.textContent('.now')).toMatch(/cycle 0 /);
    expect(still.complaints).toEqual([]);
    await still.page.context().close();
  });

  it('zooms from the whole wafer into a PE, shows its numbers, and keeps all of it in the address', async () => {
    const { page, complaints } = await openAt('?run=gemv&pes=4x4&n=16&machine=wse-2&cycle=20');
    const pane = page.locator('.pane');
    await pane.focus();
    await page.keyboard.press('9');
    await page.waitForFunction(() => /cam=[\d.]+%2C[\d.]+%2C0\./.test(location.hash));
    await page.keyboard.press('0');
    await page.waitForTimeout(500);
    const box = (await pane.boundingBox())!;
    // The PE in the third column and second row: the rectangle is fitted around the middle.
    const side = (box.height * 0.88) / 4;
    const at = { x: box.x + box.width / 2 + side * 0.5, y: box.y + box.height / 2 - side * 0.5 };
    await page.mouse.move(at.x, at.y);
    for (let i = 0; i < 6; i++) await page.mouse.wheel(0, -300);
    await page.mouse.click(at.x, at.y);
    await page.getByRole('heading', { name: 'PE (2, 1)' }).waitFor();
    await page.getByText('After cycle 20').waitFor();
    const numbers = await page.locator('.numbers').textContent();
    expect(numbers).toMatch(/A \[16\]/);
    await page.waitForFunction(() => /pe=2%2C1/.test(location.hash) && /cam=/.test(location.hash));

    expect(complaints).toEqual([]);

    // The link shows someone else what it shows here after a reload.
    await page.reload();
    await page.getByText('After cycle 20').waitFor();
    const other = await openAt(new URL(page.url()).hash.replace('#/wafer', ''));
    await other.page.getByText('After cycle 20').waitFor();
    expect(await picture(other.page)).toBe(await picture(page));
    await page.context().close();
    await other.page.context().close();
  });

  it('returns to the same picture when it is stepped forwards and backwards', async () => {
    const { page } = await openAt('?run=reduce-two-phase&pes=9x2&n=8&cycle=12');
    const pictures: string[] = [await picture(page)];
    for (let i = 0; i < 4; i++) {
      await page.getByRole('button', { name: 'One cycle forward' }).click();
      pictures.push(await picture(page));
    }
    expect(new Set(pictures).size).toBe(pictures.length);
    for (let i = 3; i >= 0; i--) {
      await page.getByRole('button', { name: 'One cycle back' }).click();
      expect(await picture(page)).toBe(pictures[i]);
    }
    // The same with keys in the picture.
    await page.locator('.pane').focus();
    await page.keyboard.press('.');
    expect(await picture(page)).toBe(pictures[1]);
    await page.keyboard.press(',');
    expect(await picture(page)).toBe(pictures[0]);
    await page.context().close();
  });

  it('seeks on its timeline, with the mouse and with keys', async () => {
    const { page } = await openAt('?run=gemv&pes=8x8&n=32&cycle=0');
    const slider = page.getByRole('slider', { name: 'Cycle' });
    const box = (await slider.boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    const length = Number(await slider.getAttribute('max'));
    expect(Math.abs(Number(await slider.inputValue()) - length / 2)).toBeLessThanOrEqual(1);
    await slider.press('End');
    expect(Number(await slider.inputValue())).toBe(length);
    // A link to another moment of the same run, without a reload.
    await page.evaluate(() => {
      location.hash = '#/wafer?run=gemv&pes=8x8&n=32&cycle=7';
    });
    await page.waitForFunction(() => /cycle 7 of/.test(document.querySelector('.now')!.textContent!));
    await slider.press('End');
    await slider.press('ArrowLeft');
    expect(await page.textContent('.now')).toContain(`cycle ${length - 1} of ${length}`);
    await page.context().close();
  });

  it('names what lies under the pointer, in the picture and on the timeline', async () => {
    const { page } = await openAt('?run=gemv&pes=8x8&n=32&cycle=40');
    const box = (await page.locator('.pane').boundingBox())!;
    await page.mouse.move(box.x + box.width / 2 + 4, box.y + box.height / 2 + 4);
    await page.waitForFunction(() =>
      /^PE \(4, 4\): ./.test(document.querySelector<HTMLElement>('.pane canvas')!.title),
    );
    const strip = page.getByRole('slider', { name: 'Cycle' });
    const at = (await strip.boundingBox())!;
    await page.mouse.move(at.x + 2, at.y + 5);
    await page.waitForFunction(() =>
      /, from cycle /.test(document.querySelector<HTMLElement>('.timeline input')!.title),
    );
    await page.context().close();
  });

  it('compares two runs on one clock, and goes to the longest operation', async () => {
    const { page, complaints } = await openAt('?run=reduce-chain&vs=reduce-star&pes=8x1&n=16&cycle=5');
    expect(await page.locator('.pane').count()).toBe(2);
    const [chain, star] = await page.locator('figcaption').allTextContents();
    expect(chain).toMatch(/reduce-chain \d+ cycles/);
    expect(star).toMatch(/reduce-star \d+ cycles/);
    await page.locator('.slowest button').first().click();
    await page.getByRole('heading', { name: /^PE \(/ }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('places a large model on its wafers and says that it comes from the timing model', async () => {
    const { page, complaints } = await openAt('?model=llama-3.1-70b&pe=1:100,100&cycle=500000&color=sram');
    expect(await page.textContent('.source')).toContain('timing model');
    await page.getByRole('heading', { name: 'PE (100, 100) of wafer 2' }).waitFor();
    expect(await page.locator('.panel').first().textContent()).toMatch(/gateUp\d+ × \d+/);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says in a sentence what it cannot do', async () => {
    const { page, complaints } = await openAt('?run=decode-layer&pes=0x3000&cycle=zero&color=mauve&pe=q');
    expect(await page.locator('.notice').count()).toBe(4);
    await page.goto(`${site.url}#/wafer?run=gemm-mesh&pes=4x2`);
    await page.locator('.notice.bad').waitFor();
    expect(await page.locator('.notice.bad').textContent()).toMatch(/expected/);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each([
    ['light', '?run=decode-layer&pes=4x4&n=16&cycle=60&pe=1,1'],
    ['dark', '?run=decode-layer&pes=4x4&n=16&cycle=60&pe=1,1'],
    ['light', '?model=llama-3.1-8b&cycle=1000&pe=5,5'],
    ['dark', '?model=llama-3.1-8b&cycle=1000&pe=5,5'],
  ] as const)('has no serious finding of axe, %s, %s', async (colorScheme, hash) => {
    const { page } = await openAt(hash, { colorScheme });
    await page.waitForTimeout(500);
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('measures its frames', async () => {
    const { page } = await openAt('?model=llama-3.1-8b&color=sram&perf=1&cycle=1000');
    await page.evaluate(() => window.__waferflow!.frames.reset());
    await page.locator('.pane').focus();
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('+');
      await page.waitForTimeout(400);
    }
    const report = await page.evaluate(() => window.__waferflow!.frames.report());
    expect(report.frames).toBeGreaterThan(4);
    expect(report.workP95Ms).toBeGreaterThan(0);
    expect(await page.locator('.frames').textContent()).toMatch(/Measured here/);
    await page.context().close();
  });

  it('plays from cycle 0, load after load', async () => {
    const { page, complaints } = await openAt('?run=decode-layer');
    for (let load = 0; load < 6; load++) {
      if (load > 0) await page.reload();
      await page.waitForFunction(() => {
        const cycle = /cycle ([\d,]+) /.exec(document.querySelector('.now')?.textContent ?? '')?.[1];
        return cycle !== undefined && Number(cycle.replaceAll(',', '')) > 2;
      });
    }
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('opens a step of a hundred million cycles without hanging', async () => {
    const { page } = await openAt('?model=llama-3.1-405b&users=512&context=2048&cycle=0');
    const [, cycles = ''] = / of ([\d,.]+)/.exec((await page.locator('.now').textContent()) ?? '') ?? [];
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.waitForFunction(() => /cam=/.test(location.hash));
    expect(cycles).not.toBe('0');
    await page.context().close();
  });

  it('follows a link to another run or model in the same tab, and Back, with their cycle and camera', async () => {
    const first = '?run=gemv&pes=4x4&n=16&machine=wse-2&cycle=20';
    const { page, complaints } = await openAt(first);
    await page
      .getByText(/cycle 20 /)
      .first()
      .waitFor();
    const other = '#/wafer?run=broadcast&pes=4x1&n=8&machine=wse-2&cycle=9&cam=1.5,0.5,40';
    await page.evaluate((hash) => location.assign(hash), other);
    await page
      .getByText(/cycle 9 /)
      .first()
      .waitFor();
    await page.waitForTimeout(700);
    expect(page.url()).toContain(other.replace('#', ''));
    const model = '#/wafer?model=llama-3.1-8b&users=1&context=2048&machine=wse-3&cycle=7000&cam=300,500,1.1';
    await page.evaluate((hash) => location.assign(hash), model);
    await page
      .getByText(/Cycle 7,000:/)
      .first()
      .waitFor();
    await page.waitForTimeout(700);
    expect(page.url()).toContain(model.replace('#', ''));
    await page.goBack();
    await page
      .getByText(/cycle 9 /)
      .first()
      .waitFor();
    await page.goBack();
    await page
      .getByText(/cycle 20 /)
      .first()
      .waitFor();
    await page.waitForTimeout(700);
    expect(page.url()).toContain('cycle=20');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('plays each program that the menu offers, at the size that it chooses', async () => {
    const { page } = await openAt('?run=decode-layer');
    const menu = page.getByLabel('Show');
    await menu.selectOption('run:prefill-layer');
    await page.getByText(/prefill-layer on 4 × 4/).waitFor();
    await page.locator('.stage[data-stale="false"]').waitFor();
    expect(await page.locator('.notice.bad').count()).toBe(0);
    await page.context().close();
  });

  it('lets the wheel scroll the page until the picture has been clicked into', async () => {
    const { page } = await openAt('?run=gemv&pes=4x4&n=16&cycle=20');
    const box = (await page.locator('.pane').boundingBox())!;
    await page.mouse.move(box.x + 50, box.y + 50);
    await page.mouse.wheel(0, 200);
    await page.waitForFunction(() => scrollY > 0);
    expect(page.url()).not.toContain('cam=');
    await page.locator('.pane').focus();
    await page.mouse.wheel(0, -200);
    await page.waitForFunction(() => /cam=/.test(location.hash));
    await page.context().close();
  });
});
