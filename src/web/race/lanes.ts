/** A race as data: who writes the tokens how fast, and how far each is at a moment. Milliseconds since the start. */
import type { MeasuredMs, SimulatedMs } from '../../core/units.js';
import type { Planned } from '../plan/ask/api.js';
import { machineLabel } from '../plan/ask/cards.js';

/** A machine that is only simulated; the model is the one that was chosen for the race. */
export interface SimulatedLane {
  readonly kind: 'simulated';
  readonly machine: string;
  /** How many of which machine, e.g. `4 × WSE-3`. */
  readonly label: string;
  readonly ttftMs: SimulatedMs;
  readonly tokensPerSecond: number;
  readonly kilowatts: number;
}

/** The model that really runs. */
export interface MeasuredLane {
  readonly kind: 'measured';
  readonly label: string;
  readonly ttftMs: MeasuredMs;
  readonly tokensPerSecond: number;
}

export type Lane = SimulatedLane | MeasuredLane;

export function simulatedLane(planned: Planned): SimulatedLane | null {
  if ('problem' in planned) return null;
  const { machine, count, ttftMs, tokensPerSecondPerUser, kilowatts } = planned.result;
  return {
    kind: 'simulated',
    machine,
    label: `${count} × ${machineLabel(machine)}`,
    ttftMs,
    tokensPerSecond: tokensPerSecondPerUser,
    kilowatts,
  };
}

/** When a simulated machine has written `tokens`. */
export function finishMs({ ttftMs, tokensPerSecond }: Lane, tokens: number): number {
  return tokens < 1 ? 0 : ttftMs + (1000 * (tokens - 1)) / tokensPerSecond;
}

/** Tokens that a simulated machine has written by then. */
export function tokensAt({ ttftMs, tokensPerSecond }: Lane, ms: number): number {
  return ms < ttftMs ? 0 : 1 + Math.floor(((ms - ttftMs) * tokensPerSecond) / 1000);
}

/** The answer as it comes: how much of its text the first tokens make. */
export class Transcript {
  text = '';
  tokens = 0;
  private readonly steps: { readonly tokens: number; readonly length: number }[] = [{ tokens: 0, length: 0 }];

  push(text: string, tokens: number): void {
    this.text += text;
    this.tokens += tokens;
    this.steps.push({ tokens: this.tokens, length: this.text.length });
  }

  /** The text of the first `tokens`; inside a batch of tokens that came together they share its text evenly. */
  upTo(tokens: number): string {
    if (tokens >= this.tokens) return this.text;
    const next = this.steps.findIndex((step) => step.tokens > tokens);
    const [from, to] = [this.steps[next - 1]!, this.steps[next]!];
    const share = (tokens - from.tokens) / (to.tokens - from.tokens);
    return this.text.slice(0, from.length + Math.floor(share * (to.length - from.length)));
  }
}
