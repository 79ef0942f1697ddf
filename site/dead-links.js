/** Links of built pages that lead to no file or no place in it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** One line for each dead link in the HTML files of `folder`, which is served under `base`. */
export function deadLinks(folder, base) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.html'),
  );
  const texts = new Map(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const dead = [];
  for (const [name, text] of texts) {
    for (const [, link] of text.matchAll(/<(?:a|link|img|script|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"/g)) {
      if (/^(?:[a-z]+:|\/\/)/.test(link)) continue;
      const [path, anchor = ''] = link.replaceAll('&amp;', '&').split('#');
      const target = targetOf(
        folder,
        path.startsWith(base) ? path.slice(base.length) : join(dirname(name), path),
        path === '' ? name : null,
      );
      if (target === null) dead.push(`${name}: ${link} leads nowhere`);
      // A route of the page stands behind its sign, and is no place in it.
      else if (anchor !== '' && !anchor.startsWith('/') && !hasId(texts.get(target), anchor))
        dead.push(`${name}: ${link} names no place in ${target}`);
    }
  }
  return dead;
}

function targetOf(folder, path, own) {
  if (own !== null) return own;
  const full = join(folder, decodeURIComponent(path));
  if (!existsSync(full)) return existsSync(`${full}.html`) ? relative(folder, `${full}.html`) : null;
  return relative(folder, statSync(full).isDirectory() ? join(full, 'index.html') : full);
}

function hasId(text, anchor) {
  if (text === undefined) return false;
  const id = decodeURIComponent(anchor);
  return text.includes(`id="${id}"`) || text.includes(`name="${id}"`);
}
