/** What every report and page must hold, looked at in a real browser. */
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { expect } from 'vitest';

/** Widths of a phone, a laptop and a wide screen. */
const WIDTHS = [390, 1024, 1920];
/** axe takes seconds per look: the two that differ most. */
const LOOKS = [
  ['light', 390],
  ['dark', 1920],
] as const;

/**
 * Opens a page at three widths, in light and dark: well-formed, self-contained, no message on the console, no
 * scrolling sideways, anchors that resolve, numbers that say what they rest on, nothing serious for axe, and a print.
 */
export async function checkReport(browser: Browser, html: string): Promise<void> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const messages: string[] = [];
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(String(error)));
    page.on('request', (request) => {
      if (!/^(about|data):/.test(request.url())) messages.push(`requests ${request.url()}`);
    });
    await page.setContent(html);
    expect(await page.evaluate(parseError, html.replace(/^<!doctype html>\n/, ''))).toBe('');
    expect(await page.evaluate(brokenAnchors)).toEqual([]);
    expect(await page.evaluate(unlinkedFigures)).toEqual([]);
    await page.evaluate(axe.source);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
    for (const [colorScheme, width] of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(seriousViolations), `${colorScheme} at ${width} px`).toEqual([]);
    }
    expect((await page.pdf({ format: 'A4' })).subarray(0, 5).toString()).toBe('%PDF-');
    expect(messages).toEqual([]);
  } finally {
    await context.close();
  }
}

// The functions below run inside the page.

function parseError(xml: string): string {
  const parsed = new DOMParser().parseFromString(xml, 'application/xhtml+xml');
  return parsed.querySelector('parsererror')?.textContent ?? '';
}

function brokenAnchors(): string[] {
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  const known = new Set(ids);
  const links = [...document.querySelectorAll('a[href^="#"]')].map((link) =>
    link.getAttribute('href')!.slice(1),
  );
  return [...twice.map((id) => `twice: ${id}`), ...links.filter((id) => !known.has(id))];
}

/** Numbers of results that do not say what they rest on; in #basis and in drawings' tables they are the ground. */
function unlinkedFigures(): string[] {
  return [
    ...document.querySelectorAll('section:not(#basis) > :not(.drawing) data, section:not(#basis) > data'),
  ]
    .filter((data) => data.closest('a[href^="#"]') === null && data.closest('.drawing') === null)
    .map((data) => `${data.closest('tr')?.textContent ?? ''}: ${data.textContent ?? ''}`);
}

async function seriousViolations(): Promise<string[]> {
  const { axe: run } = window as unknown as { readonly axe: typeof axe };
  const { violations } = await run.run(document, { resultTypes: ['violations'] });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}

/** The machine-readable values of all numbers in a report. */
export function valuesIn(html: string): Set<string> {
  return new Set([...html.matchAll(/<data value="([^"]*)"/g)].map(([, value]) => value!));
}
