/** The chat's page: what it may load, and how a text is taken apart. */
import { expect, it } from 'vitest';
import { simulatedLines, speed } from '../../editors/vscode/src/figures.js';
import { blocksOf } from '../../editors/vscode/src/view/blocks.js';
import { pageOf } from '../../editors/vscode/src/view/page.js';

it('lets nothing load or run but the script and style of the extension', () => {
  const page = pageOf({ source: 'https://editor.test', script: 'view.js', style: 'chat.css' });
  const [, policy] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
  expect(policy).toBe("default-src 'none'; style-src https://editor.test; script-src https://editor.test");
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page).not.toMatch(/ on[a-z]+=|style="/);
});

it('takes a text apart at fences, an open one included, and keeps all the rest as text', () => {
  expect(blocksOf('so:\n```ts\nconst a = 1;\n```\nand <b>more</b>')).toEqual([
    { kind: 'prose', text: 'so:' },
    { kind: 'code', text: 'const a = 1;' },
    { kind: 'prose', text: 'and <b>more</b>' },
  ]);
  expect(blocksOf('```\nx')).toEqual([{ kind: 'code', text: 'x' }]);
  expect(blocksOf('a `b` ``` c')).toEqual([{ kind: 'prose', text: 'a `b` ``` c' }]);
  expect(blocksOf('')).toEqual([]);
});

it('says what was measured and, apart from it, what is simulated', () => {
  const facts = { tokens: 3, tokensPerSecond: 1234.5, simulated: null };
  expect(speed(facts)).toBe('1,235 tokens/s');
  expect(speed({ ...facts, tokensPerSecond: null })).toBe('');
  const simulated = [{ machine: 'wse-3', ttftMs: 0.01234 as never, tokensPerSecond: 8305.2 }];
  expect(simulatedLines(simulated)).toEqual(['wse-3: first token after 0.012 ms, then 8,305 tokens/s']);
});
