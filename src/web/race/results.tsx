/** What the race has shown, in one sentence and one picture. */
import { useMemo } from 'preact/hooks';
import { duration, figure } from '../ui/format.js';
import { CopyLink, saveFile } from '../ui/save.js';
import { finishMs, type Lane, type SimulatedLane } from './lanes.js';
import { pngOf, raceSvg } from './picture.js';
import type { Race } from './run.js';

export function Results({
  race,
  model,
  lanes,
  where,
}: {
  race: Race;
  model: string;
  lanes: readonly SimulatedLane[];
  /** Of the model that really runs, for the picture. */
  where: string;
}) {
  const state = race.state.value;
  const end = state.kind === 'finished' ? state.end : null;
  const tokens = end?.tokens ?? 0;
  const svg = useMemo(() => {
    if (end === null) return '';
    const { ttftMs, tokensPerSecond } = end;
    const here: Lane = {
      kind: 'measured',
      label: where,
      ttftMs,
      tokensPerSecond,
    };
    return raceSvg({ model, tokens, lanes: [...lanes, here] });
  }, [end, model, tokens, lanes.map(({ label }) => label).join()]);
  if (end === null) return <p class="hidden" role="status" />;
  const times = lanes
    .map((lane) => ({ label: lane.label, ms: finishMs(lane, tokens) }))
    .sort((a, b) => a.ms - b.ms);
  const [fastest, slowest] = [times[0], times.at(-1)];
  const name = `waferflow-race-${model}`;
  return (
    <section class="results" aria-label="Result">
      <p class="verdict" role="status">
        {tokens === 0
          ? 'The model ended at once: give it another beginning.'
          : fastest === undefined
            ? `${figure(tokens)} tokens here. Pick a machine to race against.`
            : fastest === slowest
              ? `${model} would take ${duration(fastest.ms)} for these ${figure(tokens)} tokens on ${fastest.label}.`
              : `${model} would take ${duration(fastest.ms)} for these ${figure(tokens)} tokens on ${fastest.label}, and ${duration(slowest!.ms)} on ${slowest!.label}: ${figure(slowest!.ms / fastest.ms)} times as long.`}
      </p>
      {tokens > 0 && (
        <>
          <img
            class="picture"
            src={`data:image/svg+xml,${encodeURIComponent(svg)}`}
            alt={`The result as bars, for ${model}`}
          />
          <p class="actions">
            <button
              type="button"
              class="button"
              onClick={() => void pngOf(svg).then((png) => saveFile(png, `${name}.png`))}
            >
              Picture as PNG
            </button>
            <button
              type="button"
              class="button"
              onClick={() => saveFile(svg, `${name}.svg`, 'image/svg+xml')}
            >
              Picture as SVG
            </button>
            <CopyLink />
          </p>
        </>
      )}
    </section>
  );
}
