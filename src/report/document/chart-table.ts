/** The numbers of a chart as a table: for those who cannot see it, and for Markdown. */
import type { BarChart, Chart, Limit, XyChart } from './chart-types.js';
import type { Row, Table } from './document.js';

export function chartTable(chart: Chart): Table {
  return chart.kind === 'xy' ? xyTable(chart) : barTable(chart);
}

const limitText = (limits: readonly Limit[] = []): string =>
  limits.map(({ label, value }) => `; ${label}${label.includes(String(value)) ? '' : `: ${value}`}`).join('');

function xyTable({ title, x, y, series, limits }: XyChart): Table {
  const rows = series
    .filter((entry) => !entry.guide)
    .flatMap(({ name, points, basis }) =>
      points.map((point): Row => {
        const rests = basis === undefined ? {} : { basis };
        return {
          header: name,
          cells: [
            { value: point.x, ...rests },
            { value: point.y, ...rests },
          ],
        };
      }),
    );
  return { caption: `${title}: the numbers${limitText(limits)}`, columns: ['', x.label, y.label], rows };
}

function barTable({ title, categories, value, series, limits, basis }: BarChart): Table {
  const rows = categories.map((category, index): Row => {
    const rests = basis?.[index];
    return {
      header: category,
      cells: series.map((entry) => ({
        value: entry.values[index] ?? null,
        ...(rests !== undefined && { basis: rests }),
      })),
    };
  });
  return {
    caption: `${title}: the numbers (${value.label})${limitText(limits)}`,
    columns: ['', ...series.map((entry) => entry.name)],
    rows,
  };
}
