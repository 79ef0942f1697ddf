/** The prompts that one copy takes in: who is at it, and the parts of them that the step under way takes. */
import type { Sequences } from '../replica/sequences.js';
import { promptAttention, type StepTimes } from '../replica/step-times.js';

export class Prompts {
  /** Tokens that were given to the copy and are not computed, of waiting prompts as well. */
  pendingTokens = 0;
  private readonly sequences: Sequences;
  private readonly slots: number[] = [];
  /** By turns a slot and its tokens in this step. */
  private readonly parts: number[] = [];

  constructor(sequences: Sequences) {
    this.sequences = sequences;
  }

  /** Whether the step under way takes any. */
  get isTaking(): boolean {
    return this.parts.length > 0;
  }

  /** Tokens that the step takes. */
  get tokens(): number {
    let tokens = 0;
    for (let i = 1; i < this.parts.length; i += 2) tokens += this.parts[i]!;
    return tokens;
  }

  startStep(): void {
    this.parts.length = 0;
  }

  /** Gives those in progress their next parts, in turn; the tokens taken. */
  goOn(budget: number): number {
    let left = budget;
    for (const slot of this.slots) {
      if (left === 0) break;
      left -= this.take(slot, left);
    }
    return budget - left;
  }

  /** A new one with its first part; the tokens taken. */
  add(slot: number, budget: number): number {
    this.slots.push(slot);
    return this.take(slot, budget);
  }

  private take(slot: number, budget: number): number {
    const { target, done } = this.sequences;
    const tokens = Math.min(budget, target[slot]! - done[slot]!);
    this.parts.push(slot, tokens);
    return tokens;
  }

  /** Seconds of attention of all parts, and how many prompts end with them. */
  work(times: StepTimes): { readonly attention: number; readonly ending: number } {
    const { target, done } = this.sequences;
    let attention = 0;
    let ending = 0;
    for (let i = 0; i < this.parts.length; i += 2) {
      const slot = this.parts[i]!;
      const tokens = this.parts[i + 1]!;
      attention += promptAttention(times, done[slot]!, tokens);
      if (done[slot]! + tokens === target[slot]!) ending++;
    }
    return { attention, ending };
  }

  /** Books the step's parts and tells of each prompt that is whole. */
  finishStep(now: number, whole: (slot: number, now: number) => void): void {
    const { parts, slots } = this;
    const { target, done } = this.sequences;
    for (let i = 0; i < parts.length; i += 2) {
      const slot = parts[i]!;
      const tokens = parts[i + 1]!;
      done[slot] = done[slot]! + tokens;
      this.pendingTokens -= tokens;
      if (done[slot] !== target[slot]) continue;
      slots.splice(slots.indexOf(slot), 1);
      whole(slot, now);
    }
    parts.length = 0;
  }

  /** Forgets one, whether it has begun or not. */
  remove(slot: number): void {
    const { parts, slots, sequences: s } = this;
    const at = slots.indexOf(slot);
    if (at >= 0) {
      slots.splice(at, 1);
      this.pendingTokens -= s.target[slot]! - s.done[slot]!;
    }
    for (let part = 0; part < parts.length; part += 2) {
      if (parts[part] === slot) parts.splice(part, 2);
    }
  }

  clear(): void {
    this.slots.length = 0;
    this.parts.length = 0;
    this.pendingTokens = 0;
  }
}
