/** Lesson 5: a matrix-vector product on a mesh: more PEs compute less each and talk more. */
import { useMemo, useState } from 'preact/hooks';
import { figure, plural } from '../ui/format.js';
import { Slider } from '../ui/slider.js';
import { Player } from '../wafer/play/player.js';
import type { RunRequest } from '../wafer/record/request.js';
import { useKnob } from './knob.js';
import { Bars, Problems, playableOf, useRuns, Watch } from './parts.js';
import { Question } from './question.js';

const STEPS = [1, 2, 4, 8, 16, 32];
const SIDE = 32;

const runOf = (pes: number): RunRequest => ({
  program: 'gemv',
  width: pes,
  height: pes,
  elements: SIDE,
  type: 'f32',
  machine: 'wse-3',
});

export function GemvLesson() {
  const pes = useKnob('pes', STEPS, 4);
  const player = useMemo(() => new Player(), []);
  const runs = useRuns([runOf(pes.value)]);
  const all = useRuns(STEPS.map(runOf));
  const [tried, setTried] = useState<ReadonlySet<number>>(new Set([pes.value]));
  const playable = playableOf(runs);
  const cycles = all?.map((_, i) => playableOf(all, i)?.recording.cycles ?? Infinity) ?? [];
  const fastest = STEPS[cycles.indexOf(Math.min(...cycles))];
  return (
    <>
      <p>
        A matrix of {SIDE} × {SIDE} numbers is cut into tiles, one for each PE. Every PE multiplies its tile
        with its part of the vector. Then the partial results of a column of PEs are added up, and the sum is
        handed to all of them: a reduction and a broadcast, which meet in the middle of the column.
      </p>
      <p>With more PEs each tile gets smaller. But the sums have farther to go.</p>
      <Slider
        label="PEs on each side"
        value={pes.value}
        steps={STEPS}
        show={(n) => `${n} × ${n}`}
        onChange={(next) => {
          pes.set(next);
          setTried(new Set([...tried, next]));
        }}
      />
      <Problems runs={runs} />
      {playable !== null && <Watch playables={[playable]} player={player} height={300} />}
      <Bars
        bars={STEPS.map((step, i) => ({
          name: `${step} × ${step}`,
          value: tried.has(step) && Number.isFinite(cycles[i]) ? cycles[i]! : 0,
          text: tried.has(step) && Number.isFinite(cycles[i]) ? plural(cycles[i]!, 'cycle') : 'not tried yet',
          isMarked: step === pes.value,
        }))}
      />
      <Question
        id="gemv"
        isRight={all !== null && tried.size >= 3 && pes.value === fastest}
        wrong={
          all === null
            ? null
            : tried.size < 3
              ? `So far ${plural(tried.size, 'size')} of three: try others as well.`
              : pes.value === fastest
                ? null
                : tried.has(fastest ?? 0)
                  ? 'One that you have tried is faster.'
                  : 'Of those that you have not tried, one is faster.'
        }
        guess={{
          ask: 'how many PEs on each side are fastest for 32 × 32 numbers?',
          unit: 'PEs',
          truth: fastest ?? null,
        }}
        hints={[
          'With twice as many PEs on a side, a tile has a quarter of the numbers, and a sum has twice as far to go.',
          'At 32 × 32 each PE multiplies a single number: all the rest is way.',
        ]}
        onReveal={() => {
          pes.set(fastest ?? pes.value);
          setTried(new Set(STEPS));
        }}
        answer={
          <>
            {figure(fastest ?? 0)} × {figure(fastest ?? 0)}: with fewer PEs the arithmetic takes longer, with
            more the sums travel longer than they save. Large models have large matrices, so they can use a
            few hundred PEs per side.
          </>
        }
      >
        On how many PEs is this product fastest? Try at least three sizes, and stay on the fastest.
      </Question>
    </>
  );
}
