/** Programs that are played cycle by cycle: one, or two side by side on the same clock and scale. */
import { effect, type Signal, signal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { findWafer } from '../../machine/wafers.js';
import { setParams } from '../state.js';
import { reducedMotion } from '../theme.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { waveletsAt } from './draw/anatomy.js';
import type { Camera } from './draw/camera.js';
import { type FabricLook, FabricPicture } from './draw/draw-fabric.js';
import { Legend } from './draw/legend.js';
import { PictureView } from './draw/picture-view.js';
import { type FabricShown, formatPe, type WaferState } from './params.js';
import { PePanel, wordText } from './pe-panel.js';
import { easySpeed, Player } from './play/player.js';
import { fabricStrip } from './play/strips.js';
import { Timeline } from './play/timeline.js';
import { Transport } from './play/transport.js';
import { STATES } from './record/activity.js';
import { type Playable, play } from './record/fabric.js';
import { useAddress } from './use-address.js';

/** Pixels per PE at which a followed wavelet can be seen on its way. */
const FOLLOW_SCALE = 90;

interface Loaded {
  readonly key: string;
  /** What the address said when it came. */
  readonly state: WaferState;
  readonly playables: readonly Playable[];
  readonly pictures: readonly FabricPicture[];
}

export function FabricView({ state, shown }: { state: WaferState; shown: FabricShown }) {
  const player = useMemo(() => new Player(), []);
  const camera = useMemo(() => signal<Camera | null>(state.camera), []);
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const key = JSON.stringify(shown);

  useEffect(() => {
    let isGone = false;
    const requests = [shown.run, ...(shown.against === null ? [] : [shown.against])];
    Promise.all(requests.map(play)).then(
      (answers) => {
        if (isGone) return;
        const failed = answers.find((answer) => 'problem' in answer);
        setProblem(failed?.problem ?? null);
        if (failed !== undefined) return;
        const playables = answers.flatMap((answer) => ('value' in answer ? [answer.value] : []));
        const { usableColumns, usableRows } = findWafer(shown.run.machine).facts;
        const wafer = { width: usableColumns.value, height: usableRows.value };
        const pictures = playables.map((playable) => new FabricPicture(playable, wafer));
        const length = Math.max(...playables.map(({ recording }) => recording.cycles));
        player.length.value = length;
        player.speed.value = state.speed ?? easySpeed(length);
        player.seek(state.cycle ?? 0);
        camera.value = state.camera;
        setLoaded({ key, state, playables, pictures });
        if (state.cycle === null && !reducedMotion.peek()) player.play();
        else player.pause();
      },
      (error: unknown) => isGone || setProblem(messageOf(error)),
    );
    return () => {
      isGone = true;
    };
  }, [key]);
  if (problem !== null) return <Notice kind="bad">{problem}</Notice>;
  if (loaded === null) return <p class="muted stage-wait">Simulating…</p>;
  const isStale = loaded.key !== key;
  return (
    <Stage
      key={loaded.key}
      state={isStale ? loaded.state : state}
      loaded={loaded}
      player={player}
      camera={camera}
      isStale={isStale}
    />
  );
}

interface StageProps {
  readonly state: WaferState;
  readonly loaded: Loaded;
  readonly player: Player;
  readonly camera: Signal<Camera | null>;
  readonly isStale: boolean;
}

function Stage({ state, loaded, player, camera, isStale }: StageProps) {
  useAddress(player, camera, state, isStale);
  const { playables, pictures } = loaded;
  const first = playables[0]!;
  const { recording } = first;
  const picked =
    state.pe !== null && state.pe.x < recording.header.width && state.pe.y < recording.header.height
      ? state.pe
      : null;
  const look: FabricLook = { colouring: state.colouring, picked, wavelet: state.wavelet };
  // Lines of PEs stand one above the other, rectangles beside one another.
  const isFlat = recording.header.height * 3 <= recording.header.width;
  const length = Math.max(...playables.map(({ recording: { cycles } }) => cycles));
  const strip = useMemo(
    () =>
      fabricStrip(
        playables.map(({ loads, recording: { cycles } }) => ({ loads, cycles })),
        length,
      ),
    [loaded],
  );
  const marks = useMemo(
    () => first.slowest.map(({ name, startCycle, endCycle }) => ({ label: name, startCycle, endCycle })),
    [loaded],
  );
  return (
    <div class="stage" data-stale={isStale}>
      <div class="pictures" data-count={pictures.length} data-flat={isFlat}>
        {pictures.map((picture, i) => {
          const { run } = picture.playable;
          return (
            <figure key={`${run.request.program} ${i}`}>
              {pictures.length > 1 && (
                <figcaption>
                  <b>{run.request.program}</b> {figure(run.result.cycles)} cycles
                </figcaption>
              )}
              <PictureView
                draw={(surface, time) => picture.draw(surface, time, look)}
                world={picture.world}
                home={picture.rect}
                camera={camera}
                player={player}
                onPick={(x, y, reach) => pick(picture, x, y, reach, player)}
                hint={(x, y) => picture.hintAt(x, y, player.time.peek())}
                label={`${run.request.program} on ${run.request.width} by ${run.request.height} PEs`}
                describedBy="wafer-said wafer-keys"
              />
            </figure>
          );
        })}
      </div>
      <Transport
        player={player}
        clockHz={first.run.layout.clockHz}
        onSpeed={(speed) => setParams({ speed: String(speed) })}
      />
      <Timeline
        player={player}
        marks={marks}
        draw={strip}
        textAt={(time) => `cycle ${figure(Math.floor(time))} of ${figure(length)}`}
        label="Cycle"
      />
      <p class="small muted strip-key">
        <span class="swatch work" /> PEs in local work <span class="swatch hops" /> hops per cycle ▾ longest
        operations
      </p>
      <Said playable={first} player={player} />
      <Legend colouring={state.colouring} kind="fabric" />
      <aside class="side">
        {picked !== null && (
          <PePanel
            playable={first}
            at={picked}
            player={player}
            onFollow={(wavelet) => setParams({ wavelet: String(wavelet) })}
            onClose={() => setParams({ pe: undefined })}
          />
        )}
        {state.wavelet !== null && (
          <WaveletPanel picture={pictures[0]!} wavelet={state.wavelet} player={player} camera={camera} />
        )}
        <Slowest playable={first} player={player} />
        <Account playables={playables} />
      </aside>
    </div>
  );
}

function pick(picture: FabricPicture, x: number, y: number, reach: number, player: Player): void {
  const wavelet = reach < 0.4 ? picture.waveletAt(x, y, player.time.peek(), Math.min(0.04, reach)) : null;
  if (wavelet !== null) {
    setParams({ wavelet: String(wavelet) }, true);
    return;
  }
  const at = picture.peAt(x, y);
  setParams({ pe: at === null ? undefined : formatPe({ wafer: 0, ...at }) }, true);
}

/** The picture in words; read out when it stands still. */
function Said({ playable, player }: { playable: Playable; player: Player }) {
  const isStill = player.direction.value === 0;
  const cycle = Math.floor(player.time.value);
  const { recording, activity } = playable;
  const text = useMemo(() => {
    const states = activity.states(cycle);
    const counts = STATES.map((state, i) => ({ state, count: states.filter((each) => each === i).length }));
    const parts = counts
      .filter(({ count }) => count > 0)
      .toReversed()
      .map(({ state, count }) => `${figure(count)} ${state}`);
    const under = recording.stays.intervals.at(cycle).length;
    return `Cycle ${figure(cycle)}: ${plural(recording.pes.length, 'PE')} (${parts.join(', ')}), ${plural(under, 'wavelet')} on the fabric.`;
  }, [playable, cycle]);
  return (
    <>
      <p class="said small">{text}</p>
      <p id="wafer-said" class="hidden" role="status">
        {isStill ? text : 'Playing.'}
      </p>
    </>
  );
}

function WaveletPanel({
  picture,
  wavelet,
  player,
  camera,
}: {
  picture: FabricPicture;
  wavelet: number;
  player: Player;
  camera: Signal<Camera | null>;
}) {
  const { playable, rect } = picture;
  const [isFollowed, setFollowed] = useState(false);
  useEffect(() => {
    if (!isFollowed) return;
    return effect(() => {
      const { activity, recording } = playable;
      const time = player.time.value;
      const own = waveletsAt(activity, time).filter(({ stay }) => recording.stays.wavelet[stay] === wavelet);
      // Copies that multicast makes part: the one that set out last is followed.
      const head = own.at(-1);
      if (head === undefined) return;
      const scale = Math.max(FOLLOW_SCALE, camera.peek()?.scale ?? 0);
      camera.value = { x: rect.x + head.x, y: rect.y + head.y, scale };
    });
  }, [picture, wavelet, isFollowed]);
  const { recording, activity, run } = playable;
  const { stays, header, routers } = recording;
  const way = useMemo(() => activity.wayOf(wavelet), [playable, wavelet]);
  const first = way[0];
  const close = (): void => setParams({ wavelet: undefined });
  const starts = way.map((stay) => stays.intervals.starts[stay]!);
  const last = way.map((stay) => stays.intervals.ends[stay]!);
  return (
    <section class="panel" aria-label={`Wavelet ${wavelet}`}>
      <header>
        <h2>Wavelet {figure(wavelet)}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={close}>
          ×
        </button>
      </header>
      {first === undefined ? (
        <p class="muted">This run has no such wavelet.</p>
      ) : (
        <>
          <p>
            Carries {wordText(stays.word[first]!, run.request.type)} on color “
            {header.colors[stays.color[first]!]}”, from PE{' '}
            {pointText(routers[Math.floor(stays.place[first]! / 6)]!)} in cycle {figure(starts[0]!)} until
            cycle {figure(Math.max(...last))}, over {plural(way.length - 1, 'move')}.
          </p>
          <p class="buttons">
            <button type="button" class="button" onClick={() => jump(player, starts[0]!)}>
              Go to its start
            </button>
          </p>
          <label class="check">
            <input
              type="checkbox"
              checked={isFollowed}
              onChange={({ currentTarget }) => setFollowed(currentTarget.checked)}
            />{' '}
            Keep it in the middle
          </label>
        </>
      )}
    </section>
  );
}

const pointText = ({ x, y }: { readonly x: number; readonly y: number }): string => `(${x}, ${y})`;

function jump(player: Player, cycle: number): void {
  player.pause();
  player.seek(cycle);
}

function Slowest({ playable, player }: { playable: Playable; player: Player }) {
  const { slowest, recording } = playable;
  return (
    <section class="panel">
      <h2>Longest operations</h2>
      <ol class="slowest">
        {slowest.map(({ name, pe, startCycle, endCycle }) => {
          const at = recording.pes[pe]!;
          return (
            <li key={`${name} ${startCycle}`}>
              <button
                type="button"
                onClick={() => {
                  jump(player, startCycle);
                  setParams({ pe: formatPe({ wafer: 0, ...at }), cycle: String(startCycle) });
                }}
              >
                <span>{name}</span>
                <span class="num">{plural(endCycle - startCycle, 'cycle')}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Account({ playables }: { playables: readonly Playable[] }) {
  const rows: [string, (playable: Playable) => string][] = [
    ['cycles', ({ run }) => figure(run.result.cycles)],
    [
      'closed form',
      ({ run }) => (run.predictedCycles === null ? '–' : figure(Math.round(run.predictedCycles))),
    ],
    ['time, simulated', ({ run }) => `${figure((run.result.cycles / run.layout.clockHz) * 1e6)} µs`],
    ['wavelets', ({ run }) => figure(run.result.wavelets)],
    ['hops', ({ run }) => figure(run.result.hops)],
    ['busiest link', ({ run }) => `${figure(100 * run.result.linkUtilisation.max)} %`],
    ['busiest PE', ({ run }) => `${figure(100 * run.result.peUtilisation.max)} %`],
    ['fullest SRAM', ({ run }) => `${figure(run.result.sramHighWaterBytes)} B`],
    ['largest error', ({ run }) => run.maxAbsError?.toExponential(1) ?? '–'],
  ];
  return (
    <section class="panel">
      <h2>The whole run</h2>
      <div class="scroll">
        <table class="small">
          {playables.length > 1 && (
            <thead>
              <tr>
                <td />
                {playables.map(({ run }, i) => (
                  <th key={`${run.request.program} ${i}`} scope="col">
                    {run.request.program}
                  </th>
                ))}
              </tr>
            </thead>
          )}
          <tbody>
            {rows.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {playables.map((playable, i) => (
                  <td key={`${name} ${i}`}>{value(playable)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
