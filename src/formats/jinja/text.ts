/**
 * Text that remembers whose it is: what a user said stays told apart from what the template wrote, through every
 * slice, join and replacement, so that only the template's own text can stand for control tokens.
 */

/** Lengths by turns, in UTF-16 units: the template's own text first, then the user's, and so on. */
export type Runs = readonly number[];

/** Text of which at least a part was said by a user. */
export class UserText {
  readonly text: string;
  /** Null where all of it is the user's. */
  readonly runs: Runs | null;

  constructor(text: string, runs: Runs | null = null) {
    this.text = text;
    this.runs = runs;
  }

  get length(): number {
    return this.text.length;
  }

  toString(): string {
    return this.text;
  }
}

/** What the filters `safe` and `escape` made: what is added to it by `+` is escaped first. */
export class Markup extends UserText {
  static of(text: Text): Markup {
    return typeof text === 'string' ? new Markup(text, [text.length]) : new Markup(text.text, text.runs);
  }
}

/** A plain string is the template's own. */
export type Text = string | UserText;

/** A text that is all the user's. */
export function said(text: string): Text {
  return text === '' ? '' : new UserText(text);
}

export function isText(value: unknown): value is Text {
  return typeof value === 'string' || value instanceof UserText;
}

export function plain(text: Text): string {
  return typeof text === 'string' ? text : text.text;
}

/** A text made out of another one letter by letter: the user's, where any of that was. */
export function likewise(from: Text, text: string): Text {
  const isOwn = typeof from === 'string' || from.runs?.length === 1;
  return isOwn || text === '' ? text : new UserText(text);
}

export function sliced(text: Text, start: number, end: number = plain(text).length): Text {
  if (typeof text === 'string') return text.slice(start, end);
  const part = text.text.slice(start, end);
  if (part === '') return '';
  if (text.runs === null) return part.length === text.text.length ? text : new UserText(part);
  const builder = new TextBuilder();
  builder.addSlice(text, start, end);
  return builder.build();
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

/** A text with the signs of HTML written out. */
export function escapeMarkup(text: Text): Text {
  if (text instanceof Markup) return text;
  const builder = new TextBuilder();
  let at = 0;
  for (const { 0: char, index } of plain(text).matchAll(/[&<>'"]/g)) {
    builder.add(sliced(text, at, index));
    builder.add(likewise(text, escapes[char]!));
    at = index + 1;
  }
  builder.add(sliced(text, at));
  return builder.build();
}

/** Puts texts together. */
export class TextBuilder {
  private readonly parts: string[] = [];
  private readonly runs: number[] = [0];
  private size = 0;

  get length(): number {
    return this.size;
  }

  add(text: Text): void {
    if (typeof text === 'string') this.addPart(text, false);
    else if (text.runs === null) this.addPart(text.text, true);
    else this.addSlice(text, 0, text.text.length);
  }

  addPart(text: string, isUser: boolean): void {
    if (text === '') return;
    this.parts.push(text);
    this.addRun(text.length, isUser);
  }

  addSlice(text: UserText, start: number, end: number): void {
    this.parts.push(text.text.slice(start, end));
    let at = 0;
    for (const [i, length] of (text.runs ?? [0, text.text.length]).entries()) {
      this.addRun(Math.min(end, at + length) - Math.max(start, at), i % 2 === 1);
      at += length;
    }
  }

  private addRun(length: number, isUser: boolean): void {
    if (length <= 0) return;
    this.size += length;
    const { runs } = this;
    if (isUser === (runs.length % 2 === 0)) runs[runs.length - 1]! += length;
    else runs.push(length);
  }

  build(): Text {
    const text = this.parts.join('');
    if (this.runs.length === 1) return text;
    return new UserText(text, this.runs.length === 2 && this.runs[0] === 0 ? null : this.runs);
  }
}

export function joined(texts: readonly Text[], between: Text = ''): Text {
  const builder = new TextBuilder();
  for (const [i, text] of texts.entries()) {
    if (i > 0) builder.add(between);
    builder.add(text);
  }
  return builder.build();
}

/** Whether two texts have the same letters from the same hands. */
export function isSameText(a: Text, b: Text): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  if (a.text !== b.text) return false;
  if (a.runs === null || b.runs === null) return a.runs === b.runs;
  return a.runs.length === b.runs.length && a.runs.every((length, i) => length === b.runs![i]);
}

/** Tells quickly where in a text a user speaks. */
export class Origins {
  /** Where the template's own text and the user's begin, by turns. */
  private readonly starts: readonly number[];

  constructor({ text, runs }: UserText) {
    let at = 0;
    this.starts = (runs ?? [0, text.length]).map((length) => {
      const start = at;
      at += length;
      return start;
    });
  }

  /** Whether any of the letters from `start` up to `end` is the user's. */
  hasUser(start: number, end: number): boolean {
    const run = this.runAt(start);
    return run % 2 === 1 || this.runAt(end - 1) !== run;
  }

  /** The last run that begins at or before a place; there may be empty ones, at the start alone. */
  private runAt(place: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Whether UTF-16 units are not code points here. */
export function hasPairs(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** The length in code points, as Python counts. */
export function codePointLength(text: string): number {
  if (!hasPairs(text)) return text.length;
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** The characters of a text. */
export function characters(text: Text): Text[] {
  const all = plain(text);
  if (typeof text === 'string') return [...all];
  let at = 0;
  return Array.from(all, (char) => {
    const start = at;
    at += char.length;
    return sliced(text, start, at);
  });
}
