/** A report as GitHub-flavoured Markdown: the same content, charts as their numbers. */
import { chartTable } from './chart-table.js';
import {
  type Block,
  type Cell,
  type Inline,
  isFigure,
  type Report,
  type Section,
  type Table,
} from './document.js';
import { caveat, figureText } from './format.js';

export function reportMarkdown({ title, lead, sections }: Report): string {
  return `${[`# ${escaped(title)}`, inline(lead), ...sections.map(sectionMarkdown)].join('\n\n')}\n`;
}

function sectionMarkdown({ id, title, clock, blocks }: Section): string {
  const heading = `## ${mark(id)}${escaped(title)}${clock === undefined ? '' : ` (${clock})`}`;
  return [heading, ...blocks.map(blockMarkdown)].join('\n\n');
}

const mark = (id: string | undefined): string => (id === undefined ? '' : `<a id="${id}"></a>`);

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case 'text':
      return inline(block.text);
    case 'list':
      return block.items.map((item) => `- ${inline(item)}`).join('\n');
    case 'command':
      return fenced(block.command);
    case 'heading':
      return `### ${mark(block.id)}${escaped(block.text)}`;
    case 'headline':
      return block.items
        .map(({ label, figure, note }) => `- **${escaped(label)}:** ${cellText(figure)} (${escaped(note)})`)
        .join('\n');
    case 'table':
      return tableMarkdown(block.table);
    case 'chart':
      return `${inline(block.text)}\n\n${tableMarkdown(chartTable(block.chart))}`;
    case 'drawing':
      return `${inline(block.text)}\n\n${tableMarkdown(block.table)}`;
    default:
      return block satisfies never;
  }
}

/** A fence longer than any run of backticks inside. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}sh\n${text}\n${fence}`;
}

/** Text that stays text: nothing in it is markup, a cell or a line of its own. */
function escaped(text: string): string {
  return text.replace(/[\\`*_[\]<>|~#]/g, '\\$&').replace(/\s+/g, ' ');
}

function inline(text: Inline): string {
  if (typeof text === 'string') return escaped(text);
  return text
    .map((part) => {
      if (typeof part === 'string') return escaped(part);
      const shown = part.code && !/[`|]/.test(part.text) ? `\`${part.text}\`` : escaped(part.text);
      return part.href === undefined
        ? shown
        : `[${shown}](${part.href.replace(/[()\s<>]/g, encodeURIComponent)})`;
    })
    .join('');
}

function cellText(cell: Cell): string {
  if (!isFigure(cell)) return inline(cell);
  const text = cell.basis === undefined ? figureText(cell) : `[${figureText(cell)}](#${cell.basis})`;
  const said = cell.value === null ? '' : caveat(cell);
  return cell.value === null ? '–' : said === '' ? text : `${text} ${said}`;
}

function tableMarkdown({ caption, columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const sides = columns.map((_, at) =>
    at > 0 && rows.some((row) => isFigure(row.cells[at - 1] ?? '')) ? '--:' : '---',
  );
  return [
    `**${escaped(caption)}**`,
    '',
    line(columns.map(escaped)),
    line(sides),
    ...rows.map(({ id, header, cells }) => line([`${mark(id)}${inline(header)}`, ...cells.map(cellText)])),
  ].join('\n');
}
