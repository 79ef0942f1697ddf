/**
 * The extension in a real editor, driven as by hand: types, waits for the grey text, accepts it, chats. Minutes long, so
 * only where CODE_SERVER names a folder with code-server; EDITOR_SHOTS=FOLDER keeps screenshots.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { launchBrowser } from '../helpers/browser.js';
import { codeServerFolder, type EditorSession, openEditor } from './code-server.js';

const folder = codeServerFolder();
const browser = folder === null ? null : await launchBrowser();
afterAll(() => browser?.close());

const SHOTS = process.env.EDITOR_SHOTS;
const START = `/** What lies in the cart of a shop. */
export interface Item {
  readonly name: string;
  readonly price: number;
  readonly count: number;
}

/** The price of all items together. */
export function total(items: readonly Item[]): number {
  let sum = 0;
  for (const item of items) {
    sum += item.price * item.count;
  }
  return sum;
}

`;
/** Typed one after the other, each at the end of the file. */
const LINES = [
  'export function isEmpty(items: readonly Item[]): ',
  'export interface Order {\n',
  'export const names = (items: readonly Item[]) => ',
  'export function find(items: readonly Item[], name: string)',
  'export class Cart {\n',
  'const count = ',
];

async function shot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  // code-server, built by hand, misses a file of its own and says so.
  await page.addStyleTag({ content: '.notifications-toasts { display: none !important }' });
  await page.screenshot({ path: join(SHOTS, `editor-${name}.png`) });
}

const grey = (page: Page) => page.locator('.ghost-text-decoration').first();

/** Milliseconds from each key to the grey text that followed it, told by the page's own clock. */
async function watchGreyText(page: Page): Promise<void> {
  await page.evaluate(() => {
    const shared = window as unknown as { keyAt: number; greyAfter: number[] };
    shared.greyAfter = [];
    addEventListener(
      'keydown',
      () => {
        shared.keyAt = performance.now();
      },
      true,
    );
    new MutationObserver((changes) => {
      if (Number.isNaN(shared.keyAt)) return;
      const isGrey = changes.some(({ addedNodes }) =>
        [...addedNodes].some(
          (node) =>
            node instanceof Element &&
            (node.matches('[class*=ghost-text]') || node.querySelector('[class*=ghost-text]') !== null),
        ),
      );
      if (!isGrey) return;
      shared.greyAfter.push(performance.now() - shared.keyAt);
      shared.keyAt = Number.NaN;
    }).observe(document.body, { childList: true, subtree: true });
  });
}

/** Types the lines, accepts what comes, and gives how often grey text came. */
async function typeAll({ page, saved }: EditorSession, lines: readonly string[]): Promise<number> {
  let accepted = 0;
  for (const line of lines) {
    await page.keyboard.press('Control+End');
    await page.keyboard.type(line, { delay: 90 });
    const isThere = await grey(page)
      .waitFor({ timeout: 10_000 })
      .then(
        () => true,
        () => false,
      );
    if (isThere) {
      if (accepted === 0) await shot(page, 'completion');
      const suggested = ((await grey(page).textContent()) ?? '').replaceAll('\u00a0', ' ').trim();
      const before = count(saved(), suggested);
      // The first word alone where there is one, then the rest.
      const [word] = /^\w{2,}/.exec(suggested) ?? [];
      if (word !== undefined) {
        await page.keyboard.press('Control+ArrowRight');
        const expected = bare(`${line.split('\n').at(-1)}${word}`);
        await expect.poll(() => bare(saved()), { timeout: 20_000 }).toContain(expected);
      }
      if (await grey(page).isVisible()) await page.keyboard.press('Tab');
      await expect.poll(() => count(saved(), suggested), { timeout: 20_000 }).toBeGreaterThan(before);
      accepted += 1;
    }
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+End');
    await page.keyboard.type('\n');
  }
  return accepted;
}

/** Without blanks, which editors add. */
function bare(text: string): string {
  return text.replace(/\s/g, '');
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

function percentiles(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(0);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms of ${sorted.length}`;
}

