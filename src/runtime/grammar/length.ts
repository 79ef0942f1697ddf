/** Texts of a language that have a length within bounds: all where one part of them varies, some where several do. */
import { alt, type Expr, lengthsOf, nothing, repeat, seq, text } from './expr.js';

interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Null where it cannot be told, as with rules; `nothing` where there is no such text. */
export function withLength(expr: Expr, { least, most }: Bounds): Expr | null {
  const own = lengthsOf(expr);
  if (least <= own.least && own.most <= most) return expr;
  if (own.least > most || own.most < least) return expr.kind === 'rule' ? null : nothing;
  switch (expr.kind) {
    case 'alt': {
      const options = expr.options.map((option) => withLength(option, { least, most }));
      return options.includes(null) ? null : alt(...options.map((option) => option!));
    }
    case 'repeat':
      return repeatWithLength(expr, { least, most });
    case 'seq':
      return seqWithLength(expr.parts, { least, most });
    case 'text':
      return text(expr.text);
    default:
      return null;
  }
}

function repeatWithLength(expr: Extract<Expr, { kind: 'repeat' }>, { least, most }: Bounds): Expr | null {
  const one = lengthsOf(expr.of);
  if (one.least === one.most) {
    const from = Math.max(expr.least, Math.ceil(least / one.least));
    const to = Math.min(expr.most, Math.floor(most / one.least));
    return from > to ? nothing : repeat(expr.of, from, to);
  }
  // So many that they are long enough even when short, and not too long even when long.
  if (one.least === 0) return null;
  const from = Math.max(expr.least, Math.ceil(least / one.least));
  const short = withLength(expr.of, { least: one.least, most: Math.floor(most / Math.max(1, from)) });
  if (short === null) return null;
  const to = Math.min(expr.most, Math.floor(most / lengthsOf(short).most));
  return from > to ? null : repeat(short, from, to);
}

/** Every part gets its share of the room that the shortest texts leave. */
function seqWithLength(parts: readonly Expr[], { least, most }: Bounds): Expr | null {
  const own = parts.map(lengthsOf);
  const shortest = own.reduce((sum, part) => sum + part.least, 0);
  const flexible = own.filter((part) => part.most > part.least).length;
  let missing = Math.max(0, least - shortest);
  let room = most - shortest - missing;
  let left = flexible;
  const fitted = parts.map((part, i) => {
    const { least: from, most: to } = own[i]!;
    if (to === from) return part;
    const more = Math.min(missing, to - from);
    missing -= more;
    const share = Math.min(to - from - more, Math.ceil(room / left--));
    room -= share;
    return withLength(part, { least: from + more, most: from + more + share });
  });
  return missing > 0 || fitted.includes(null) ? null : seq(...fitted.map((part) => part!));
}
