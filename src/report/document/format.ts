/** How numbers look to people. */
import type { Figure } from './document.js';

/** Three significant digits below a thousand, whole numbers above; a dash for what is not known. */
export function formatFigure(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value < 0) return `−${formatFigure(-value)}`;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return scientific(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

/** The number of a figure with its unit, without its tag. */
export function figureText({ value, share, unit }: Figure): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (share) return `${formatFigure(Number((value * 100).toPrecision(3)))} %`;
  return `${formatFigure(value)}${unit === undefined ? '' : ` ${unit}`}`;
}

/** What has to be said beside a number: that it is a guess, or lies between measured ones. */
export function caveat({ value, tag }: Figure): string {
  return value !== null && (tag === 'guessed' || tag === 'interpolated') ? tag : '';
}

/** 1.1 × 10⁹. */
function scientific(value: number): string {
  const [mantissa, exponent] = value.toExponential(2).split('e');
  const raised = String(Number(exponent)).replace(/[-0-9]/g, (c) =>
    c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)]!,
  );
  return `${Number(mantissa)} × 10${raised}`;
}

/** `2026-11-23 04:30 UTC` of an ISO date; anything else as it is. */
export function formatDate(date: string): string {
  return date.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::[\d.]+)?Z$/, '$1 $2 UTC');
}
