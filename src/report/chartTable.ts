/** The numbers of a chart as a table: for those who cannot see it, and for Markdown. */
import type { BarChart, Chart, XyChart } from './chartTypes.js';
import type { Row, Table } from './document.js';

export function chartTable(chart: Chart): Table {
  return chart.kind === 'xy' ? xyTable(chart) : barTable(chart);
}

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
  const lines = (limits ?? []).map(
    ({ axis, value, label }): Row => ({
      header: label,
      cells: axis === 'x' ? [{ value }, ''] : ['', { value }],
    }),
  );
  return { caption: `${title}: the numbers`, columns: ['', x.label, y.label], rows: [...rows, ...lines] };
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
  const lines = (limits ?? []).map(
    (limit): Row => ({ header: limit.label, cells: series.map(() => ({ value: limit.value })) }),
  );
  return {
    caption: `${title}: the numbers (${value.label})`,
    columns: ['', ...series.map((entry) => entry.name)],
    rows: [...rows, ...lines],
  };
}
