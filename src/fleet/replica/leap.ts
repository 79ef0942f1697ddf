/** Steps in which nothing changes but contexts, as one: its end and its parts are those of the single steps. */
import type { StepTimes } from './step-times.js';

export class Leap {
  /** Steps to take; 0 when nothing is under way. */
  steps = 0;
  begun = 0;
  private readonly times: StepTimes;
  private base = 0;
  private weight = 0;
  private meanContext = 0;

  constructor(times: StepTimes) {
    this.times = times;
  }

  /** For `running` sequences with so many tokens in the cache on average. */
  set(running: number, meanContext: number): void {
    const { times } = this;
    this.base =
      times.sequenceSeconds[running]! +
      times.decodeSeconds +
      (times.sharesWeights ? times.tokenSeconds[running]! : times.tokenSeconds[0]!);
    this.weight = times.contextWeight[running]!;
    this.meanContext = meanContext;
  }

  /** Seconds of the first `steps` steps: contexts grow by one token each. */
  seconds(steps: number): number {
    const curve = this.times.contextSeconds;
    if (curve === null || steps === 0) return steps * this.base;
    // On a straight line the sum over whole numbers is the integral from half a step before to half a step after.
    const from = this.meanContext - 0.5;
    return steps * this.base + this.weight * (curve.integral(from + steps) - curve.integral(from));
  }

  /** Seconds of one of them, counted from 0. */
  step(step: number): number {
    const curve = this.times.contextSeconds;
    return this.base + (curve === null ? 0 : this.weight * curve.at(this.meanContext + step));
  }

  /** Whole steps within `seconds`. */
  within(seconds: number): number {
    let steps = Math.min(this.steps, Math.floor(seconds / this.step(0)));
    // Steps grow longer, so the first guess is high; each correction is at most what is over.
    for (;;) {
      const over = this.seconds(steps) - seconds;
      if (over <= 0 || steps === 0) break;
      steps = Math.max(0, steps - Math.max(1, Math.floor(over / this.step(steps))));
    }
    while (steps < this.steps && this.seconds(steps + 1) <= seconds) steps++;
    return steps;
  }
}
