/** One large lane: a machine that writes, how fast, what it draws and costs, and the text so far. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { duration, figure } from '../ui/format.js';
import { Die } from './die.js';
import type { Lane } from './lanes.js';
import { BANDS } from './published.js';
import { finishMs, placeAt, type Script, tokensOf } from './script.js';

interface LaneProps {
  readonly lane: Lane;
  readonly model: string;
  readonly script: Script;
  /** Null before the start. */
  readonly elapsedMs: number | null;
  /** GiB that each token moves past the memory of the machine. */
  readonly gib: number;
}

export function LaneView({ lane, model, script, elapsedMs, gib }: LaneProps) {
  const text = useRef<HTMLElement>(null);
  const place = placeAt(script, lane, elapsedMs ?? 0);
  const total = tokensOf(script);
  const takesMs = finishMs(script, lane);
  useLayoutEffect(() => {
    // The newest line stays in sight.
    if (text.current !== null) text.current.scrollTop = text.current.scrollHeight;
  }, [place.total]);
  const band = BANDS[lane.kind];
  const reads = place.tokens === 0 && !place.isDone;
  return (
    <section class={`lane ${lane.kind}`} aria-label={lane.label}>
      <header>
        <Die
          kind={lane.kind}
          elapsedMs={elapsedMs}
          msPerToken={1000 / lane.tokensPerSecond}
          isWriting={!reads && !place.isDone}
        />
        <div>
          <h2>{lane.label}</h2>
          <p class="subtitle">
            {model}, <span class="origin">simulated</span>
          </p>
        </div>
        <p class="speed">
          <output>{figure(lane.tokensPerSecond)}</output> tokens/s
        </p>
      </header>
      <div class="progress" aria-hidden="true">
        <div style={{ transform: `scaleX(${place.total / total})` }} />
      </div>
      <p class="facts num">
        {place.isDone
          ? `Done: ${figure(total)} tokens in ${duration(takesMs)}`
          : elapsedMs === null
            ? `${figure(total)} tokens take ${duration(takesMs)}`
            : `${reads ? 'Reads the prompt, ' : ''}${place.total} of ${total} tokens${script.length > 2 ? `, turn ${place.turn + 1} of ${script.length}` : ''}`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a text that scrolls has to be reachable by keyboard */}
      <section class="text" ref={text} tabIndex={0} aria-label={`What ${lane.label} has written`}>
        {script.slice(0, place.turn + 1).map(({ kind, ask, tokens }, index) => (
          <div key={ask} class={kind}>
            <p class="ask">{ask}</p>
            <p>{tokens.slice(0, index < place.turn ? tokens.length : place.tokens).join('')}</p>
          </div>
        ))}
      </section>
      <details class="behind">
        <summary>
          {band.short} · first token {duration(lane.ttftMs)} · {figure(lane.kilowatts)} kW · $
          {figure(lane.dollarsPerHour)}/h
        </summary>
        <p class="small muted">
          {band.said} Each turn reads a prompt of 64 tokens first.{' '}
          {lane.kind === 'gpu'
            ? `Every token drags ${figure(gib)} GiB of weights out of memory.`
            : `The ${figure(gib)} GiB of weights stay where they are multiplied: only activations move.`}
        </p>
      </details>
      {lane.copies > 1 && (
        <p class="copies small">
          {figure(lane.copies)} groups: each writes at this speed for a user of its own, together{' '}
          {figure(lane.copies * lane.tokensPerSecond)} tokens/s.
        </p>
      )}
    </section>
  );
}
