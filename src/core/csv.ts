/** Small CSV files with a header: cells by column name, and errors that say line and column. */
import { FormatError } from './errors.js';

export interface CsvRow {
  readonly line: number;
  text(column: string): string;
  /** A finite number; `empty` stands for a blank cell where one is allowed. */
  number(column: string, empty?: number): number;
}

/**
 * The rows of a CSV text. Cells hold no quotes or commas, as in the published files.
 *
 * @throws FormatError with file, line and column
 */
export function parseCsv(text: string, file: string, columns: readonly string[]): CsvRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = lines[0]!.split(',').map((cell) => cell.trim());
  for (const column of columns) {
    if (!header.includes(column))
      throw bad(file, 1, 1, `header "${lines[0]!.slice(0, 60)}"`, `a column "${column}"`);
  }
  return lines.slice(1).flatMap((content, index) => (content.trim() === '' ? [] : [row(content, index + 2)]));

  function row(content: string, line: number): CsvRow {
    const cells = content.split(',').map((cell) => cell.trim());
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
      content.split(',').slice(0, header.indexOf(column)).join(',').length +
      (header.indexOf(column) > 0 ? 2 : 1);
    const text = (column: string): string => cells[header.indexOf(column)]!;
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

function bad(file: string, line: number, column: number, given: string, expected: string): FormatError {
  return new FormatError({
    what: `${file}, line ${line}, column ${column}`,
    given,
    expected,
    todo: 'Correct the file.',
  });
}
