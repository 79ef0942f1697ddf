/** What a change of the settings did to the answer, and why, in a sentence. */
import type { PlanResult } from '../../timing/estimate-types.js';
import { duration, figure, plural } from '../ui/format.js';
import { machineLabel } from './ask/machines.js';

const nameOf = ({ count, machine }: PlanResult): string => `${count} × ${machineLabel(machine)}`;

/** `3 times`, or `1.2 times`; the larger over the smaller. */
const times = (ratio: number): string => `${figure(ratio)} times`;

/** How the two machines stand to one another; empty with fewer than two. */
export function comparison(results: readonly PlanResult[]): string {
  const [a, b] = results;
  if (a === undefined || b === undefined) return '';
  const [fast, slow] = a.tokensPerSecondPerUser >= b.tokensPerSecondPerUser ? [a, b] : [b, a];
  const speed = fast.tokensPerSecondPerUser / slow.tokensPerSecondPerUser;
  const cost = fast.dollarsPerMTokens / slow.dollarsPerMTokens;
  const price =
    cost >= 1 ? `a token costs ${times(cost)} as much there` : `a token costs ${times(1 / cost)} less there`;
  return `Each user of ${nameOf(fast)} reads ${times(speed)} as fast as one of ${nameOf(slow)}, and ${price}. The first token comes after ${duration(fast.ttftMs)} against ${duration(slow.ttftMs)}.`;
}

/** What happened to one machine's answer since the one before; null where nothing that counts did. */
export function changeOf(before: PlanResult, now: PlanResult): string | null {
  if (before.machine !== now.machine) return null;
  const share = now.tokensPerSecondPerUser / before.tokensPerSecondPerUser - 1;
  const all = now.tokensPerSecond / before.tokensPerSecond - 1;
  if (Math.abs(share) < 0.005 && Math.abs(all) < 0.005 && before.count === now.count) return null;
  const moved = (value: number): string =>
    `${figure(100 * Math.abs(value))} % ${value >= 0 ? 'faster' : 'slower'}`;
  const why = reasons(before, now);
  return `${machineLabel(now.machine)}: ${moved(share)} for each user, ${moved(all)} for all together${why === '' ? '' : `, as ${why}`}.`;
}

function reasons(before: PlanResult, now: PlanResult): string {
  const regions = (result: PlanResult): number => result.plan?.regions.length ?? 0;
  const said: string[] = [];
  if (before.count !== now.count)
    said.push(`it takes ${plural(now.count, 'machine')} instead of ${before.count}`);
  if (regions(before) !== regions(now))
    said.push(`the model is placed on ${regions(now)} regions instead of ${regions(before)}`);
  if (before.boundBy !== now.boundBy) said.push(`a step now waits for ${now.boundBy}, not ${before.boundBy}`);
  return said.join(' and ');
}
