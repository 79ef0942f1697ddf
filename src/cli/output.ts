/** What the commands print: JSON for programs on stdout, text for people, progress on a terminal's stderr alone. */
import { formatBytes } from '../core/units.js';

/** Prints the one JSON document of a `--json` run. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Dim text where the stream is a terminal that wants colours, plain text elsewhere. */
export function dim(text: string, stream: NodeJS.WriteStream): string {
  return stream.isTTY && !process.env.NO_COLOR ? `\u001b[2m${text}\u001b[22m` : text;
}

/** Text that cannot steer a terminal: control characters other than tab and line feed are left out there. */
export function printable(text: string, stream: NodeJS.WriteStream): string {
  return stream.isTTY ? text.replace(/[^\P{Cc}\t\n]/gu, '') : text;
}

/** Says something on stderr that may stand in a file or come from a server, which must not steer a terminal. */
export function say(text: string): void {
  console.error(printable(text, process.stderr));
}

/** Columns padded to the widest cell; cells of a column that starts with `>` in the header are right-aligned. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const titles = header.map((title) => title.replace(/^>/, ''));
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (header[i]!.startsWith('>') ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [titles, ...rows].map(line).join('\n');
}

/** A number for people: three significant digits, thousands separated. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

export interface Progress {
  update(done: number, total: number): void;
  /** Wipes the bar; safe to call twice. */
  end(): void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 60;

/** A progress bar on stderr, or nothing at all where stderr is no terminal. `unit` is `bytes` or a noun. */
export function progressBar(label: string, unit: string): Progress {
  const stream = process.stderr;
  if (!stream.isTTY) return { update: () => undefined, end: () => undefined };
  let drawnAt = 0;
  let drawn = false;
  return {
    update(done, total) {
      const now = performance.now();
      if (now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      drawn = true;
      const filled = total > 0 ? Math.round((done / total) * BAR_WIDTH) : 0;
      const amount = (n: number): string => (unit === 'bytes' ? formatBytes(n) : `${n} ${unit}`);
      const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
      stream.write(`\r${label} [${bar}] ${amount(done)} of ${amount(total)}\u001b[K`);
    },
    end() {
      if (drawn) stream.write('\r\u001b[K');
      drawn = false;
    },
  };
}
