/**
 * Builds the site into site/dist, as static files: the repository's pages by VitePress, the API reference by TypeDoc, and
 * the page with its lessons as it is. Build the repository first. SITE_BASE is the path that it will be served under.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { deadLinks } from './dead-links.js';
import { pages } from './pages.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..');
const source = join(here, '.pages');
const out = join(here, 'dist');
const base = process.env.SITE_BASE ?? '/';

rmSync(source, { recursive: true, force: true });
const known = new Set(pages(root));
for (const page of known) {
  const text = readFileSync(join(root, page), 'utf8');
  const to = join(source, page);
  mkdirSync(dirname(to), { recursive: true });
  // What is no page, such as a source file, keeps its words and loses its link.
  writeFileSync(
    to,
    text.replaceAll(/(!?)\[([^\]]*)\]\(([^):#]+)(#[^)]*)?\)/g, (whole, image, words, path) => {
      const target = normalize(join(dirname(page), path));
      if (image === '!') {
        cpSync(join(root, target), join(source, target));
        return whole;
      }
      return known.has(target) ? whole : words;
    }),
  );
}
writeFileSync(join(source, 'lessons.md'), lessonsPage());

await build(here);
execFileSync(
  process.execPath,
  [join(here, 'node_modules/typedoc/bin/typedoc'), '--options', join(here, 'typedoc.json')],
  { stdio: 'inherit' },
);
cpSync(join(root, 'dist/web'), join(out, 'app'), { recursive: true });

const dead = deadLinks(out, base);
for (const line of dead) console.error(line);
if (dead.length > 0) process.exit(1);
console.log(`${readdirSync(out, { recursive: true }).length} files in site/dist, no dead link`);

/** The page's lessons, live: each computes its figures where it is read. */
function lessonsPage() {
  const list = readFileSync(join(root, 'src/web/lessons/lessons.ts'), 'utf8');
  const lessons = [...list.matchAll(/id: '(\w+)', title: '([^']+)'/g)];
  const frames = lessons.map(([, id, title]) => {
    const address = `${base}app/index.html#/lessons?lesson=${id}`;
    const frame = `<iframe src="${address}" title="${title}" loading="lazy" width="100%" height="720"></iframe>`;
    return `## ${title}\n\n<a href="${address}" target="_blank">Open it</a>\n\n<details><summary>Read it here</summary>${frame}</details>\n`;
  });
  return `# Lessons\n\nThey run in your browser: every figure is computed where you read it.\n\n${frames.join('\n')}`;
}
