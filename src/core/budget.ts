/**
 * What a piece of work for somebody else may cost. Counted in steps of about the same time, not in milliseconds, so
 * that an input is refused on every machine or on none.
 */
export class Budget {
  private left: number;
  private readonly exceeded: () => Error;

  /** @param exceeded makes the error that ends the work */
  constructor(steps: number, exceeded: () => Error) {
    this.left = steps;
    this.exceeded = exceeded;
  }

  /** Throws when there is not so much left. */
  spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw this.exceeded();
  }
}
