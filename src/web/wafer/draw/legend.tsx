/** What the colours of the picture mean. */
import { isDark } from '../../theme.js';
import type { Colouring } from '../params.js';
import { PARTS } from '../placed/phases.js';
import { STATES } from '../record/activity.js';
import { phaseColour } from './draw-plan.js';
import { paletteOf } from './palette.js';

const HEAT_TEXT = {
  fabric: {
    utilisation: ['idle', 'at work in every cycle'],
    congestion: ['nothing waits', '8 or more wavelets wait'],
    sram: ['empty', '48 KiB: full'],
  },
  model: {
    utilisation: ['no arithmetic', 'most arithmetic of all regions'],
    congestion: ['no time on links', 'most time on links of all regions'],
    sram: ['empty', '48 KiB: full'],
  },
} as const;

const PART_TEXT = {
  compute: 'arithmetic',
  fabric: 'sums on their way',
  latency: 'starting and waiting',
  'I/O': 'between wafers',
} as const;

export function Legend({ colouring, kind }: { colouring: Colouring; kind: 'fabric' | 'model' }) {
  const palette = paletteOf(isDark.value);
  if (colouring !== 'op') {
    const [low, high] = HEAT_TEXT[kind][colouring];
    const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => palette.heat(share)).join(', ');
    return (
      <p class="legend">
        {low} <span class="ramp" style={{ background: `linear-gradient(90deg, ${stops})` }} /> {high}
      </p>
    );
  }
  const entries =
    kind === 'fabric'
      ? STATES.toReversed().map((state) => ({ text: state, colour: palette.states[state] }))
      : PARTS.map((part) => ({ text: PART_TEXT[part], colour: phaseColour(palette, part) }));
  return (
    <ul class="legend" aria-label="Colours">
      {entries.map(({ text, colour }) => (
        <li key={text}>
          <span class="swatch" style={{ background: colour }} />
          {text}
        </li>
      ))}
    </ul>
  );
}
