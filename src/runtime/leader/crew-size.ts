/**
 * How many workers a step is worth. Workers meet at barriers some hundred times in a step, so one whose core another
 * program takes for some milliseconds holds up all of them, and fewer workers are faster. Results do not depend on
 * their number. Only waits that are too long for a worker at work start a comparison, so a quiet machine pays nothing.
 */

/** Steps by which another number of workers is judged, and as many with the old number after them. */
const trialSteps = 8;
/** Share of the time before and after that a trial may take at most to be kept. */
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
  private phase: 'watching' | 'trying' | 'checking' = 'watching';
  /** Mean time of steps with the settled number, by their rows: steps of different work are not compared. */
  private readonly meanMs = new Map<number, number>();
  private waitedUs = 0;
  private troubled = 0;
  /** Steps of this phase; in a trial those whose rows have a mean, and the sum of their times in parts of it. */
  private steps = 0;
  private sum = 0;
  /** The number that was tried, and its sum. */
  private tried = 0;
  private triedSum = 0;
  private rest = shortestRest;

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
    const mean = this.meanMs.get(rows);
    if (this.phase === 'watching') {
      this.meanMs.set(rows, mean === undefined ? ms : mean + weight * (ms - mean));
      this.watch(longMs >= troubledShare * ms);
    } else if (mean !== undefined) {
      this.steps++;
      this.sum += ms / mean;
      this.judge();
    }
  }

  private watch(isTroubled: boolean): void {
    this.steps++;
    if (isTroubled) this.troubled++;
    if (this.steps < this.rest) return;
    if (this.troubled >= troubledSteps && this.settled > 1) this.begin('trying', this.settled - 1);
    else if (this.settled < this.most) this.begin('trying', this.settled + 1);
  }

  private judge(): void {
    const { steps, sum } = this;
    if (this.phase === 'trying') {
      const isSlower = steps >= soonestEnd && sum > steps;
      if (isSlower || sum > clearlyFaster * trialSteps) this.settle(this.settled);
      else if (steps === trialSteps) {
        this.tried = this.size;
        this.triedSum = sum;
        this.begin('checking', this.settled);
      }
    } else if (steps === trialSteps) {
      this.settle(this.triedSum < clearlyFaster * sum ? this.tried : this.settled);
    }
  }

  private settle(size: number): void {
    if (size === this.settled) this.rest = Math.min(2 * this.rest, longestRest);
    else {
      this.rest = shortestRest;
      this.meanMs.clear();
    }
    this.settled = size;
    this.troubled = 0;
    this.begin('watching', size);
  }

  private begin(phase: typeof this.phase, size: number): void {
    this.phase = phase;
    this.size = size;
    this.steps = 0;
    this.sum = 0;
  }
}
