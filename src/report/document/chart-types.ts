/** What a chart shows, apart from how it is drawn. */

export interface Axis {
  /** With its unit. */
  readonly label: string;
  /** Logarithmic when the values span more than this report's `LOG_SPAN`; default: linear from 0. */
  readonly log?: boolean;
}

/** A line across the chart that values are held against: an SLO, a capacity. */
export interface Limit {
  readonly axis: 'x' | 'y';
  readonly value: number;
  readonly label: string;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface XySeries {
  readonly name: string;
  readonly points: readonly Point[];
  /** `line`: points joined; `plain`: a line without points (a ceiling); `points` and `hollow`: points alone. */
  readonly look: 'line' | 'plain' | 'points' | 'hollow';
  readonly dashed?: boolean;
  /** Series of one thing share a number, and so a colour and a symbol. */
  readonly colour: number;
  /** Left out of the table, because it follows from other numbers there. */
  readonly guide?: boolean;
  /** What the numbers rest on. */
  readonly basis?: string;
}

export interface XyChart {
  readonly kind: 'xy';
  readonly id: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly XySeries[];
  readonly limits?: readonly Limit[];
}

export interface BarSeries {
  readonly name: string;
  /** One per category; null where there is none. */
  readonly values: readonly (number | null)[];
}

/** Categories from top to bottom, values to the right: bars, bars end to end, or marks. */
export interface BarChart {
  readonly kind: 'bars' | 'stack' | 'marks';
  readonly id: string;
  readonly title: string;
  readonly categories: readonly string[];
  readonly value: Axis;
  readonly series: readonly BarSeries[];
  readonly limits?: readonly Limit[];
  /** By category: what its numbers rest on. */
  readonly basis?: readonly (string | undefined)[];
}

export type Chart = XyChart | BarChart;
