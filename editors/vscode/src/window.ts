/** The part of a text that the model reads: short, and the same from key to key, so that its cache keeps it. */
import type { Gap } from './sources/source.js';

export interface WindowSize {
  readonly prefixCharacters: number;
  readonly suffixCharacters: number;
}

/** Cuts both sides at ends of lines. The beginning moves on by half a window at a time, not with every key. */
export function windowOf({ prefix, suffix }: Gap, { prefixCharacters, suffixCharacters }: WindowSize): Gap {
  return {
    prefix: prefix.slice(startOf(prefix, prefixCharacters)),
    suffix: headOf(suffix, suffixCharacters),
  };
}

function startOf(prefix: string, most: number): number {
  if (prefix.length <= most) return 0;
  const step = Math.max(1, Math.floor(most / 2));
  const start = Math.ceil((prefix.length - most) / step) * step;
  const line = prefix.indexOf('\n', start) + 1;
  return line > 0 && line < prefix.length ? line : start;
}

function headOf(suffix: string, most: number): string {
  if (suffix.length <= most) return suffix;
  const head = suffix.slice(0, most);
  const end = head.lastIndexOf('\n');
  return end > 0 ? head.slice(0, end + 1) : head;
}
