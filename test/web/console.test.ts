import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { type RunningServer, startServer } from '#src/server/serve.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { launchBrowser } from '../helpers/browser.js';
import { endOf } from '../helpers/engine.js';
import { testServer } from '../server/server.js';
import { open, plainSite, seriousFindings } from './page.js';

const browser = await launchBrowser();
afterAll(() => browser?.close());

async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: /^(Message|Text to go on with|Steer the answer)$/ }).fill(text);
  await page.keyboard.press('Enter');
}

const answers = (page: Page): Promise<string[]> => page.locator('.turn.assistant .words').allTextContents();

/** Waits until nothing is under way. */
const settled = (page: Page): Promise<void> =>
  page.getByRole('button', { name: 'Send' }).waitFor({ timeout: 60_000 });

describe.skipIf(browser === null)('the console', () => {
  it('streams the text that the server’s engine gives, with its figures, and nothing else', async () => {
    const server = await testServer({ load: () => load(undefined, { workers: 1 }), model: { id: 'glint' } });
    const { page, complaints } = await open(
      browser!,
      `${server.url}/#/console?seed=5&temperature=0.8&max=64`,
    );
    await page.getByText('connected', { exact: true }).waitFor();
    const prompt = 'export function add(';
    await say(page, prompt);
    await page.getByText('Model, cut at the most tokens').waitFor();
    const engine = await load();
    try {
      const messages = [{ role: 'user' as const, content: prompt }];
      const end = await endOf(engine.generate(messages, { maxTokens: 64, temperature: 0.8, seed: 5 }));
      expect(await answers(page)).toEqual([end.text]);
    } finally {
      await engine.close();
    }
    const figures = await page.getByLabel('Measured here').textContent();
    expect(figures).toMatch(/tokens64/);
    expect(figures).toMatch(/first token[\d.]+ ms/);
    expect(figures).toMatch(/tokens\/s[\d,.]+/);
    const took = await page.locator('.took').textContent();
    expect(took).toMatch(/^Here: 64 tokens at .* The same model, simulated: WSE-3 .*H100/);
    expect(complaints).toEqual([]);
  });

  it('cancels, and steers an answer under way', async () => {
    const server = await testServer({}, { tokensPerSecond: 30 });
    const { page } = await open(browser!, `${server.url}/#/console?max=4096`);
    await page.getByText('connected', { exact: true }).waitFor();
    await say(page, 'go on');
    await page.waitForFunction(
      () => (document.querySelector('.turn.assistant .words')?.textContent ?? '') !== '',
    );
    await say(page, 'another way');
    await page.waitForFunction(() => document.querySelectorAll('.turn.assistant').length === 2);
    expect(await page.locator('.turn .who').allTextContents()).toEqual(['You', 'Model', 'You', 'Model']);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Model, cancelled').waitFor();
    await settled(page);
    expect(server.context.host.require().stats().running).toBe(0);
  });

  it('survives a restart of the server: says that it lost the answer, connects again and goes on', async () => {
    const start = (port: number): Promise<RunningServer> =>
      startServer({
        load: () => Promise.resolve(new NullEngine({ tokensPerSecond: 50 })),
        model: { id: 'null' },
        port,
        logLevel: 'silent',
      });
    const first = await start(0);
    const { page } = await open(browser!, `${first.url}/#/console?max=4096`);
    await page.getByText('connected', { exact: true }).waitFor();
    await say(page, 'a long one');
    await page.waitForFunction(
      () => (document.querySelector('.turn.assistant .words')?.textContent ?? '') !== '',
    );
    await first.close();
    await page.getByText('connecting…').waitFor();
    const second = await start(Number(new URL(first.url).port));
    try {
      await page.getByText('connected', { exact: true }).waitFor();
      await page.getByText('Model, broken off').waitFor();
      await settled(page);
      await page.getByRole('button', { name: 'New conversation' }).click();
      await page.getByLabel('Answers of at most').fill('0');
      await say(page, 'again');
      await page.getByText('Model, cut at the most tokens').waitFor();
    } finally {
      await second.close();
    }
  });

  it('is not needed for a race: the server of the page writes there too', async () => {
    const server = await testServer({ load: () => load(undefined, { workers: 1 }), model: { id: 'glint' } });
    const { page, complaints } = await open(
      browser!,
      `${server.url}/#/race?by=server&tokens=32&machines=b200&model=qwen3-0.6b`,
    );
    await page.getByRole('button', { name: 'Write here' }).click();
    await page.getByRole('button', { name: 'Write again' }).waitFor();
    const lane = page.getByRole('region', { name: 'This server' });
    expect(await lane.textContent()).toMatch(/measured here: 32 tokens/);
    expect(await lane.getByLabel('What This server has written').inputValue()).not.toBe('');
    expect(server.context.host.require().stats().generatedTokens).toBeGreaterThanOrEqual(32);
    expect(complaints).toEqual([]);
  });

  it('on a static host answers from the browser itself, and says what to do for a server', async () => {
    const site = await plainSite();
    const { page, complaints } = await open(browser!, `${site.url}#/console?max=32&temperature=0`);
    const prompt = 'const total = ';
    await say(page, prompt);
    await page.getByText('Model, cut at the most tokens').waitFor();
    const engine = await load();
    try {
      const { text } = await endOf(engine.generate(prompt, { maxTokens: 32, temperature: 0 }));
      expect(await answers(page)).toEqual([text]);
    } finally {
      await engine.close();
    }
    expect(complaints).toEqual([]);
    await page.getByLabel('Answers come from').selectOption('server');
    await page.getByLabel('Server').fill('http://127.0.0.1:1');
    await page.keyboard.press('Tab');
    const alert = page.getByRole('alert');
    await alert.filter({ hasText: 'start it with `waferflow serve` with --origin' }).waitFor();
    await site.close();
  });

  it('asks for a key where the server wants one, and works with it', async () => {
    const { hashKey } = await import('#src/server/gate/keys.js');
    const key = { name: 'me', sha256: hashKey('secret'), requestsPerMinute: 100, tokensPerMinute: 10_000 };
    const server = await testServer({ keys: [key] });
    const { page } = await open(browser!, `${server.url}/#/console?max=16`);
    await page.getByText('The server wants an API key').waitFor();
    await page.getByLabel('API key').fill('secret');
    await page.keyboard.press('Tab');
    await page.getByText('connected', { exact: true }).waitFor();
    await say(page, 'hello');
    await page.getByText(/^Model, /).waitFor();
    expect(await page.getByLabel('Measured here').textContent()).toMatch(/requests left\d+ of 100/);
  });

  it('names the model, asks again, takes back what was said, and remembers it all after a reload', async () => {
    const server = await testServer({ model: { id: 'null' } });
    const { page, complaints } = await open(browser!, `${server.url}/#/console?max=16`);
    await page.getByText('connected', { exact: true }).waitFor();
    await page.locator('.model strong', { hasText: 'null' }).waitFor();
    await say(page, 'first question');
    await page.getByText(/^Here: 16 tokens/).waitFor();
    await page.getByRole('button', { name: 'Regenerate' }).click();
    await settled(page);
    await page.getByText(/^Here: 16 tokens/).waitFor();
    expect(await answers(page)).toHaveLength(1);
    await page.reload();
    await page.getByText('connected', { exact: true }).waitFor();
    await page.getByText('1 earlier conversation').click();
    await page.getByRole('button', { name: 'first question', exact: true }).click();
    expect(await answers(page)).toHaveLength(1);
    await page.getByRole('button', { name: 'Edit' }).click();
    expect(await answers(page)).toHaveLength(0);
    expect(await page.getByRole('textbox', { name: /^(Message|Text to go on with)$/ }).inputValue()).toBe(
      'first question',
    );
    expect(complaints).toEqual([]);
  });

  it('shows markdown with code to copy, and runs nothing that a model writes', async () => {
    const server = await testServer();
    const { page, complaints } = await open(browser!, `${server.url}/#/console`);
    // As a server with a chat model says it.
    await page.route('**/props', (route) => route.fulfill({ json: { chat_template: '{{ messages }}' } }));
    const text = [
      '# Title',
      '',
      '**bold** <img src=x onerror="window.hacked=1"><script>window.hacked=1</script>',
      '',
      '[bad](javascript:window.hacked=1) [good](https://example.org)',
      '',
      '```js',
      'const one = 1;',
      '```',
    ].join('\n');
    const turn = (role: string, said: string) => ({
      id: 0,
      role,
      text: said,
      note: null,
      took: null,
      simulated: [],
    });
    await page.evaluate(
      (chats) => localStorage.setItem('waferflow.chats', chats),
      JSON.stringify([{ id: 'a', turns: [turn('user', 'hello'), turn('assistant', text)] }, { id: 3 }, null]),
    );
    await page.reload();
    await page.getByText('1 earlier conversation').click();
    await page.getByRole('button', { name: 'hello', exact: true }).click();
    const words = page.locator('.turn.assistant .words');
    await words.locator('strong', { hasText: 'bold' }).waitFor();
    expect(await words.locator('pre code').textContent()).toBe('const one = 1;\n');
    await words.getByRole('button', { name: 'Copy' }).waitFor();
    expect(await words.locator('img, script, [onerror]').count()).toBe(0);
    expect(await words.locator('a[href^="javascript"]').count()).toBe(0);
    expect(await words.locator('a[href="https://example.org"]').getAttribute('rel')).toContain('noopener');
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await seriousFindings(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
