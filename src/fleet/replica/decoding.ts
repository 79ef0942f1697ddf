/** The sequences of one copy that take a token in each step: what a step depends on, and who is done when. */
import type { ReplicaListener } from './scheduling.js';
import { DECODE, EndHeap, NONE, type Sequences } from './sequences.js';

export class Decoding {
  size = 0;
  /** Tokens that all of them have in the cache. */
  contexts = 0;
  private ofBatchTier = 0;
  /** Steps that the copy has taken with any of them. */
  private steps = 0;
  private readonly sequences: Sequences;
  private readonly ends: EndHeap;
  /** Joined since the last step: their next gap is not the step's duration. */
  private readonly joiners: number[] = [];

  constructor(sequences: Sequences) {
    this.sequences = sequences;
    this.ends = new EndHeap(sequences);
  }

  get meanContext(): number {
    return this.size > 0 ? this.contexts / this.size : 0;
  }

  get hasJoiners(): boolean {
    return this.joiners.length > 0;
  }

  /** Steps until the first of them is done. */
  get stepsToEnd(): number {
    return this.sequences.ends[this.ends.first]! - this.steps;
  }

  /** One that is done; NONE when there is none. */
  get done(): number {
    return this.ends.size > 0 && this.stepsToEnd <= 0 ? this.ends.first : NONE;
  }

  /** `isLate`: its last token, if it has one, is not of the last step. */
  add(slot: number, isLate: boolean): void {
    const { sequences: s } = this;
    s.state[slot] = DECODE;
    s.joined[slot] = this.steps;
    s.ends[slot] = this.steps + s.output[slot]! - s.generated[slot]!;
    s.context[slot] = s.prompt[slot]! + Math.max(1, s.generated[slot]!);
    this.contexts += s.context[slot]!;
    this.size++;
    this.ofBatchTier += s.tier[slot]!;
    this.ends.push(slot);
    if (isLate) this.joiners.push(slot);
  }

  /** Takes one out and brings its counts up to date; the tokens that it has made here. */
  remove(slot: number): number {
    const { sequences: s } = this;
    const made = this.steps - s.joined[slot]!;
    this.contexts -= s.context[slot]! + made;
    this.size--;
    this.ofBatchTier -= s.tier[slot]!;
    this.ends.remove(slot);
    s.generated[slot] = s.generated[slot]! + made;
    const at = this.joiners.indexOf(slot);
    if (at >= 0) this.joiners.splice(at, 1);
    return made;
  }

  advance(steps: number): void {
    this.steps += steps;
    this.contexts += this.size * steps;
  }

  /** The gaps of steps from `first` to `last` seconds long, of which the last ends now. */
  countGaps(
    steps: number,
    first: number,
    last: number,
    now: number,
    listener: Pick<ReplicaListener<never>, 'gaps' | 'firstToken'>,
  ): void {
    const { sequences: s, joiners } = this;
    const late: [number, number] = [0, 0];
    for (const slot of joiners) {
      const tier = s.tier[slot] as 0 | 1;
      late[tier]++;
      if (s.generated[slot] === 0) listener.firstToken(slot, now);
      else listener.gaps[tier].add(now - s.lastToken[slot]!);
    }
    joiners.length = 0;
    listener.gaps[0].addRun(first, last, steps, this.size - this.ofBatchTier - late[0]);
    listener.gaps[1].addRun(first, last, steps, this.ofBatchTier - late[1]);
  }
}
