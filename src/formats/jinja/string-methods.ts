/** The methods of strings. */
import { type BuiltIn, bind, builtIn, plainArgument, textArgument, wholeArgument } from './arguments.js';
import type { Budget } from './budget.js';
import { typeError, valueError } from './errors.js';
import { formatFields } from './format-fields.js';
import { SPACE } from './lexer.js';
import { itemsOf } from './operators.js';
import { centeredBefore, padded, widthOf } from './printing.js';
import { joinTexts, lines, replaced, split, splitFromEnd, stripped, unitIndex } from './splitting.js';
import { codePointLength, isText, likewise, plain, sliced, type Text } from './text.js';
import { Bytes, Callable, Dict, isTrue, type Named, Tuple, type Value } from './values.js';

const charsOf = (value: Value | undefined): string | null =>
  value === undefined || value === null ? null : plainArgument(value, 'strip arg');

/** A separator: None and nothing mean white space. */
const separatorOf = (value: Value | undefined): string | null =>
  value === undefined || value === null ? null : plainArgument(value, 'separator');

/** The part of a text that `find` and its kin look at. */
function window(
  text: Text,
  start: Value | undefined,
  end: Value | undefined,
): { part: string; from: number } {
  const all = plain(text);
  const length = codePointLength(all);
  const from = unitIndex(all, wholeArgument(start, 0), length);
  const to = unitIndex(all, wholeArgument(end, length), length);
  return { part: all.slice(from, Math.max(from, to)), from };
}

/** A method that looks for a text and gives its place in code points. */
function finder(fromEnd: boolean, mustFind: boolean): BuiltIn<Text> {
  return builtIn('sub! start end', (self, [sub, start, end]) => {
    const { part, from } = window(self, start, end);
    const wanted = plainArgument(sub, 'sub');
    const at = fromEnd ? part.lastIndexOf(wanted) : part.indexOf(wanted);
    if (at < 0 && mustFind) throw valueError('substring not found');
    return at < 0 ? -1 : codePointLength(plain(self).slice(0, from + at));
  });
}

function edge(isEdge: (text: string, part: string) => boolean, name: string): BuiltIn<Text> {
  return builtIn('prefix! start end', (self, [prefix, start, end]) => {
    const { part } = window(self, start, end);
    if (prefix instanceof Tuple)
      return prefix.items.some((one) => isEdge(part, plainArgument(one, `${name} arg`)));
    return isEdge(part, plainArgument(prefix, `${name} first arg`));
  });
}

/** A test of all characters, of which there must be one. */
function allAre(pattern: RegExp): BuiltIn<Text> {
  return builtIn('', (self) => pattern.test(plain(self)));
}

function mapped(map: (text: string) => string): BuiltIn<Text> {
  return builtIn('', (self, _, budget) => {
    budget.text(plain(self).length);
    return likewise(self, map(plain(self)));
  });
}

function justified(place: (missing: number, width: number) => number): BuiltIn<Text> {
  return builtIn('width! fillchar', (self, [width, fill = ' '], budget) => {
    const size = wholeArgument(width, 0);
    const missing = Math.max(0, size - widthOf(self));
    const char = textArgument(fill, 'the fill character');
    if (widthOf(char) !== 1) throw typeError('the fill character must be exactly one character long');
    budget.text(missing * 2);
    budget.step(missing);
    const before = place(missing, size);
    return padded(self, before, missing - before, char);
  });
}

function partition(fromEnd: boolean): BuiltIn<Text> {
  return builtIn('sep!', (self, [sep]) => {
    const separator = plainArgument(sep, 'separator');
    if (separator === '') throw valueError('empty separator');
    const all = plain(self);
    const at = fromEnd ? all.lastIndexOf(separator) : all.indexOf(separator);
    if (at < 0) return new Tuple(fromEnd ? ['', '', self] : [self, '', '']);
    const end = at + separator.length;
    return new Tuple([sliced(self, 0, at), sliced(self, at, end), sliced(self, end)]);
  });
}

