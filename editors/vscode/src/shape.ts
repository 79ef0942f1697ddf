/** Where a suggestion ends: by line, by block, or where the text behind the cursor goes on. */
import type { Gap } from './sources/source.js';

export interface Shape {
  readonly maxLines: number;
  /** Of the line that the cursor is on. */
  readonly indent: number;
  /** The line before the cursor's, where the cursor's is blank; else empty. */
  readonly previous: string;
  /** The rest of the cursor's line. */
  readonly rest: string;
  /** The first line behind the cursor's that is not blank. */
  readonly next: string;
}

export interface Cut {
  readonly text: string;
  /** Nothing that may still come belongs to it. */
  readonly isWhole: boolean;
}

const CLOSERS = /^[\s)\]}>;,'"`]*$/;
/** Before a body or the next part of a list; a blank line is one, too. */
const OPENS = /(^|[{([,:]|=>)\s*$/;

/** Several lines where a block or list begins and nothing but closing signs stands behind the cursor; else one. */
export function shapeOf({ prefix, suffix }: Gap, maxLines: number): Shape {
  const start = prefix.lastIndexOf('\n') + 1;
  const line = prefix.slice(start);
  const before = prefix.slice(0, Math.max(0, start - 1));
  const [rest = '', ...behind] = suffix.split('\n', 40);
  const isMultiLine = CLOSERS.test(rest) && OPENS.test(line);
  return {
    maxLines: isMultiLine ? maxLines : 1,
    indent: indentOf(line),
    previous: line.trim() === '' ? before.slice(before.lastIndexOf('\n') + 1).trim() : '',
    rest: rest.trimEnd(),
    next: behind.find((each) => each.trim() !== '')?.trim() ?? '',
  };
}

/** Whether nothing but closing signs follows on the cursor's line. */
export function isClosed({ rest }: Shape): boolean {
  return CLOSERS.test(rest);
}

/** What of a text, as far as it has come, belongs to the suggestion. */
export function cut(text: string, { maxLines, indent, next }: Shape): Cut {
  const lines = text.split('\n');
  // The last line may still grow.
  for (let i = 0; i < lines.length - 1; i++) {
    const line = lines[i]!;
    const isBlank = line.trim() === '';
    if (i > 0 && !isBlank) {
      const isRepeated = line.trim() === lines[i - 1]?.trim() && !CLOSERS.test(line);
      const isOutside = indentOf(line) < indent || line.trim() === next;
      if (isOutside || isRepeated) return whole(lines.slice(0, i));
      const closesBlock = CLOSERS.test(line) && indentOf(line) === indent;
      if (closesBlock) return whole(lines.slice(0, i + 1));
    }
    if (i + 1 >= maxLines) return whole(lines.slice(0, i + 1));
  }
  return { text, isWhole: false };
}

function whole(lines: readonly string[]): Cut {
  return { text: lines.join('\n'), isWhole: true };
}

/** The suggestion as it is shown: without what stands behind the cursor already. Empty where nothing is left. */
export function finish(text: string, { previous, rest, next, indent }: Shape): string {
  let shown = text.trimEnd();
  for (let length = Math.min(rest.length, shown.length); length > 0; length--) {
    if (!shown.endsWith(rest.slice(0, length))) continue;
    shown = shown.slice(0, -length);
    break;
  }
  const last = shown.lastIndexOf('\n') + 1;
  const repeats = last > 0 && next !== '' && shown.slice(last).trim() === next;
  const isOutside = last > 0 && indentOf(shown.slice(last)) < indent;
  if (repeats || isOutside) shown = shown.slice(0, last).trimEnd();
  const [first = ''] = shown.split('\n', 1);
  const isEcho = previous !== '' && first.trim() === previous;
  return shown.trim() === '' || isEcho ? '' : shown;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
