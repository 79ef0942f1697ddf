/** The site's check finds links that lead nowhere; the build, which ends with it, is in `.ci/run`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

interface Checks {
  deadLinks(folder: string, base: string): string[];
}

const site = (name: string): string => new URL(`../site/${name}`, import.meta.url).href;

it('finds links to files and places that are not there, and no others', async () => {
  const { deadLinks } = (await import(site('dead-links.js'))) as Checks;
  const folder = mkdtempSync(join(tmpdir(), 'waferflow-site-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'docs'));
  const links = [
    'b.html',
    'b',
    '/base/docs/b.html#here',
    '#own',
    '../',
    'https://example.org/x',
    '/base/app.js#/route',
  ];
  const dead = ['c.html', '/base/docs/b.html#gone', '#nothing', '/elsewhere.html'];
  const anchors = [...links, ...dead].map((href) => `<a class="x" href="${href}">x</a>`).join('');
  writeFileSync(join(folder, 'index.html'), '');
  writeFileSync(join(folder, 'app.js'), '');
  writeFileSync(join(folder, 'docs/a.html'), `<p id="own">${anchors}</p>`);
  writeFileSync(join(folder, 'docs/b.html'), '<h1 id="here">b</h1>');
  expect(deadLinks(folder, '/base/').map((line) => line.split(' ')[1])).toEqual(dead);
});
