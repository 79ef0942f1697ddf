/** The functions that every template finds: Jinja's own and those of transformers. */
import { bind, plainArgument, wholeArgument } from './arguments.js';
import type { Budget } from './budget.js';
import { JinjaError, typeError, valueError } from './errors.js';
import { itemsOf } from './operators.js';
import { toText } from './printing.js';
import { strftime } from './strftime.js';
import { isText, plain, type Text } from './text.js';
import { Callable, Dict, type Named, Namespace, Thing, type Value, View } from './values.js';

/** Longer ranges are refused, as Jinja's sandbox does. */
const longestRange = 100_000;
const longestFormat = 1000;

function range(args: readonly Value[], budget: Budget): Value {
  if (args.length === 0 || args.length > 3)
    throw typeError(`range expected 1 to 3 arguments, got ${args.length}`);
  const numbers = args.map((value) => {
    if (value === null || value === undefined)
      throw typeError("'NoneType' object cannot be interpreted as an integer");
    return wholeArgument(value, 0);
  });
  const [start, stop, step] =
    numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  if (step === 0) throw valueError('range() arg 3 must not be zero');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > longestRange)
    throw new JinjaError(
      'OverflowError',
      `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${longestRange}).`,
    );
  budget.step(count);
  const items = Array.from({ length: count }, (_, i) => start + i * step);
  return new View('range', items, step === 1 ? [start, stop] : [start, stop, step]);
}

/** Pairs and named values as a mapping. */
function dict(args: readonly Value[], named: Named, budget: Budget): Dict {
  const made = new Dict();
  const [from] = args;
  if (from instanceof Dict) for (const [key, value] of from.entries()) made.set(key, value);
  else if (from !== undefined) {
    for (const pair of itemsOf(from, budget)) {
      const [key, value, ...rest] = itemsOf(pair, budget);
      if (key === undefined || value === undefined || rest.length > 0) throw valueError('dict() needs pairs');
      made.set(key, value);
    }
  }
  for (const [key, value] of named) made.set(key, value);
  return made;
}

class Cycler extends Thing {
  readonly typeName = 'Cycler';
  private at = 0;
  private readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    if (items.length === 0) throw typeError('at least one item has to be provided');
    this.items = items;
  }

  attribute(name: string): Value | undefined {
    if (name === 'current') return this.items[this.at];
    if (name === 'reset') return new Callable(name, () => this.reset());
    return name === 'next' ? new Callable(name, () => this.next()) : undefined;
  }

  private next(): Value {
    const value = this.items[this.at]!;
    this.at = (this.at + 1) % this.items.length;
    return value;
  }

  private reset(): null {
    this.at = 0;
    return null;
  }
}

class Joiner extends Thing {
  readonly typeName = 'Joiner';
  private isUsed: boolean = false;
  private readonly separator: Text;

  constructor(separator: Text) {
    super();
    this.separator = separator;
  }

  attribute(): undefined {
    return undefined;
  }

  override call(): Value {
    const value = this.isUsed ? this.separator : '';
    this.isUsed = true;
    return value;
  }
}

export function globals(now: Date, budget: Budget): Map<string, Value> {
  const made: Record<string, (args: readonly Value[], named: Named) => Value> = {
    range: (args) => range(args, budget),
    dict: (args, named) => dict(args, named, budget),
    namespace: (args, named) =>
      new Namespace(
        [...dict(args, named, budget).entries()].map(([key, value]) => [plain(toText(key, budget)), value]),
      ),
    cycler: (args) => new Cycler(args),
    joiner: (args, named) => {
      const [separator = ', '] = bind('joiner', 'sep', args, named);
      return new Joiner(isText(separator) ? separator : toText(separator, budget));
    },
    raise_exception: ([message = '']) => {
      throw new JinjaError('TemplateError', plain(toText(message, budget)));
    },
    strftime_now: ([format]) => {
      const text = plainArgument(format, 'format');
      if (text.length > longestFormat) throw valueError(`a format of more than ${longestFormat} characters`);
      budget.step(text.length);
      return strftime(now, text);
    },
  };
  return new Map(Object.entries(made).map(([name, call]) => [name, new Callable(name, call)]));
}
