import { readdirSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { launchBrowser } from '../helpers/browser.js';
import { endOf } from '../helpers/engine.js';
import { tinyModel } from '../helpers/tiny-model.js';
import { isolatedSite, open, plainSite, type Site, WEB } from './page.js';

const browser = await launchBrowser();
const sites: Site[] = [];
afterAll(async () => {
  await browser?.close();
  await Promise.all(sites.map((site) => site.close()));
});

/** Starts a site that is closed at the end. */
async function started(site: Promise<Site>): Promise<string> {
  sites.push(await site);
  return sites.at(-1)!.url;
}

const race = (prompt: string, tokens: number): string =>
  `#/race?${new URLSearchParams({ prompt, tokens: String(tokens), machines: 'h100', model: 'qwen3-0.6b' })}`;

/** Has the first screen write and returns what the embedded model wrote. */
async function written(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Write here' }).click();
  await page.getByRole('button', { name: 'Write again' }).waitFor({ timeout: 120_000 });
  return await page.getByRole('textbox', { name: 'What This browser has written' }).inputValue();
}

async function writtenInNode(prompt: string, maxTokens: number): Promise<string> {
  const engine = await load();
  try {
    return (await endOf(engine.generate(prompt, { maxTokens, frequencyPenalty: 0.3 }))).text;
  } finally {
    await engine.close();
  }
}

/** Speaks with the engine's worker as the page does (comlink's messages), since no view shows ids. */
function idsInBrowser(page: Page, prompt: string, options: object): Promise<readonly number[]> {
  const assets = readdirSync(`${WEB}assets`);
  const worker = assets.find(
    (name) =>
      name.startsWith('worker') && readFileSync(`${WEB}assets/${name}`, 'utf8').includes('kernels-unshared'),
  );
  const model = assets.find((name) => name.endsWith('.gguf'));
  return page.evaluate(
    async ({ worker, model, prompt, options }) => {
      const thread = new Worker(`./assets/${worker}`, { type: 'module' });
      const call = <T>(path: string, ...values: unknown[]): Promise<T> =>
        new Promise((resolve) => {
          const id = crypto.randomUUID();
          const { port2 } = new MessageChannel();
          thread.addEventListener(
            'message',
            ({ data }: MessageEvent<{ id: string; value: { value: T } }>) => {
              if (data.id === id) resolve(data.value.value);
            },
          );
          const argumentList = [
            ...values.map((value) => ({ type: 'RAW', value })),
            { type: 'HANDLER', name: 'proxy', value: port2 },
          ];
          thread.postMessage({ id, type: 'APPLY', path: [path], argumentList }, [port2]);
        });
      await call('load', new URL(`./assets/${model}`, location.href).href);
      const { ids } = await call<{ ids: number[] }>('generate', 1, prompt, options);
      thread.terminate();
      return ids;
    },
    { worker, model, prompt, options },
  );
}

function dropped(page: Page, bytes: Uint8Array, name: string): Promise<void> {
  return page.evaluate(
    ({ base64, name }) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
      document.body.dispatchEvent(
        new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
      );
    },
    { base64: Buffer.from(bytes).toString('base64'), name },
  );
}

describe.skipIf(browser === null)('the runtime in a browser', () => {
  const prompt = 'export function add(a: number, b: number): number {\n';

  it('writes the same text as Node, with threads', async () => {
    const { page, complaints } = await open(browser!, `${await started(isolatedSite())}${race(prompt, 96)}`);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await written(page)).toBe(await writtenInNode(prompt, 96));
    expect(complaints).toEqual([]);
  });

  it('writes the same text without SharedArrayBuffer, from any static host, and says that one thread computes', async () => {
    const { page, complaints } = await open(browser!, `${await started(plainSite())}${race(prompt, 96)}`);
    expect(await page.evaluate(() => typeof SharedArrayBuffer)).toBe('undefined');
    expect(await written(page)).toBe(await writtenInNode(prompt, 96));
    expect(await page.getByText('One thread computes here').isVisible()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('samples the same ids as Node for the same seed', async () => {
    const { page } = await open(browser!, await started(isolatedSite()));
    const options = { maxTokens: 64, temperature: 0.9, topK: 40, seed: 7 };
    const engine = await load();
    try {
      const { ids } = await endOf(engine.generate(prompt, options));
      expect(new Set(ids).size).toBeGreaterThan(5);
      expect(await idsInBrowser(page, prompt, options)).toEqual(ids);
    } finally {
      await engine.close();
    }
  });

  it('runs a GGUF file that is dropped on it, and says what is wrong with a damaged one', async () => {
    const { page, complaints } = await open(browser!, `${await started(isolatedSite())}${race('x', 32)}`);
    await page.getByText('Use another GGUF file').waitFor();
    const bytes = tinyModel();
    await dropped(page, bytes.subarray(0, bytes.length >> 1), 'half.gguf');
    await page.getByRole('alert').filter({ hasText: 'half.gguf' }).waitFor();
    expect(await page.getByRole('alert').textContent()).toMatch(/half\.gguf.*(cut off|damaged)/);
    await dropped(page, readFileSync(new URL(import.meta.url)), 'notes.gguf');
    await page.getByRole('alert').filter({ hasText: 'notes.gguf' }).waitFor();
    await dropped(page, bytes, 'tiny.gguf');
    await page.getByText(/In this browser: .*, [\d.]+ M weights.* loaded in/).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await written(page);
    expect(complaints).toEqual([]);
  });
});
