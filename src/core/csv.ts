/** Small CSV files with a header: cells by column name, with quotes where one holds a comma; errors say line and column. */
import { FormatError } from './errors.js';

export interface CsvRow {
  readonly line: number;
  /** The cell; '' where it is blank or the file has no such column. */
  text(column: string): string;
  /** A finite number; `empty` stands for a blank cell where one is allowed. */
  number(column: string, empty?: number): number;
}

/**
 * The rows of a CSV text; `columns` must be in its header.
 *
 * @throws FormatError with file, line and column
 */
export function parseCsv(text: string, file: string, columns: readonly string[]): CsvRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = cellsOf(lines[0]!).map(unquoted);
  for (const column of columns) {
    if (!header.includes(column))
      throw bad(file, 1, 1, `header "${lines[0]!.slice(0, 60)}"`, `a column "${column}"`);
  }
  return lines.slice(1).flatMap((content, index) => (content.trim() === '' ? [] : [row(content, index + 2)]));

  function row(content: string, line: number): CsvRow {
    const raw = cellsOf(content);
    const cells = raw.map(unquoted);
    if (cells.length !== header.length) {
      throw bad(
        file,
        line,
        content.length + 1,
        `${cells.length} cells`,
        `${header.length}, as in the header`,
      );
    }
    const place = (column: string): number =>
      raw.slice(0, header.indexOf(column)).join(',').length + (header.indexOf(column) > 0 ? 2 : 1);
    const text = (column: string): string => cells[header.indexOf(column)] ?? '';
    return {
      line,
      text,
      number(column, empty) {
        const cell = text(column);
        if (cell === '' && empty !== undefined) return empty;
        const value = cell === '' ? Number.NaN : Number(cell);
        if (!Number.isFinite(value))
          throw bad(file, line, place(column), `"${cell}" as ${column}`, 'a number');
        return value;
      },
    };
  }
}

/** The line cut at its commas, except those between quotes. */
function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return line.match(/(?<=^|,)(?:\s*"(?:[^"]|"")*"\s*|[^,]*)(?=,|$)/g) ?? [];
}

function unquoted(cell: string): string {
  const text = cell.trim();
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

function bad(file: string, line: number, column: number, given: string, expected: string): FormatError {
  return new FormatError({
    what: `${file}, line ${line}, column ${column}`,
    given,
    expected,
    todo: 'Correct the file.',
  });
}
