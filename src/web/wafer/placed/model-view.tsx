/** A large model on its wafers: where it lies, and one decode step in the phases of the timing model. */
import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { formatBytes } from '../../../core/units.js';
import { findWafer } from '../../../machine/wafers.js';
import type { PlanResult } from '../../../timing/estimate-types.js';
import { ask } from '../../plan/ask/planner.js';
import { useAsked } from '../../plan/ask/use-asked.js';
import { setParams } from '../../state.js';
import { reducedMotion } from '../../theme.js';
import { figure, plural } from '../../ui/format.js';
import { Notice } from '../../ui/notice.js';
import type { Camera } from '../draw/camera.js';
import { layersOf, PlanPicture } from '../draw/draw-plan.js';
import { Legend } from '../draw/legend.js';
import { PictureView } from '../draw/picture-view.js';
import { formatPe, type ModelShown, type PickedPe, type WaferState } from '../params.js';
import { easySpeed, Player } from '../play/player.js';
import { planStrip } from '../play/strips.js';
import { Timeline } from '../play/timeline.js';
import { Transport } from '../play/transport.js';
import { useAddress } from '../use-address.js';
import { MemoryMap } from './memory-map.js';
import { decodePhases, momentAt, PARTS, phaseCycles, slowestPhases } from './phases.js';

const MOST_SLOW = 8;

/** A conversation of `context` tokens, one half of them written: the timing model costs its middle. */
function requestOf({ context, users }: ModelShown): {
  promptTokens: number;
  outputTokens: number;
  concurrency: number;
} {
  const promptTokens = Math.max(1, Math.floor(context / 2));
  return { promptTokens, outputTokens: Math.max(1, context - promptTokens), concurrency: users };
}

export function ModelView({ state, shown }: { state: WaferState; shown: ModelShown }) {
  const request = requestOf(shown);
  const question = [{ model: shown.model, machine: shown.machine, request }];
  const { answer: planned, isStale, problem } = useAsked(question, (asked) => ask((api) => api.plan(asked)));
  const answer = planned?.[0];
  // Until the answer to what the address says now is there, the picture stays what it was.
  const settled = useRef({ key: '', state, shown });
  if (!isStale) settled.current = { key: JSON.stringify(shown), state, shown };
  if (problem !== null) return <Notice kind="bad">{problem}</Notice>;
  if (answer === undefined) return <p class="muted stage-wait">Placing the model…</p>;
  if ('problem' in answer) return <Notice kind="bad">{answer.problem}</Notice>;
  const { key, ...before } = settled.current;
  return <Stage key={key} {...before} result={answer.result} isStale={isStale} />;
}

function Stage({
  state,
  shown,
  result,
  isStale,
}: {
  state: WaferState;
  shown: ModelShown;
  result: PlanResult;
  isStale: boolean;
}) {
  const player = useMemo(() => new Player(), []);
  const camera = useMemo(() => signal<Camera | null>(state.camera), []);
  const { picture, step } = useMemo(() => {
    const machine = findWafer(result.machine);
    const plan = result.plan!;
    const { promptTokens, outputTokens } = requestOf(shown);
    const step = decodePhases(machine, plan, result.decode, promptTokens + outputTokens / 2);
    return { step, picture: new PlanPicture(plan, machine, step) };
  }, [result]);
  useEffect(() => {
    player.length.value = Math.ceil(step.cycles);
    player.speed.value = state.speed ?? easySpeed(step.cycles);
    player.seek(state.cycle ?? 0);
    if (state.cycle === null && !reducedMotion.peek()) player.play();
  }, [step]);
  useAddress(player, camera, state, isStale);

  const picked = state.pe !== null && state.pe.wafer < picture.plan.wafers ? state.pe : null;
  const look = { colouring: state.colouring, picked };
  const strip = useMemo(() => planStrip(step, picture.plan.regionCount), [step]);
  const marks = useMemo(
    () =>
      slowestPhases(step, MOST_SLOW).map((phase) => ({
        label: phase.op,
        startCycle: phase.startCycle,
        endCycle: phase.startCycle + phaseCycles(phase),
      })),
    [step],
  );
  return (
    <div class="stage" data-stale={isStale}>
      <div class="pictures" data-count={1}>
        <figure>
          <PictureView
            draw={(surface, time) => picture.draw(surface, time, look)}
            world={picture.world}
            home={picture.world}
            camera={camera}
            player={player}
            onPick={(x, y) => {
              const at = picture.peAt(x, y);
              setParams({ pe: at === null ? undefined : formatPe(at) }, true);
            }}
            label={`${shown.model} on ${plural(picture.plan.wafers, 'wafer')} of ${result.machine}`}
            describedBy="wafer-said wafer-keys"
          />
        </figure>
      </div>
      <Transport
        player={player}
        clockHz={step.clockHz}
        onSpeed={(speed) => setParams({ speed: String(speed) })}
      />
      <Timeline
        player={player}
        marks={marks}
        draw={strip}
        textAt={(time) => momentText(momentAt(step, time), Math.floor(time))}
        label="Cycle of the decode step"
      />
      <Said player={player} step={step} />
      <Legend colouring={state.colouring} kind="model" />
      <aside class="side">
        {picked !== null && <PlanPePanel picture={picture} pe={picked} player={player} />}
        <section class="panel">
          <h2>Longest phases</h2>
          <ol class="slowest">
            {marks.map(({ label, startCycle, endCycle }) => (
              <li key={label}>
                <button
                  type="button"
                  onClick={() => {
                    player.pause();
                    player.seek(Math.ceil(startCycle));
                  }}
                >
                  <span>{label}</span>
                  <span class="num">{figure(Math.round(endCycle - startCycle))} cycles</span>
                </button>
              </li>
            ))}
          </ol>
        </section>
        <Placement picture={picture} result={result} />
      </aside>
    </div>
  );
}