async function begin(settings: Record<string, unknown>): Promise<EditorSession> {
  const session = await openEditor(browser!, folder!, { settings, files: { 'cart.ts': START } });
  onTestFinished(() => session.close());
  await expect.poll(() => session.log(), { timeout: 90_000 }).toMatch(/Open: /);
  await session.page.locator('.monaco-editor .view-lines').first().click();
  await watchGreyText(session.page);
  return session;
}

async function completes(
  name: string,
  settings: Record<string, unknown>,
  atLeast = 2,
): Promise<EditorSession> {
  const session = await begin(settings);
  const accepted = await typeAll(session, LINES);
  expect(accepted).toBeGreaterThanOrEqual(atLeast);
  const asked = [...session.log().matchAll(/Suggestion: ([\d.]+) ms/g)].map(([, ms]) => Number(ms));
  const seen = await session.page.evaluate(() => (window as unknown as { greyAfter: number[] }).greyAfter);
  process.stdout.write(
    `${name}: model asked, ${percentiles(asked)}; key to grey text, ${percentiles(seen)}\n`,
  );
  return session;
}

async function served(command: string, args: readonly string[], url: string): Promise<void> {
  const server = spawn(command, args, { stdio: 'ignore' });
  onTestFinished(() => void server.kill('SIGKILL'));
  const isReady = async (): Promise<boolean> => (await fetch(`${url}/health`).catch(() => null))?.ok === true;
  await expect.poll(isReady, { timeout: 60_000 }).toBe(true);
}

const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const GLINT = fileURLToPath(new URL('../../models/glint/glint-q8_0.gguf', import.meta.url));
const OURS = {
  command: process.execPath,
  args: [CLI, 'serve', '--port', '18081'],
  url: 'http://127.0.0.1:18081',
};

describe.skipIf(browser === null)('the extension in code-server', () => {
  it('completes with the embedded model in process, and the status item says what a wafer would take', async () => {
    const { page } = await completes('embedded', {});
    const item = page
      .locator('[id="waferflow.waferflow-vscode.waferflow"], [id*="waferflow"].statusbar-item')
      .first();
    await expect.poll(() => item.textContent()).toMatch(/tokens\/s/);
    await item.hover();
    const tip = page.locator('.monaco-hover-content', { hasText: 'Simulated' }).first();
    await tip.waitFor();
    expect(await tip.textContent()).toMatch(/Measured: .*suggestions p50.*Simulated, wse-3/);
    await shot(page, 'status');
  });

  it('completes and chats over the WebSocket of a waferflow server, and runs nothing that a model writes', async () => {
    await served(OURS.command, OURS.args, OURS.url);
    const { page } = await completes('waferflow server', {
      'waferflow.source': 'waferflow',
      'waferflow.server': OURS.url,
      'waferflow.fillIn': 'line',
    });
    await page.getByRole('tab', { name: 'waferflow' }).first().click();
    const chat = page.frameLocator('iframe.webview.ready').frameLocator('iframe');
    await chat
      .getByRole('textbox')
      .fill('<img src=x onerror="document.title=1"> export function add(a: number,');
    await chat.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => chat.locator('section.assistant').textContent()).toMatch(/\S(\s+\S+){12}/);
    await chat.getByRole('button', { name: 'Stop' }).click();
    await chat.getByText(/^measured: /).waitFor({ timeout: 60_000 });
    await chat.getByText(/^simulated, wse-3/).waitFor();
    expect(await chat.locator('main img').count()).toBe(0);
    expect(await chat.locator('section.assistant').textContent()).not.toBe('');
    await shot(page, 'chat');
  });

  it('completes from any OpenAI-compatible server', async () => {
    const llama = process.env.LLAMA_SERVER;
    const url = 'http://127.0.0.1:18082';
    if (llama === undefined) await served(OURS.command, [CLI, 'serve', '--port', '18082'], url);
    else await served(llama, ['-m', GLINT, '--port', '18082', '-c', '1024'], url);
    await completes(llama === undefined ? 'openai routes' : 'llama-server', {
      'waferflow.source': 'openai',
      'waferflow.server': url,
      'waferflow.fillIn': 'line',
    });
  });
});
