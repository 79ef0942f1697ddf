/** Lesson 6: three ways to add up what a row of PEs holds; which is best depends on the length of the vectors. */
import { useMemo } from 'preact/hooks';
import { plural } from '../ui/format.js';
import { doublings, Slider } from '../ui/slider.js';
import { Player } from '../wafer/play/player.js';
import { useKnob } from './knob.js';
import { Bars, Problems, playableOf, useRuns, Watch } from './parts.js';
import { Question } from './question.js';

const STEPS = doublings(1, 256, true).filter(Number.isInteger);
const PROGRAMS = ['reduce-chain', 'reduce-tree', 'reduce-two-phase'];
const PES = 32;

export function ReduceLesson() {
  const elements = useKnob('n', STEPS, 4);
  const player = useMemo(() => new Player(), []);
  const runs = useRuns(
    PROGRAMS.map((program) => ({
      program,
      width: PES,
      height: 1,
      elements: elements.value,
      type: 'f32',
      machine: 'wse-3',
    })),
  );
  const playables = PROGRAMS.flatMap((_, i) => playableOf(runs, i) ?? []);
  const cycles = playables.map(({ recording }) => recording.cycles);
  const isAnswered = playables[0]?.run.request.elements === elements.value;
  const [chain = 0, tree = 0, twoPhase = 0] = cycles;
  return (
    <>
      <p>
        {PES} PEs in a row each hold a vector, and their sum is wanted in the first PE. In a <b>chain</b> each
        PE adds its own numbers to what comes from its neighbour and passes them on: it never waits for a
        whole vector, but there are {PES - 1} stops on the way. In a <b>tree</b> pairs add up, then pairs of
        pairs: five rounds, but the last links carry whole vectors again and again. In <b>two phases</b> short
        chains run side by side, and a chain over their ends follows.
      </p>
      <Slider
        label="Numbers in each vector"
        value={elements.value}
        steps={STEPS}
        show={String}
        onChange={elements.set}
      />
      <Problems runs={runs} />
      {playables.length === PROGRAMS.length && (
        <>
          <Watch playables={playables} player={player} height={84} />
          <Bars
            bars={PROGRAMS.map((program, i) => ({
              name: program,
              value: cycles[i]!,
              text: plural(cycles[i]!, 'cycle'),
              isMarked: cycles[i] === Math.min(...cycles),
            }))}
          />
        </>
      )}
      <Question
        id="reduce"
        isRight={isAnswered && playables.length === PROGRAMS.length && twoPhase < Math.min(chain, tree)}
        wrong={
          !isAnswered || playables.length < PROGRAMS.length
            ? null
            : chain <= Math.min(tree, twoPhase)
              ? 'Here the chain is fastest: such long vectors keep all of its links busy.'
              : tree <= twoPhase
                ? 'Here the tree is fastest: such short vectors want few stops.'
                : null
        }
        guess={{
          ask: 'at what length do two phases win?',
          unit: 'numbers',
          truth: isAnswered && twoPhase < Math.min(chain, tree) ? elements.value : null,
        }}
        hints={['Look at both ends of the slider: who wins there?', 'Somewhere from 32 to 96.']}
        onReveal={() => elements.set(64)}
        answer={
          <>
            Short vectors want few stops: a tree. Long ones want links that are always busy: a chain. In
            between two phases win. A decode step adds up short vectors all the time, so the shape of its
            reductions decides its speed. <a href="#/program?exercise=reduce">Write a faster one yourself.</a>
          </>
        }
      >
        Find a length at which the two phases are faster than both others.
      </Question>
    </>
  );
}
