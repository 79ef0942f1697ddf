/** `text.format(...)`: fields in braces, with attributes, items, conversions and the format mini-language. */
import type { Budget } from './budget.js';
import { JinjaError, valueError } from './errors.js';
import { formatValue } from './format-spec.js';
import { toRepr, toText } from './printing.js';
import { plain, sliced, type Text, TextBuilder } from './text.js';
import { Dict, isList, type Named, Thing, Tuple, type Value } from './values.js';

export function formatFields(text: Text, args: readonly Value[], named: Named, budget: Budget): Text {
  return new Formatter(args, named, budget).format(text, 2);
}

class Formatter {
  private next = 0;
  private readonly args: readonly Value[];
  private readonly named: Named;
  private readonly budget: Budget;

  constructor(args: readonly Value[], named: Named, budget: Budget) {
    this.args = args;
    this.named = named;
    this.budget = budget;
  }

  format(text: Text, levels: number): Text {
    const all = plain(text);
    const builder = new TextBuilder();
    if (levels < 0) throw valueError('Max string recursion exceeded');
    for (let at = 0; at < all.length; ) {
      const brace = all.slice(at).search(/[{}]/);
      if (brace < 0) {
        builder.add(sliced(text, at));
        break;
      }
      builder.add(sliced(text, at, at + brace));
      at += brace;
      const char = all[at]!;
      if (all[at + 1] === char) {
        builder.add(sliced(text, at, at + 1));
        at += 2;
        continue;
      }
      if (char === '}') throw valueError("Single '}' encountered in format string");
      const end = endOfField(all, at + 1);
      builder.add(this.field(all.slice(at + 1, end), levels));
      at = end + 1;
    }
    return builder.build();
  }

  private field(field: string, levels: number): Text {
    this.budget.step();
    const match = /^((?:[^!:[]|\[[^\]]*\])*)(?:!([\s\S]))?(?::([\s\S]*))?$/.exec(field);
    if (match === null) throw valueError('a field of a format string is not whole');
    const [, path = '', conversion, spec = ''] = match;
    const value = this.value(path);
    const inner = spec.includes('{') ? plain(this.format(spec, levels - 1)) : spec;
    if (conversion === undefined) return formatValue(value, inner, this.budget);
    if (conversion === 's') return formatValue(toText(value, this.budget), inner, this.budget);
    if (conversion === 'r' || conversion === 'a')
      return formatValue(toRepr(value, this.budget), inner, this.budget);
    throw valueError(`Unknown conversion specifier '${conversion}'`);
  }

  private value(path: string): Value {
    const [first = ''] = /^[^.[]*/.exec(path) ?? [];
    let value: Value | undefined;
    if (first === '' || /^\d+$/.test(first)) {
      value = this.args[first === '' ? this.next++ : Number(first)];
      if (value === undefined)
        throw new JinjaError('KeyError', 'the format string has more fields than there are arguments');
    } else {
      value = this.named.get(first);
      if (value === undefined) throw new JinjaError('KeyError', `'${first}'`);
    }
    for (const [, name, index] of path.slice(first.length).matchAll(/\.([^.[]+)|\[([^\]]*)\]/g))
      value = name === undefined ? itemOf(value, index!) : attributeOf(value, name);
    return value;
  }
}

function endOfField(text: string, start: number): number {
  let open = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '{') open++;
    else if (text[at] === '}' && --open === 0) return at;
  }
  throw valueError("expected '}' before end of string");
}

function itemOf(value: Value, index: string): Value {
  const items = isList(value) ? value : value instanceof Tuple ? value.items : null;
  const found =
    items === null ? (value instanceof Dict ? value.get(index) : undefined) : items[Number(index)];
  if (found === undefined) throw new JinjaError('KeyError', `'${index}'`);
  return found;
}

function attributeOf(value: Value, name: string): Value {
  const found = value instanceof Thing && !name.startsWith('_') ? value.attribute(name) : undefined;
  if (found === undefined) throw new JinjaError('TypeError', `no attribute '${name}'`);
  return found;
}
