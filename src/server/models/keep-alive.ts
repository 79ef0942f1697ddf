/** How long a model stays without requests, as Ollama writes it: `5m`, `1h30m`, seconds, or below zero for ever. */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PARTS = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;

/** Milliseconds, infinite for ever; null where it is no such time. */
export function keepAliveOf(value: number | string): number | null {
  const text = String(value).trim();
  const sign = text.startsWith('-') ? -1 : 1;
  const size = text.replace(/^[+-]/, '');
  const parts = [...size.matchAll(PARTS)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === size;
  const ms = isWhole
    ? parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS_MS[unit!]!, 0)
    : size === ''
      ? Number.NaN
      : Number(size) * 1000;
  if (Number.isNaN(ms)) return null;
  return sign < 0 && ms > 0 ? Number.POSITIVE_INFINITY : ms;
}
