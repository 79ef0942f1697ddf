/** Blocks of a report as HTML that is well-formed XML too. */
import { chartSvg, colourOf, SYMBOL_PATHS } from './chart.js';
import { chartTable } from './chart-table.js';
import type { Chart } from './chart-types.js';
import {
  type Block,
  type Cell,
  type Figure,
  type Inline,
  isFigure,
  type Row,
  type Section,
  type Table,
} from './document.js';
import { caveat, figureText } from './format.js';
import { escapeMarkup } from './svg.js';

/** Charts are drawn twice, since text that is scaled with its picture is unreadable on a phone. */
const CHART_WIDTHS = { wide: 620, narrow: 340 };

export function sectionHtml({ id, title, clock, blocks }: Section): string {
  const chip = clock === undefined ? '' : ` <span class="chip ${clock}">${clock}</span>`;
  return `<section id="${id}"${clock === undefined ? '' : ` class="${clock}"`}><h2>${escapeMarkup(title)}${chip}</h2>\n${blocksHtml(blocks)}\n</section>`;
}

/** Charts that follow one another stand side by side where there is room. */
function blocksHtml(blocks: readonly Block[]): string {
  return blocks
    .map((block, at) => {
      if (block.kind !== 'chart') return blockHtml(block);
      const [before, after] = [blocks[at - 1]?.kind === 'chart', blocks[at + 1]?.kind === 'chart'];
      return `${before ? '' : `<div class="${after ? 'pair' : 'single'}">`}${blockHtml(block)}${after ? '' : '</div>'}`;
    })
    .join('\n');
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<p>${inlineHtml(block.text)}</p>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${inlineHtml(item)}</li>`).join('')}</ul>`;
    case 'command':
      return `<pre tabindex="0"><code>${escapeMarkup(block.command)}</code></pre>`;
    case 'heading':
      return `<h3${block.id === undefined ? '' : ` id="${block.id}"`}>${escapeMarkup(block.text)}</h3>`;
    case 'headline':
      return `<dl class="headline">${block.items
        .map(
          ({ label, figure, note }) =>
            `<div><dt>${escapeMarkup(label)}</dt><dd class="big">${figureHtml(figure)}</dd><dd>${escapeMarkup(note)}</dd></div>`,
        )
        .join('')}</dl>`;
    case 'table':
      return tableHtml(block.table);
    case 'chart':
      return chartHtml(block.chart, block.text);
    case 'drawing':
      return `<figure class="drawing"><div class="scroll" tabindex="0" role="region" aria-label="${escapeMarkup(block.table.caption)}, drawn">${block.svg}</div><figcaption>${inlineHtml(block.text)}</figcaption>${numbersHtml(block.table)}</figure>`;
    default:
      return block satisfies never;
  }
}

export function inlineHtml(inline: Inline): string {
  if (typeof inline === 'string') return escapeMarkup(inline);
  return inline
    .map((part) => {
      if (typeof part === 'string') return escapeMarkup(part);
      const text = part.code ? `<code>${escapeMarkup(part.text)}</code>` : escapeMarkup(part.text);
      return part.href === undefined ? text : `<a href="${escapeMarkup(part.href)}">${text}</a>`;
    })
    .join('');
}

function figureHtml(figure: Figure): string {
  if (figure.value === null || !Number.isFinite(figure.value)) return '<span title="not measured">–</span>';
  const data = `<data value="${figure.value}">${escapeMarkup(figureText(figure))}</data>`;
  const linked = figure.basis === undefined ? data : `<a class="n" href="#${figure.basis}">${data}</a>`;
  const said = caveat(figure);
  return said === '' ? linked : `${linked} <small>${said}</small>`;
}

const cellHtml = (cell: Cell): string => (isFigure(cell) ? figureHtml(cell) : inlineHtml(cell));

