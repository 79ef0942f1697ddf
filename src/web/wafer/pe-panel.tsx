/** The story of one PE of a program in one cycle: what it does, why it waits, its queues, its memory and the numbers in it. */
import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { isDark } from '../theme.js';
import { figure, plural } from '../ui/format.js';
import { segmentsOf } from './draw/draw-fabric.js';
import { paletteOf } from './draw/palette.js';
import { MemoryMap } from './placed/memory-map.js';
import type { Player } from './play/player.js';
import { memoryAfter, type Playable } from './record/fabric.js';
import type { BufferNumbers } from './record/run.js';

const SHOWN_WAVELETS = 4;
const SHOWN_NUMBERS = 12;

interface Props {
  readonly playable: Playable;
  readonly at: { readonly x: number; readonly y: number };
  readonly player: Player;
  onFollow(wavelet: number): void;
  onClose(): void;
}

export function PePanel({ playable, at, player, onFollow, onClose }: Props) {
  const { recording, activity, run } = playable;
  const palette = paletteOf(isDark.value);
  const cycle = Math.floor(player.time.value);
  const pe = recording.peAt(at);
  const router = recording.routerAt(at);
  const tasks = pe < 0 ? [] : activity.tasks(pe, cycle);
  const queues = router < 0 ? [] : activity.queues(router, cycle);
  return (
    <section class="panel" aria-label={`PE (${at.x}, ${at.y})`}>
      <header>
        <h2>
          PE ({at.x}, {at.y})
        </h2>
        <button type="button" class="icon" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      <h3>In cycle {figure(cycle)}</h3>
      {pe < 0 && <p class="muted">No program runs on this PE.</p>}
      {pe >= 0 && tasks.length === 0 && (
        <p class="muted">
          Idle: {cycle >= recording.cycles ? 'the program has ended.' : 'nothing is under way.'}
        </p>
      )}
      <ul class="tasks">
        {tasks.map(({ span, name, state, reason, startCycle, endCycle, words }) => (
          <li key={span}>
            <span class="swatch" style={{ background: palette.states[state] }} /> <b>{name}</b>
            <br />
            <span class="muted">
              {state === 'local work' ? 'arithmetic on memory' : state}
              {words !== null && `, ${words.done} of ${plural(words.all, 'word')}`}, cycles{' '}
              {figure(startCycle)} to {figure(endCycle - 1)}
            </span>
            {reason !== '' && <span class="reason">{reason}</span>}
          </li>
        ))}
      </ul>
      <h3>Queues</h3>
      {queues.length === 0 && <p class="muted">All are empty.</p>}
      {queues.length > 0 && (
        <table class="small">
          <thead>
            <tr>
              <th scope="col">where, color</th>
              <th scope="col">holds</th>
              <th scope="col">wavelets</th>
            </tr>
          </thead>
          <tbody>
            {queues.map(({ where, color, capacity, stays, reason }) => (
              <tr key={`${where} ${color}`}>
                <th scope="row">
                  {where}{' '}
                  <span style={{ color: palette.color(color) }}>{recording.header.colors[color]}</span>
                  {reason !== '' && <span class="reason">{reason}</span>}
                </th>
                <td>
                  {stays.length} of {capacity}
                </td>
                <td>
                  {stays.slice(0, SHOWN_WAVELETS).map((stay) => {
                    const wavelet = recording.stays.wavelet[stay]!;
                    return (
                      <button
                        key={stay}
                        type="button"
                        class="wavelet"
                        title={`Follow wavelet ${wavelet}`}
                        onClick={() => onFollow(wavelet)}
                      >
                        {wordText(recording.stays.word[stay]!, run.request.type)}
                      </button>
                    );
                  })}
                  {stays.length > SHOWN_WAVELETS && '…'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {pe >= 0 && <MemoryMap segments={segmentsOf(run.layout, pe)} />}
      {pe >= 0 && <Numbers playable={playable} at={at} player={player} />}
    </section>
  );
}

/** A wavelet's payload as the number, or the two halves, that it carries. */
export function wordText(word: number, type: 'f32' | 'f16'): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, word);
  return type === 'f32' ? compact(view.getFloat32(0)) : `0x${word.toString(16).padStart(8, '0')}`;
}

function compact(value: number): string {
  return Number(value.toPrecision(4)).toString();
}

/** Memory is not in the recording: the same program runs again in the worker up to this cycle. */
function Numbers({ playable, at, player }: Omit<Props, 'onFollow' | 'onClose'>) {
  const [found, setFound] = useState<{ cycle: number; buffers: readonly BufferNumbers[] } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const cycle = Math.floor(player.time.value);
  const isStill = player.direction.value === 0;
  const { request } = playable.run;
  useEffect(() => {
    if (!isStill) return;
    let isGone = false;
    memoryAfter(request, at, cycle).then(
      (answered) => {
        if (isGone) return;
        setProblem('problem' in answered ? answered.problem : null);
        if ('value' in answered) setFound({ cycle, buffers: answered.value });
      },
      (error: unknown) => isGone || setProblem(messageOf(error)),
    );
    return () => {
      isGone = true;
    };
  }, [request, at.x, at.y, cycle, isStill]);
  return (
    <>
      <h3>Numbers in it</h3>
      {problem !== null && <p role="alert">{problem}</p>}
      {found === null && problem === null && (
        <p class="muted">{isStill ? 'Looking…' : 'Pause to see them.'}</p>
      )}
      {found !== null && (
        <details open={found.buffers.length <= 3}>
          <summary>
            {isStill && found.cycle === cycle ? `After cycle ${figure(cycle)}` : 'As last looked at'}
          </summary>
          <dl class="numbers">
            {found.buffers.map(({ name, values }) => (
              <div key={name}>
                <dt>
                  {name} <span class="muted">[{values.length}]</span>
                </dt>
                <dd>
                  {[...values.subarray(0, SHOWN_NUMBERS)].map(compact).join(' ')}
                  {values.length > SHOWN_NUMBERS && ' …'}
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}