function momentText({ phase, part }: ReturnType<typeof momentAt>, cycle: number): string {
  const where = phase.layer === null ? phase.op : `layer ${phase.layer}, ${phase.op}`;
  return `Cycle ${figure(cycle)}: region ${phase.region + 1}, ${where}: ${part}`;
}

function Said({ player, step }: { player: Player; step: ReturnType<typeof decodePhases> }) {
  const text = momentText(momentAt(step, player.time.value), Math.floor(player.time.value));
  return (
    <>
      <p class="said small">{text}.</p>
      <p id="wafer-said" class="hidden" role="status">
        {player.direction.value === 0 ? text : 'Playing.'}
      </p>
    </>
  );
}

function PlanPePanel({ picture, pe, player }: { picture: PlanPicture; pe: PickedPe; player: Player }) {
  const region = picture.regionOf(pe);
  const moment = momentAt(picture.step, player.time.value);
  const { plan } = picture;
  const isActive = region !== null && plan.regions[moment.phase.region] === region;
  const title = `PE (${pe.x}, ${pe.y})${plan.wafers > 1 ? ` of wafer ${pe.wafer + 1}` : ''}`;
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => setParams({ pe: undefined })}>
          ×
        </button>
      </header>
      {region === null ? (
        <p class="muted">In no region: this plan leaves it free.</p>
      ) : (
        <>
          <p>
            Region {plan.regions.indexOf(region) + 1}: {layersOf(region)}.
          </p>
          <h3>Now</h3>
          <p>
            {isActive
              ? `${momentText(moment, Math.floor(player.time.value))}. All PEs of the region do the same; single wavelets are played for programs only.`
              : `Idle: region ${moment.phase.region + 1} has the token.`}
          </p>
          <h3>Its tiles</h3>
          <div class="scroll">
            <table class="small">
              <thead>
                <tr>
                  <th scope="col">matrix</th>
                  <th scope="col">rows × columns</th>
                  <th scope="col">copies</th>
                  <th scope="col">bytes</th>
                </tr>
              </thead>
              <tbody>
                {picture.tiles(region, pe).map(({ name, rows, columns, copies, bytes }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>
                      {rows} × {columns}
                    </td>
                    <td>{figure(copies)}</td>
                    <td>{figure(Math.round(bytes))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <MemoryMap segments={picture.segments(region, pe.x - region.rect.x, pe.y - region.rect.y)} />
        </>
      )}
    </section>
  );
}

function Placement({ picture, result }: { picture: PlanPicture; result: PlanResult }) {
  const { plan, step } = picture;
  const sum = (of: (region: (typeof plan.regions)[number]) => number): number =>
    plan.regions.reduce((total, region) => total + of(region), 0);
  const parts = PARTS.map((part) => ({
    part,
    share: step.phases.reduce((total, { cycles }) => total + cycles[part], 0) / step.cycles,
  }));
  const rows: [string, string][] = [
    ['wafers', `${plan.wafers} × ${result.machine}`],
    ['regions', `${plan.regionCount} of ${plan.grid.width} × ${plan.grid.height} PEs`],
    ['weights', `${formatBytes(sum(({ weightBytes }) => weightBytes))}, ${plan.weightBits} bit`],
    ['KV cache', `${formatBytes(sum(({ kvBytesPerUser }) => kvBytesPerUser) * plan.users)}`],
    ['users, tokens each', `${figure(plan.users)} × ${figure(plan.context)}`],
    ['decode step', `${figure(Math.round(step.cycles))} cycles`],
    ['one user, simulated', `${figure(result.tokensPerSecondPerUser)} tokens/s`],
    ...parts
      .filter(({ share }) => share > 0.0005)
      .map(({ part, share }): [string, string] => [`time in ${part}`, `${figure(100 * share)} %`]),
  ];
  return (
    <section class="panel">
      <h2>The placement</h2>
      <table class="small">
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
