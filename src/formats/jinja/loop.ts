/** The variable `loop`. */
import type { Budget } from './budget.js';
import { typeError } from './errors.js';
import { equal } from './operators.js';
import type { Text } from './text.js';
import { Callable, orElse, Thing, Tuple, Undefined, type Value } from './values.js';

export class Loop extends Thing {
  readonly typeName = 'LoopContext';
  private readonly items: readonly Value[];
  private readonly depth: number;
  private readonly again: ((over: Value) => Text) | null;
  private readonly budget: Budget;
  private at = -1;
  private before: Value | undefined;

  constructor(items: readonly Value[], depth: number, again: ((over: Value) => Text) | null, budget: Budget) {
    super();
    this.items = items;
    this.depth = depth;
    this.again = again;
    this.budget = budget;
  }

  next(): void {
    this.at++;
  }

  /** `loop(children)` in a recursive loop. */
  override call(args: readonly Value[]): Value {
    if (this.again === null)
      throw typeError("The loop must have the 'recursive' marker to be called recursively.");
    if (args.length !== 1) throw typeError('loop() takes what it goes over');
    return this.again(args[0]!);
  }

  attribute(name: string): Value | undefined {
    const { at, items } = this;
    switch (name) {
      case 'index':
        return at + 1;
      case 'index0':
        return at;
      case 'revindex':
        return items.length - at;
      case 'revindex0':
        return items.length - at - 1;
      case 'first':
        return at === 0;
      case 'last':
        return at === items.length - 1;
      case 'length':
        return items.length;
      case 'depth':
        return this.depth + 1;
      case 'depth0':
        return this.depth;
      case 'previtem':
        return orElse(items[at - 1], new Undefined('there is no previous item'));
      case 'nextitem':
        return orElse(items[at + 1], new Undefined('there is no next item'));
      case 'cycle':
        return new Callable(name, (args) => {
          if (args.length === 0) throw typeError('no items for cycling given');
          return args[at % args.length]!;
        });
      case 'changed':
        return new Callable(name, (args) => this.changed(new Tuple(args)));
      default:
        return undefined;
    }
  }

  private changed(value: Value): boolean {
    const isSame = this.before !== undefined && equal(this.before, value, this.budget);
    this.before = value;
    return !isSame;
  }
}
