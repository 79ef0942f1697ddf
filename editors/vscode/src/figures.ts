/** What the status item says: measured here or on the server, and apart from it what the planner says of a wafer. */
import type { Facts } from './sources/source.js';
import type { Simulated } from './waferflow.js';

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `1,234 tokens/s`, or nothing where it was not measured. */
export function speed(facts: Facts): string {
  return facts.tokensPerSecond === null ? '' : `${number.format(facts.tokensPerSecond)} tokens/s`;
}

/** A line for each machine. */
export function simulatedLines(simulated: readonly Simulated[]): string[] {
  return simulated.map(
    ({ machine, ttftMs, tokensPerSecond }) =>
      `${machine}: first token after ${ttftMs.toPrecision(2)} ms, then ${number.format(tokensPerSecond)} tokens/s`,
  );
}
