/** The filters that make texts. */
import { type BuiltIn, builtIn, plainArgument, textArgument, wholeArgument } from './arguments.js';
import type { Budget } from './budget.js';
import { typeError } from './errors.js';
import { tojson } from './json.js';
import { SPACE } from './lexer.js';
import { itemsOf } from './operators.js';
import { centeredBefore, padded, toRepr, toText, widthOf } from './printing.js';
import { lines, replaced, splitFromEnd, stripped, unitIndex } from './splitting.js';
import { capitalized } from './string-methods.js';
import {
  escapeMarkup,
  isText,
  joined,
  likewise,
  Markup,
  plain,
  sliced,
  type Text,
  TextBuilder,
  UserText,
} from './text.js';
import { Dict, Float, isNumber, isTrue, Tuple, typeName, type Value } from './values.js';

function mapped(map: (text: string) => string): BuiltIn<Value> {
  return builtIn('', (self, _, budget) => {
    const text = toText(self, budget);
    budget.text(plain(text).length);
    budget.scan(plain(text).length * 8);
    return likewise(text, map(plain(text)));
  });
}

const escaped = builtIn<Value>('', (self, _, budget) => {
  const text = toText(self, budget);
  budget.text(plain(text).length);
  return Markup.of(escapeMarkup(text));
});

function titled(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .map((part) => capitalized(part))
    .join('');
}

const spaces = new RegExp(`[${SPACE}]+`, 'u');

/** A text without what stands between two marks. */
function without(text: string, open: string, close: string): string {
  const kept: string[] = [];
  let at = 0;
  for (let start = text.indexOf(open); start >= 0; start = text.indexOf(open, at)) {
    const end = text.indexOf(close, start);
    if (end < 0) break;
    kept.push(text.slice(at, start));
    at = end + close.length;
  }
  return kept.join('') + text.slice(at);
}

const indent = builtIn<Value>(
  'width first blank',
  (self, [width = 4, first = false, blank = false], budget) => {
    const by = isText(width)
      ? width
      : ' '.repeat(wholeArgument(width, 4) > 0 ? bounded(wholeArgument(width, 4), budget) : 0);
    const text = joined([toText(self, budget), '\n']);
    const all = lines(text, false, budget);
    const builder = new TextBuilder();
    if (isTrue(first)) builder.add(by);
    for (const [i, line] of all.entries()) {
      budget.text(plain(by).length + plain(line).length + 1);
      if (i > 0) {
        builder.add('\n');
        if (isTrue(blank) || plain(line) !== '') builder.add(by);
      }
      builder.add(line);
    }
    return builder.build();
  },
);

function bounded(count: number, budget: Budget): number {
  budget.text(count);
  return count;
}

const truncate = builtIn<Value>(
  'length killwords end leeway',
  (self, [length, kill = false, end = '...', leeway], budget) => {
    const text = toText(self, budget);
    const most = wholeArgument(length, 255);
    const size = widthOf(text);
    if (size <= most + wholeArgument(leeway, 5)) return text;
    const mark = textArgument(end, 'end');
    const start = sliced(text, 0, unitIndex(plain(text), most - widthOf(mark), size));
    if (isTrue(kill)) return joined([start, mark]);
    return joined([splitFromEnd(start, ' ', 1, budget)[0]!, mark]);
  },
);

const wordwrap = builtIn<Value>(
  'width break_long_words wrapstring break_on_hyphens',
  (self, [width, breaks = true, between = '\n'], budget) => {
    const text = toText(self, budget);
    budget.scan(plain(text).length * 32);
    const most = Math.max(1, wholeArgument(width, 79));
    const wrapped: Text[] = [];
    for (const line of lines(text, false, budget)) {
      let current = '';
      for (const word of plain(line).split(/(\s+)/)) {
        if (current !== '' && (current + word).length > most) {
          wrapped.push(likewise(text, current.trimEnd()));
          current = /^\s*$/.test(word) ? '' : word;
        } else current += word;
        while (isTrue(breaks) && current.length > most) {
          wrapped.push(likewise(text, current.slice(0, most)));
          current = current.slice(most);
          budget.step();
        }
      }
      wrapped.push(likewise(text, current));
    }
    return joined(wrapped, textArgument(between, 'wrapstring'));
  },
);

