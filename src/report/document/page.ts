/** The shell of every report: one self-contained HTML file, no scripts, no outside parts. */
import type { Report } from './document.js';
import { inlineHtml, sectionHtml } from './html.js';
import { STYLE } from './style.js';
import { escapeMarkup } from './svg.js';

/** The whole file. */
export function pageHtml({ title, lead, sections }: Report): string {
  const contents = sections.map(
    ({ id, title: name }) => `<li><a href="#${id}">${escapeMarkup(name)}</a></li>`,
  );
  return `<!doctype html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/><meta name="color-scheme" content="light dark"/><meta name="generator" content="waferflow"/><title>${escapeMarkup(title)}</title><link rel="icon" href="data:,"/><style>${STYLE}</style></head>
<body><div class="frame">
<header><h1>${escapeMarkup(title)}</h1><p class="lead">${inlineHtml(lead)}</p></header>
<nav aria-label="Contents"><ol>${contents.join('')}</ol></nav>
<main>
${sections.map(sectionHtml).join('\n')}
</main>
</div></body>
</html>
`;
}
