/** What every lesson is made of beside its question: bars, and a program to watch. */
import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { figure } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import type { Camera } from '../wafer/draw/camera.js';
import { FabricPicture } from '../wafer/draw/draw-fabric.js';
import { Legend } from '../wafer/draw/legend.js';
import { PictureView } from '../wafer/draw/picture-view.js';
import { easySpeed, type Player } from '../wafer/play/player.js';
import { fabricStrip } from '../wafer/play/strips.js';
import { Timeline } from '../wafer/play/timeline.js';
import { Transport } from '../wafer/play/transport.js';
import { type Playable, play } from '../wafer/record/fabric.js';
import type { RunRequest } from '../wafer/record/request.js';

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly text: string;
  readonly isMarked?: boolean;
}

/** Bars on one scale, with their values in words. */
export function Bars({ bars, most }: { bars: readonly Bar[]; most?: number }) {
  const scale = most ?? Math.max(1e-12, ...bars.map(({ value }) => value));
  return (
    <table class="bars">
      <tbody>
        {bars.map(({ name, value, text, isMarked }) => (
          <tr key={name} data-marked={isMarked ?? false}>
            <th scope="row">{name}</th>
            <td class="bar" aria-hidden="true">
              <span hidden={value === 0} style={{ width: `${Math.min(100, (100 * value) / scale)}%` }} />
            </td>
            <td class="num">{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Every run of the list, in its order; null for one that the machine refuses, with the sentence. */
export type Runs = readonly ({ readonly playable: Playable } | { readonly problem: string })[];

/** The runs of programs; the last ones stay until the next ones are there. */
export function useRuns(requests: readonly RunRequest[]): Runs | null {
  const key = JSON.stringify(requests);
  const [runs, setRuns] = useState<Runs | null>(null);
  useEffect(() => {
    let isGone = false;
    Promise.all(
      requests.map((request) =>
        play(request).then((answered) =>
          'value' in answered ? { playable: answered.value } : { problem: answered.problem },
        ),
      ),
    ).then(
      (found) => isGone || setRuns(found),
      (error: unknown) => isGone || setRuns([{ problem: messageOf(error) }]),
    );
    return () => {
      isGone = true;
    };
  }, [key]);
  return runs;
}

/** The run when there is one. */
export function playableOf(runs: Runs | null, place = 0): Playable | null {
  const run = runs?.[place];
  return run !== undefined && 'playable' in run ? run.playable : null;
}

/** Programs under one another on one clock, without the wafer around them. */
export function Watch({
  playables,
  player,
  height,
  onPick,
  picked = null,
}: {
  playables: readonly Playable[];
  player: Player;
  /** Of each picture, in pixels. */
  height: number;
  onPick?(at: { readonly x: number; readonly y: number } | null): void;
  picked?: { readonly x: number; readonly y: number } | null;
}) {
  const key = playables.map(({ run }) => JSON.stringify(run.request)).join();
  const camera: Signal<Camera | null> = useMemo(() => signal(null), []);
  const { pictures, length, strip } = useMemo(() => {
    const length = Math.max(...playables.map(({ recording }) => recording.cycles));
    const runs = playables.map(({ loads, recording: { cycles } }) => ({ loads, cycles }));
    const pictures = playables.map((playable) => new FabricPicture(playable, playable.recording.header));
    return { pictures, length, strip: fabricStrip(runs, length) };
  }, [key]);
  useEffect(() => {
    player.length.value = length;
    player.speed.value = easySpeed(length);
    player.pause();
    player.seek(0);
    camera.value = null;
  }, [pictures]);
  const look = { colouring: 'op', picked, wavelet: null } as const;
  return (
    <div class="watch" data-flat={height < 120}>
      {pictures.map((picture) => {
        const { program } = picture.playable.run.request;
        return (
          <figure key={program}>
            {pictures.length > 1 && (
              <figcaption>
                {program}: {figure(picture.playable.recording.cycles)} cycles
              </figcaption>
            )}
            <div style={{ '--pane': `${height}px` }}>
              <PictureView
                draw={(surface, time) => picture.draw(surface, time, look)}
                world={picture.world}
                home={picture.rect}
                camera={camera}
                player={player}
                onPick={(x, y) => onPick?.(picture.peAt(x, y))}
                label={`${program}, cycle by cycle`}
                describedBy="watch-now"
              />
            </div>
          </figure>
        );
      })}
      <Transport player={player} clockHz={null} />
      <Timeline
        player={player}
        marks={NO_MARKS}
        draw={strip}
        textAt={(time) => `cycle ${figure(Math.floor(time))} of ${figure(length)}`}
        label="Cycle"
      />
      <p id="watch-now" class="hidden">
        Plus and minus zoom, arrows move, 0 fits the picture again; Space plays and stops, comma and point
        step.
      </p>
      <Legend colouring="op" kind="fabric" />
    </div>
  );
}

const NO_MARKS: readonly never[] = [];

/** Sentences of runs that the machine refuses, or that there are none yet. */
export function Problems({ runs }: { runs: Runs | null }) {
  if (runs === null) return <p class="muted">Simulating…</p>;
  return (
    <>
      {runs.map(
        (run) =>
          'problem' in run && (
            <Notice key={run.problem} kind="bad">
              {run.problem}
            </Notice>
          ),
      )}
    </>
  );
}
