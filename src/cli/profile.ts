/** What `run --profile` prints: where the time of steps goes. */
import { type Profile, type ProfilePart, profileParts, type StepProfile } from '../runtime/types.js';
import { formatTable } from './output.js';

const partNames: Readonly<Record<ProfilePart, string>> = {
  products: 'products with weights',
  attention: 'attention',
  norms: 'norms and quantising',
  elements: 'RoPE, activations, sums',
  states: 'convolutions and recurrences',
  waiting: 'waiting for other workers',
  leader: 'between steps: sampling and the like',
};

/** Milliseconds a step and shares, of worker 0. */
export function profileTable({ single, several }: Profile): string {
  const totals = [single, several].map(({ ms }) => profileParts.reduce((sum, part) => sum + ms[part], 0));
  const cell = ({ steps, ms }: StepProfile, total: number, part: ProfilePart): string =>
    steps === 0
      ? ''
      : `${(ms[part] / steps).toFixed(3)} ms ${((100 * ms[part]) / total).toFixed(0).padStart(3)} %`;
  return formatTable(
    ['', `${single.steps} steps of one token`, `${several.steps} of several`],
    profileParts
      .filter((part) => single.ms[part] + several.ms[part] > 0)
      .map((part) => [partNames[part], cell(single, totals[0]!, part), cell(several, totals[1]!, part)]),
  );
}
