/** A report as data: one content, which `html.ts` and `markdown.ts` render. */
import type { Tag } from '../../core/provenance.js';
import type { Chart } from './chart-types.js';

/** A piece of running text; `href` may be an anchor of the same report. */
export interface InlinePart {
  readonly text: string;
  readonly href?: string;
  readonly code?: boolean;
}

export type Inline = string | readonly (string | InlinePart)[];

/** One number of a table and, as an anchor of the report, what it rests on. */
export interface Figure {
  /** Null: not measured or not known, printed as a dash. */
  readonly value: number | null;
  readonly basis?: string;
  /** Said beside the number when it is `guessed` or `interpolated`. */
  readonly tag?: Tag | 'interpolated';
  /** A share, printed in per cent. */
  readonly share?: boolean;
  /** Printed after the number, e.g. a factor's ×. */
  readonly unit?: string;
}

export type Cell = Inline | Figure;

export interface Row {
  /** An anchor, for figures that rest on this row. */
  readonly id?: string;
  readonly header: Inline;
  readonly cells: readonly Cell[];
}

export interface Table {
  readonly caption: string;
  /** The first names the row headers. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export type Block =
  | { readonly kind: 'text'; readonly text: Inline }
  | { readonly kind: 'list'; readonly items: readonly Inline[] }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'heading'; readonly id?: string; readonly text: string }
  | { readonly kind: 'headline'; readonly items: readonly HeadlineItem[] }
  | { readonly kind: 'table'; readonly table: Table }
  | { readonly kind: 'chart'; readonly chart: Chart; readonly text: Inline }
  | Drawing;

/** A finished SVG without styles of its own, and the same facts as a table. */
export interface Drawing {
  readonly kind: 'drawing';
  readonly svg: string;
  readonly text: Inline;
  readonly table: Table;
}

export interface HeadlineItem {
  readonly label: string;
  readonly figure: Figure;
  readonly note: string;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** Whose time this section speaks of. */
  readonly clock?: 'measured' | 'simulated';
  readonly blocks: readonly Block[];
}

export interface Report {
  readonly title: string;
  readonly lead: Inline;
  readonly sections: readonly Section[];
}

export function isFigure(cell: Cell): cell is Figure {
  return typeof cell === 'object' && 'value' in cell;
}

/** An anchor made of words: letters, digits and dashes. */
export function anchor(...words: readonly (string | number)[]): string {
  return words
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** A text block, a table block: the two that every section needs. */
export const say = (text: Inline): Block => ({ kind: 'text', text });
export const show = (table: Table): Block => ({ kind: 'table', table });
