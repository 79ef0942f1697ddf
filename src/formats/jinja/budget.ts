/** What a rendering may cost. Every step of a template is charged, inside of built-ins too. */
import { JinjaError } from './errors.js';

export interface Limits {
  /** Expressions and statements evaluated, and items looked at. */
  readonly steps: number;
  /** Characters of texts made. */
  readonly characters: number;
  /** Expressions, statements and calls inside of one another. */
  readonly depth: number;
}

export const defaultLimits: Limits = { steps: 500_000, characters: 32_000_000, depth: 400 };

export class Budget {
  private steps: number;
  private left: number;
  private depth = 0;
  private readonly limits: Limits;

  constructor(limits: Limits) {
    this.limits = limits;
    this.steps = limits.steps;
    this.left = limits.characters;
  }

  step(count = 1): void {
    this.steps -= count;
    if (this.steps < 0) throw this.over('steps', this.limits.steps);
  }

  /** Charges for looking at all letters of a text. */
  scan(length: number): void {
    this.step(length >> 5);
  }

  /** Charges for a text before it is made. */
  text(length: number): void {
    this.left -= length;
    if (this.left < 0) throw this.over('characters', this.limits.characters);
  }

  enter(): void {
    if (++this.depth > this.limits.depth) throw this.over('levels', this.limits.depth);
  }

  leave(): void {
    this.depth--;
  }

  private over(what: string, limit: number): JinjaError {
    return new JinjaError('BudgetError', `the template needs more than ${limit} ${what}`);
  }
}