/** Percent signs for all bytes but letters, digits and a few signs. */
function urlQuoted(text: string, safe: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => {
    const char = String.fromCharCode(byte);
    return /[\w.~-]/.test(char) || safe.includes(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

const urlencode = builtIn<Value>('', (self, _, budget) => {
  if (!(self instanceof Dict) && !isIterableOfPairs(self)) {
    const text = toText(self, budget);
    budget.scan(plain(text).length * 32);
    return likewise(text, urlQuoted(plain(text), '/'));
  }
  const pairs =
    self instanceof Dict ? [...self.entries()] : itemsOf(self, budget).map((pair) => itemsOf(pair, budget));
  const quote = (value: Value): string => urlQuoted(plain(toText(value, budget)), '').replaceAll('%20', '+');
  return new UserText(pairs.map(([key, value]) => `${quote(key!)}=${quote(value!)}`).join('&'));
});

function isIterableOfPairs(value: Value): boolean {
  return Array.isArray(value) || value instanceof Tuple;
}

const filesizeformat = builtIn<Value>('binary', (self, [binary = false]) => {
  const size = isNumber(self)
    ? Number(self instanceof Float ? self.value : self)
    : Number(plainArgument(self, 'size'));
  const base = isTrue(binary) ? 1024 : 1000;
  const letters = [...'kMGTPEZY'].map((letter) =>
    isTrue(binary) ? `${letter === 'k' ? 'K' : letter}iB` : `${letter}B`,
  );
  if (size === 1) return '1 Byte';
  if (size < base) return `${Math.trunc(size)} Bytes`;
  const at = letters.findIndex((_, i) => size < base ** (i + 2));
  const power = at < 0 ? letters.length - 1 : at;
  return `${((base * size) / base ** (power + 2)).toFixed(1)} ${letters[power]}`;
});

const xmlattr = builtIn<Value>('autospace', (self, [space = true], budget) => {
  if (!(self instanceof Dict)) throw typeError('xmlattr needs a mapping');
  const parts: Text[] = [];
  for (const [key, value] of self.entries()) {
    if (value === null || typeName(value) === 'Undefined') continue;
    const inner = escaped.run(value, [], budget) as Text;
    parts.push(joined([toText(key, budget), '="', inner, '"']));
  }
  return parts.length > 0 && isTrue(space) ? joined([' ', joined(parts, ' ')]) : joined(parts, ' ');
});

export const textFilters: Readonly<Record<string, BuiltIn<Value>>> = {
  capitalize: mapped(capitalized),
  center: builtIn('width', (self, [width], budget) => {
    const text = toText(self, budget);
    const size = wholeArgument(width, 80);
    const missing = bounded(Math.max(0, size - widthOf(text)), budget);
    const before = centeredBefore(missing, size);
    return padded(text, before, missing - before);
  }),
  e: escaped,
  escape: escaped,
  filesizeformat,
  forceescape: escaped,
  indent,
  lower: mapped((text) => text.toLowerCase()),
  pprint: builtIn('', (self, _, budget) => toRepr(self, budget)),
  replace: builtIn('old! new! count', (self, [from, to, count], budget) =>
    replaced(
      toText(self, budget),
      plain(toText(from!, budget)),
      toText(to!, budget),
      wholeArgument(count, -1),
      budget,
    ),
  ),
  safe: builtIn('', (self, _, budget) => Markup.of(toText(self, budget))),
  string: builtIn('', (self, _, budget) => toText(self, budget)),
  striptags: mapped((text) =>
    without(without(text, '<!--', '-->'), '<', '>')
      .split(spaces)
      .filter((word) => word !== '')
      .join(' '),
  ),
  title: mapped(titled),
  tojson: builtIn('ensure_ascii indent separators sort_keys', (self, args, budget) =>
    tojson(self, args, budget),
  ),
  trim: builtIn('chars', (self, [chars], budget) =>
    stripped(
      toText(self, budget),
      chars === undefined || chars === null ? null : plainArgument(chars, 'chars'),
    ),
  ),
  truncate,
  upper: mapped((text) => text.toUpperCase()),
  urlencode,
  wordcount: builtIn(
    '',
    (self, _, budget) => (plain(toText(self, budget)).match(/[\p{L}\p{N}_]+/gu) ?? []).length,
  ),
  wordwrap,
  xmlattr,
};
