/** Lesson 4: wavelets travel hop by hop along the routes of their color. */
import { useMemo } from 'preact/hooks';
import { figure } from '../ui/format.js';
import { Slider } from '../ui/slider.js';
import { Player } from '../wafer/play/player.js';
import type { Playable } from '../wafer/record/fabric.js';
import { range, useKnob } from './knob.js';
import { Problems, playableOf, useRuns, Watch } from './parts.js';
import { Question } from './question.js';

const STEPS = range(2, 24);
const ROWS = 4;
/** Two ramps of two cycles, and one cycle to begin; test/web/lessons.test.ts holds it to the run. */
const RAMPS = 5;

/** The cycle in which the PE farthest from the root takes its first wavelet. */
export function firstTake({ recording }: Playable): number {
  const { width, height, moves } = recording.header;
  const corner = recording.peAt({ x: width - 1, y: height - 1 });
  for (let move = 0; move < moves; move++) {
    const way = recording.way(move);
    if (way.kind === 'take' && way.pe === corner) return recording.moves[move * 5]!;
  }
  return -1;
}

export function RoutingLesson() {
  const columns = useKnob('columns', STEPS, 8);
  const player = useMemo(() => new Player(), []);
  const runs = useRuns([
    { program: 'broadcast', width: columns.value, height: ROWS, elements: 6, type: 'f32', machine: 'wse-3' },
  ]);
  const playable = playableOf(runs);
  const wanted = useMemo(() => (playable === null ? -1 : firstTake(playable)), [playable]);
  const isStill = player.direction.value === 0;
  return (
    <>
      <p>
        PEs talk in wavelets: 32 bits of data with a color. A color is a route that was laid before the
        program starts: every router knows, for each color, from which side it comes and to which sides it
        goes on. One hop to the next router takes one cycle. A router can give a wavelet to several sides at
        once; that is how one PE reaches all others.
      </p>
      <p>
        The PE in the upper left corner sends six numbers to everyone: along the first row, and from there
        down every column. Between arithmetic and router lies a ramp of two cycles, on the way out and on the
        way in, and one cycle goes by before the first number is sent: {RAMPS} cycles beside the hops.
      </p>
      <Slider
        label="Columns of PEs"
        value={columns.value}
        steps={STEPS}
        show={String}
        onChange={columns.set}
      />
      <Problems runs={runs} />
      {playable !== null && <Watch playables={[playable]} player={player} height={300} />}
      <Question
        id="routing"
        isRight={isStill && wanted >= 0 && player.time.value > 0 && Math.floor(player.time.value) === wanted}
        wrong={
          wanted < 0
            ? null
            : !isStill
              ? 'Stop the clock first.'
              : player.time.value < wanted
                ? `In cycle ${figure(Math.floor(player.time.value))} the first wavelet is still on its way.`
                : `By cycle ${figure(Math.floor(player.time.value))} the corner has taken its first wavelet already.`
        }
        guess={{
          ask: 'in which cycle does the lower right corner take its first wavelet?',
          unit: '',
          truth: wanted < 0 ? null : wanted,
        }}
        hints={[
          `How many hops is it from corner to corner? There are ${columns.value} columns and ${ROWS} rows.`,
          'One cycle for each hop, and the ramps at both ends.',
        ]}
        onReveal={() => {
          player.pause();
          player.seek(wanted);
        }}
        answer={
          <>
            In cycle {figure(wanted)} of this run: one cycle per hop, {figure(columns.value - 1 + ROWS - 1)}{' '}
            hops, and {figure(wanted - (columns.value - 1 + ROWS - 1))} cycles to begin and for both ramps.
            Distance is time on a wafer, so good programs keep their neighbours busy and rarely cross it.{' '}
            <a href="#/program">Lay a route yourself</a>, or{' '}
            <a href="#/program?exercise=deadlock">find out why two PEs wait for ever.</a>
          </>
        }
      >
        In which cycle does the PE in the lower right corner take its first wavelet? Stop the clock in that
        cycle: step with the buttons, and watch the corner.
      </Question>
    </>
  );
}