function tableHtml({ caption, columns, rows }: Table): string {
  const numeric = columns.map((_, at) => at > 0 && rows.some((row) => isFigure(row.cells[at - 1] ?? '')));
  const side = (at: number): string => (numeric[at] ? ' class="r"' : '');
  const head = columns.map((column, at) =>
    column === '' ? '<td></td>' : `<th scope="col"${side(at)}>${escapeMarkup(column)}</th>`,
  );
  if (isProse(rows)) return proseHtml({ caption, columns, rows });
  const body = rows.map(
    ({ id, header, cells }) =>
      `<tr${id === undefined ? '' : ` id="${id}"`}><th scope="row">${inlineHtml(header)}</th>${cells
        .map((cell, at) => `<td${side(at + 1)}>${cellHtml(cell)}</td>`)
        .join('')}</tr>`,
  );
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeMarkup(caption)}"><table><caption><span>${escapeMarkup(caption)}</span></caption><thead><tr>${head.join('')}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table></div>`;
}

/** Rows with sentences in them: too wide for a phone, where each becomes a card. */
const PROSE_LENGTH = 48;
function isProse(rows: readonly Row[]): boolean {
  return rows.some(({ cells }) =>
    cells.some((cell) => !isFigure(cell) && plainText(cell).length > PROSE_LENGTH),
  );
}

const plainText = (inline: Inline): string =>
  typeof inline === 'string'
    ? inline
    : inline.map((part) => (typeof part === 'string' ? part : part.text)).join('');

/** The roles are said aloud, because a table that is laid out as cards loses them. */
function proseHtml({ caption, columns, rows }: Table): string {
  const head = columns.map((column) => `<th scope="col" role="columnheader">${escapeMarkup(column)}</th>`);
  const body = rows.map(
    ({ id, header, cells }) =>
      `<tr role="row"${id === undefined ? '' : ` id="${id}"`}><th scope="row" role="rowheader">${inlineHtml(header)}</th>${cells
        .map((cell) => `<td role="cell"${isFigure(cell) ? ' class="r"' : ''}>${cellHtml(cell)}</td>`)
        .join('')}</tr>`,
  );
  return `<table class="prose" role="table"><caption><span>${escapeMarkup(caption)}</span></caption><thead role="rowgroup"><tr role="row">${head.join('')}</tr></thead><tbody role="rowgroup">\n${body.join('\n')}\n</tbody></table>`;
}

function numbersHtml(table: Table): string {
  return `<details><summary>The numbers as a table</summary>${tableHtml(table)}</details>`;
}

function chartHtml(chart: Chart, text: Inline): string {
  const drawings = Object.entries(CHART_WIDTHS).map(
    ([name, width]) => `<div class="${name}">${chartSvg(chart, width)}</div>`,
  );
  return `<figure><p class="title">${escapeMarkup(chart.title)}</p>${legendHtml(chart)}${drawings.join('')}<figcaption>${inlineHtml(text)}</figcaption>${numbersHtml(chartTable(chart))}</figure>`;
}

/** A legend in text: it wraps at any width, and no name is ever cut. */
function legendHtml(chart: Chart): string {
  const entries =
    chart.kind === 'xy'
      ? chart.series.filter((entry) => !entry.guide)
      : chart.series.length > 1
        ? chart.series.map(({ name }, index) => ({
            name,
            colour: index,
            look: chart.kind === 'marks' ? 'points' : 'bar',
            dashed: false,
          }))
        : [];
  if (entries.length === 0) return '';
  const items = entries.map(({ name, colour, look, dashed }) => {
    const stroke = `stroke="${colourOf(colour)}" stroke-width="2"${dashed ? ' stroke-dasharray="4 3"' : ''}`;
    const line = look === 'line' || look === 'plain' ? `<path d="M0 6h26" ${stroke}/>` : '';
    const path = look === 'bar' ? SYMBOL_PATHS[1] : SYMBOL_PATHS[colour % SYMBOL_PATHS.length];
    const symbol =
      look === 'plain'
        ? ''
        : `<path transform="translate(7 0)" d="${path}" ${look === 'hollow' ? `fill="var(--paper)" ${stroke}` : `fill="${colourOf(colour)}"`}/>`;
    return `<li><svg viewBox="0 0 26 12" width="26" height="12" aria-hidden="true">${line}${symbol}</svg>${escapeMarkup(name)}</li>`;
  });
  return `<ul class="legend">${items.join('')}</ul>`;
}