/** The first letter upper, all others lower. */
export function capitalized(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

function titled(text: string): string {
  return text.replace(/\p{L}\p{M}*(?:[\p{L}\p{M}])*/gu, capitalized);
}

const cased = /[\p{Lu}\p{Ll}\p{Lt}]/u;

const stringMethods: Readonly<Record<string, BuiltIn<Text>>> = {
  capitalize: mapped(capitalized),
  casefold: mapped((text) => text.toLowerCase().replaceAll('ß', 'ss')),
  center: justified(centeredBefore),
  count: builtIn('sub! start end', (self, [sub, start, end]) => {
    const { part } = window(self, start, end);
    const wanted = plainArgument(sub, 'sub');
    return wanted === '' ? codePointLength(part) + 1 : part.split(wanted).length - 1;
  }),
  encode: builtIn('encoding errors', (self) => new Bytes(new TextEncoder().encode(plain(self)))),
  endswith: edge((text, part) => text.endsWith(part), 'endswith'),
  expandtabs: builtIn('tabsize', (self, [size], budget) => {
    const width = wholeArgument(size, 8);
    let column = 0;
    const expanded = plain(self).replace(/[^\t\n\r]+|[\s\S]/g, (part) => {
      const missing = width > 0 ? width - (column % width) : 0;
      column =
        part === '\n' || part === '\r' ? 0 : column + (part === '\t' ? missing : codePointLength(part));
      budget.text(missing);
      return part === '\t' ? ' '.repeat(missing) : part;
    });
    return likewise(self, expanded);
  }),
  find: finder(false, false),
  index: finder(false, true),
  isalnum: allAre(/^[\p{L}\p{N}]+$/u),
  isalpha: allAre(/^\p{L}+$/u),
  isascii: allAre(/^[\0-\x7f]*$/),
  isdecimal: allAre(/^\p{Nd}+$/u),
  isdigit: allAre(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u),
  isidentifier: allAre(/^[\p{XID_Start}_]\p{XID_Continue}*$/u),
  islower: builtIn('', (self) => isLower(plain(self))),
  isnumeric: allAre(/^\p{N}+$/u),
  isprintable: allAre(/^(?:[^\p{C}\p{Z}]| )*$/u),
  isspace: allAre(new RegExp(`^[${SPACE}]+$`, 'u')),
  istitle: builtIn('', (self) => cased.test(plain(self)) && titled(plain(self)) === plain(self)),
  isupper: builtIn('', (self) => isUpper(plain(self))),
  join: builtIn('iterable!', (self, [items], budget) => joinTexts(self, itemsOf(items!, budget), budget)),
  ljust: justified(() => 0),
  lower: mapped((text) => text.toLowerCase()),
  lstrip: builtIn('chars', (self, [chars]) => stripped(self, charsOf(chars), true, false)),
  partition: partition(false),
  removeprefix: builtIn('prefix!', (self, [prefix]) => {
    const part = plainArgument(prefix, 'prefix');
    return plain(self).startsWith(part) ? sliced(self, part.length) : self;
  }),
  removesuffix: builtIn('suffix!', (self, [suffix]) => {
    const part = plainArgument(suffix, 'suffix');
    return plain(self).endsWith(part) ? sliced(self, 0, plain(self).length - part.length) : self;
  }),
  replace: builtIn('old! new! count', (self, [from, to, count], budget) =>
    replaced(self, plainArgument(from, 'old'), textArgument(to, 'new'), wholeArgument(count, -1), budget),
  ),
  rfind: finder(true, false),
  rindex: finder(true, true),
  rjust: justified((missing) => missing),
  rpartition: partition(true),
  rsplit: builtIn('sep maxsplit', (self, [sep, most], budget) =>
    splitFromEnd(self, separatorOf(sep), wholeArgument(most, -1), budget),
  ),
  rstrip: builtIn('chars', (self, [chars]) => stripped(self, charsOf(chars), false, true)),
  split: builtIn('sep maxsplit', (self, [sep, most], budget) =>
    split(self, separatorOf(sep), wholeArgument(most, -1), budget),
  ),
  splitlines: builtIn('keepends', (self, [keepsEnds = false], budget) =>
    lines(self, isTrue(keepsEnds), budget),
  ),
  startswith: edge((text, part) => text.startsWith(part), 'startswith'),
  strip: builtIn('chars', (self, [chars]) => stripped(self, charsOf(chars))),
  swapcase: mapped((text) =>
    text.replace(/[\p{Lu}\p{Ll}]/gu, (char) =>
      char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(),
    ),
  ),
  title: mapped(titled),
  upper: mapped((text) => text.toUpperCase()),
  zfill: builtIn('width!', (self, [width], budget) => {
    const missing = Math.max(0, wholeArgument(width, 0) - widthOf(self));
    budget.text(missing);
    const sign = /^[-+]/.exec(plain(self))?.[0].length ?? 0;
    return plain(sliced(self, 0, sign)) === ''
      ? padded(self, missing, 0, '0')
      : likewise(self, plain(self).slice(0, sign) + '0'.repeat(missing) + plain(self).slice(sign));
  }),
};

export function isLower(text: string): boolean {
  return cased.test(text) && text === text.toLowerCase() && !/\p{Lt}/u.test(text);
}

export function isUpper(text: string): boolean {
  return cased.test(text) && text === text.toUpperCase() && !/\p{Lt}/u.test(text);
}

export function stringMethod(self: Text, name: string, budget: Budget): Callable | undefined {
  if (name === 'format') return new Callable(name, (args, named) => formatFields(self, args, named, budget));
  if (name === 'format_map')
    return new Callable(name, ([mapping]) => formatFields(self, [], namesOf(mapping), budget));
  const method = Object.hasOwn(stringMethods, name) ? stringMethods[name] : undefined;
  if (method === undefined) return undefined;
  return new Callable(name, (args, named) => {
    budget.scan(plain(self).length);
    return method.run(self, bind(name, method.parameters, args, named), budget);
  });
}

function namesOf(mapping: Value | undefined): Named {
  if (!(mapping instanceof Dict)) throw typeError('format_map() needs a mapping');
  return new Map(
    [...mapping.entries()].filter(([key]) => isText(key)).map(([key, value]) => [plain(key as Text), value]),
  );
}
