/** What a language is made of, whichever notation it came in: rules over Unicode code points. */

/** Sorted, disjoint, inclusive ranges of code points: from, to, from, to, ... Never a surrogate. */
export type CodePoints = readonly number[];

export type Expr =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'chars'; readonly set: CodePoints }
  | { readonly kind: 'seq'; readonly parts: readonly Expr[] }
  | { readonly kind: 'alt'; readonly options: readonly Expr[] }
  | { readonly kind: 'repeat'; readonly of: Expr; readonly least: number; readonly most: number }
  | { readonly kind: 'rule'; readonly name: string };

/** A language: what the rule `root` derives. */
export type Rules = ReadonlyMap<string, Expr>;

export const rootRule = 'root';

const lastCodePoint = 0x10ffff;

/** Stands in front of the names of control tokens: half a pair, and in bytes one that UTF-8 never has. */
const controlLead = '\udfff';
export const controlByte = 0xff;
const utf8 = new TextEncoder();

/** How a grammar spells a control token, which has no text; nothing that is not meant to be one is spelled so. */
export function controlText(name: string): string {
  return controlLead + name;
}

/** The bytes that a text is matched by. */
export function bytesOf(text: string): Uint8Array {
  const [first = '', ...others] = text.split(/\udfff/u);
  if (others.length === 0) return utf8.encode(first);
  return Uint8Array.from([
    ...utf8.encode(first),
    ...others.flatMap((part) => [controlByte, ...utf8.encode(part)]),
  ]);
}

export const empty: Expr = { kind: 'seq', parts: [] };
/** The language without any text. */
export const nothing: Expr = { kind: 'alt', options: [] };

export function text(value: string): Expr {
  return { kind: 'text', text: value };
}

export function chars(set: CodePoints): Expr {
  return { kind: 'chars', set };
}

export function seq(...parts: readonly Expr[]): Expr {
  return parts.length === 1 ? parts[0]! : { kind: 'seq', parts };
}

export function alt(...options: readonly Expr[]): Expr {
  return options.length === 1 ? options[0]! : { kind: 'alt', options };
}

export function repeat(of: Expr, least: number, most: number): Expr {
  return { kind: 'repeat', of, least, most };
}

export function optional(of: Expr): Expr {
  return repeat(of, 0, 1);
}

export function rule(name: string): Expr {
  return { kind: 'rule', name };
}

/** The same with other names of the rules that it calls. */
export function renamed(expr: Expr, nameOf: (name: string) => string): Expr {
  switch (expr.kind) {
    case 'text':
    case 'chars':
      return expr;
    case 'rule':
      return rule(nameOf(expr.name));
    case 'seq':
      return seq(...expr.parts.map((part) => renamed(part, nameOf)));
    case 'alt':
      return alt(...expr.options.map((option) => renamed(option, nameOf)));
    case 'repeat':
      return repeat(renamed(expr.of, nameOf), expr.least, expr.most);
  }
}

/** Code points from pairs in any order. */
export function codePoints(pairs: readonly (readonly [from: number, to: number])[]): CodePoints {
  const sorted = pairs
    .flatMap(([from, to]): [number, number][] => [
      [from, Math.min(to, 0xd7ff)],
      [Math.max(from, 0xe000), to],
    ])
    .filter(([from, to]) => from <= to)
    .sort((a, b) => a[0] - b[0]);
  const set: number[] = [];
  for (const [from, to] of sorted) {
    const last = set.length - 1;
    if (last >= 0 && from <= set[last]! + 1) set[last] = Math.max(set[last]!, to);
    else set.push(from, to);
  }
  return set;
}

/** The code points of a string, e.g. `of('a-z')` is three of them. */
export function codePointsOf(characters: string): CodePoints {
  return codePoints(Array.from(characters, (char) => [char.codePointAt(0)!, char.codePointAt(0)!]));
}

export function pairsOf(set: CodePoints): [number, number][] {
  return Array.from({ length: set.length / 2 }, (_, i) => [set[2 * i]!, set[2 * i + 1]!]);
}

export function union(...sets: readonly CodePoints[]): CodePoints {
  return codePoints(sets.flatMap(pairsOf));
}

export function complement(set: CodePoints): CodePoints {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [from, to] of pairsOf(set)) {
    gaps.push([next, from - 1]);
    next = to + 1;
  }
  gaps.push([next, lastCodePoint]);
  return codePoints(gaps);
}

export function without(set: CodePoints, removed: CodePoints): CodePoints {
  return complement(union(complement(set), removed));
}

export function contains(set: CodePoints, codePoint: number): boolean {
  return pairsOf(set).some(([from, to]) => from <= codePoint && codePoint <= to);
}

export const anyCodePoint: CodePoints = complement([]);

/** How many code points its texts have; no most where there are rules or repetitions without end. */
export function lengthsOf(expr: Expr): { readonly least: number; readonly most: number } {
  switch (expr.kind) {
    case 'text': {
      const length = [...expr.text].length;
      return { least: length, most: length };
    }
    case 'chars':
      return { least: 1, most: 1 };
    case 'rule':
      return { least: 0, most: Number.POSITIVE_INFINITY };
    case 'repeat': {
      const { least, most } = lengthsOf(expr.of);
      return { least: expr.least * least, most: most === 0 || expr.most === 0 ? 0 : expr.most * most };
    }
    case 'seq': {
      const parts = expr.parts.map(lengthsOf);
      return {
        least: parts.reduce((sum, part) => sum + part.least, 0),
        most: parts.reduce((sum, part) => sum + part.most, 0),
      };
    }
    case 'alt': {
      const options = expr.options.map(lengthsOf);
      return {
        least: options.reduce((least, option) => Math.min(least, option.least), Number.POSITIVE_INFINITY),
        most: options.reduce((most, option) => Math.max(most, option.most), 0),
      };
    }
  }
}
