/**
 * How many workers a step is worth. Workers meet at barriers some hundred times in a step, so one whose core another
 * program takes for some milliseconds holds up all of them, and fewer workers are faster. Results do not depend on
 * their number. Only waits that are too long for a worker at work start a comparison, so a quiet machine pays nothing.
 */

/** Steps by which another number of workers is judged. */
const trialSteps = 8;
/** Share of the steps so far that a trial may take at most to be kept. */
const clearlyFaster = 0.85;
/** Steps between a trial and the next one; doubled by each that fails. */
const shortestRest = 32;
const longestRest = 2048;
/** A step is troubled where its long waits add up to this share of it; so many since the last trial start one. */
const troubledShare = 0.25;
const troubledSteps = 3;
/** Steps after which a trial that is slower than the steps before ends early. */
const soonestEnd = 3;
/** Weight of a step in the mean of steps before. */
const weight = 1 / 16;

export class CrewSize {
  /** Workers for the next step. */
  size: number;
  private readonly most: number;
  /** The number that is in use when no other is tried. */
  private settled: number;
  private rows = 0;
  /** Mean of the steps with the settled number; NaN before the first. */
  private meanMs = Number.NaN;
  private waitedUs = 0;
  private troubled = 0;
  private steps = 0;
  private rest = shortestRest;
  private trialMs = 0;

  constructor(workers: number) {
    this.most = workers;
    this.settled = workers;
    this.size = workers;
  }

  /** After a step of so many rows: what it took, and all long waits up to now, as an i32 that wraps around. */
  note(rows: number, ms: number, waitedUs: number): void {
    if (this.most === 1) return;
    const longMs = ((waitedUs - this.waitedUs) | 0) / 1000;
    this.waitedUs = waitedUs;
    // Steps of different work are not compared.
    if (rows !== this.rows) {
      this.rows = rows;
      this.meanMs = Number.NaN;
      this.settle(this.settled);
      return;
    }
    this.steps++;
    if (this.size !== this.settled) this.judge(ms);
    else this.watch(ms, longMs >= troubledShare * ms);
  }

  private watch(ms: number, isTroubled: boolean): void {
    this.meanMs = Number.isNaN(this.meanMs) ? ms : this.meanMs + weight * (ms - this.meanMs);
    if (isTroubled) this.troubled++;
    if (this.steps < this.rest) return;
    if (this.troubled >= troubledSteps && this.settled > 1) this.try(this.settled - 1);
    else if (this.settled < this.most) this.try(this.settled + 1);
  }

  private try(size: number): void {
    this.size = size;
    this.steps = 0;
    this.trialMs = 0;
  }

  private judge(ms: number): void {
    this.trialMs += ms;
    const isSlower = this.steps >= soonestEnd && this.trialMs > this.steps * this.meanMs;
    if (isSlower || this.trialMs > clearlyFaster * trialSteps * this.meanMs) {
      this.rest = Math.min(2 * this.rest, longestRest);
      this.settle(this.settled);
    } else if (this.steps === trialSteps) {
      this.rest = shortestRest;
      this.meanMs = this.trialMs / trialSteps;
      this.settle(this.size);
    }
  }

  private settle(size: number): void {
    this.settled = size;
    this.size = size;
    this.steps = 0;
    this.troubled = 0;
  }
}
