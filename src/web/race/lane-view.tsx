/** One lane: who writes, how fast, and the text so far. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { engineState } from '../engine/engine.js';
import type { Planned } from '../plan/ask/api.js';
import { machineLabel } from '../plan/ask/cards.js';
import { duration, figure, plural } from '../ui/format.js';
import { finishMs, simulatedLane, tokensAt } from './lanes.js';
import type { Race } from './run.js';
import { serverWriter, type Writer } from './writer.js';

interface LaneProps {
  readonly title: string;
  readonly subtitle: string;
  readonly origin: 'measured here' | 'simulated';
  readonly tokensPerSecond: number | null;
  readonly facts: string;
  readonly text: string;
  readonly share: number;
}

function LaneCard({ title, subtitle, origin, tokensPerSecond, facts, text, share }: LaneProps) {
  const panel = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    // The newest line stays in sight.
    if (panel.current !== null && text !== '') panel.current.scrollTop = panel.current.scrollHeight;
  }, [text]);
  return (
    <section class={`lane ${origin === 'simulated' ? 'simulated' : 'measured'}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        <span class="origin">{origin}</span>
      </header>
      <p class="subtitle">{subtitle}</p>
      <p class="speed">
        <output>{tokensPerSecond === null ? '–' : figure(tokensPerSecond)}</output> tokens/s
      </p>
      <div class="progress" aria-hidden="true">
        <div style={{ transform: `scaleX(${share})` }} />
      </div>
      <p class="facts num">{facts}</p>
      <textarea
        class="text mono"
        ref={panel}
        readOnly
        aria-label={`What ${title} has written`}
        value={text}
      />
    </section>
  );
}

export function MeasuredLaneView({ race, writer }: { race: Race; writer: Writer }) {
  const state = race.state.value;
  const engine = engineState.value;
  const info = engine.kind === 'ready' ? engine.loaded.info : null;
  const { transcript } = race;
  const isShown = state.kind === 'running' || state.kind === 'finished';
  const written = isShown ? state.end : null;
  const subtitle =
    writer === serverWriter
      ? 'the model that it serves'
      : info === null
        ? 'glint, 3.4 M weights'
        : `${info.name}, ${figure(info.parameters / 1e6)} M weights, ${plural(info.workers, 'worker')}`;
  const facts =
    written === null
      ? isShown
        ? plural(transcript.tokens, 'token')
        : 'waits for the start'
      : `${plural(written.tokens, 'token')} in ${duration(finishMs({ kind: 'measured', label: '', ...written }, written.tokens))}, the first after ${duration(written.ttftMs)}`;
  return (
    <LaneCard
      title={writer.title}
      subtitle={subtitle}
      origin="measured here"
      tokensPerSecond={written?.tokensPerSecond ?? null}
      facts={facts}
      text={isShown ? transcript.text : ''}
      share={written === null ? 0 : 1}
    />
  );
}

export function LaneView({ race, planned, model }: { race: Race; planned: Planned; model: string }) {
  const lane = simulatedLane(planned);
  if (lane === null) {
    return (
      <section class="lane" aria-label={machineLabel(planned.machine)}>
        <header>
          <h2>{machineLabel(planned.machine)}</h2>
        </header>
        <p>{'problem' in planned ? planned.problem : ''}</p>
      </section>
    );
  }
  const state = race.state.value;
  const isShown = state.kind === 'running' || state.kind === 'finished';
  const elapsedMs = isShown ? state.elapsedMs : 0;
  const { transcript } = race;
  const due = tokensAt(lane, elapsedMs);
  const total = isShown && state.end !== null ? transcript.tokens : null;
  const shown = Math.min(due, transcript.tokens);
  const isDone = total !== null && due >= total;
  const waits = isShown && total === null && due > transcript.tokens && transcript.tokens > 0;
  const facts = isDone
    ? `${plural(total, 'token')} in ${duration(finishMs(lane, total))}, the first after ${duration(lane.ttftMs)}`
    : isShown
      ? `${plural(shown, 'token')}${waits ? ', waits for the text from this browser' : ''}`
      : `first token after ${duration(lane.ttftMs)}`;
  return (
    <LaneCard
      title={lane.label}
      subtitle={`${model}, ${figure(lane.kilowatts)} kW`}
      origin="simulated"
      tokensPerSecond={lane.tokensPerSecond}
      facts={facts}
      text={isShown ? transcript.upTo(shown) : ''}
      share={isShown && transcript.tokens > 0 ? shown / transcript.tokens : 0}
    />
  );
}
