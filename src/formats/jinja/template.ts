/** Jinja templates as transformers sets Jinja up: compiled once, rendered under a budget. */
import type { Statement } from './ast.js';
import { Budget, defaultLimits, type Limits } from './budget.js';
import { JinjaError } from './errors.js';
import { Evaluator } from './evaluator.js';
import { globals } from './globals.js';
import { parse } from './parser.js';
import type { Text } from './text.js';
import type { Value } from './values.js';

export interface RenderOptions {
  /** The clock of `strftime_now`. */
  readonly now?: Date;
  readonly limits?: Limits;
}

export class Template {
  private readonly statements: readonly Statement[];

  /** Throws JinjaError (TemplateSyntaxError). */
  constructor(source: string) {
    this.statements = parse(source);
  }

  /** Throws JinjaError, also when the template takes more than its limits. */
  render(
    variables: ReadonlyMap<string, Value>,
    { now = new Date(), limits = defaultLimits }: RenderOptions = {},
  ): Text {
    const budget = new Budget(limits);
    try {
      return new Evaluator(budget).run(this.statements, new Map([...globals(now, budget), ...variables]));
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      throw new JinjaError('BudgetError', 'the template needs more levels or memory than there are');
    }
  }
}
