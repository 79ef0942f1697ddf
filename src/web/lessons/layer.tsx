/** Lesson 7: a decode layer is arithmetic between ten all-reduces. */
import { useMemo, useState } from 'preact/hooks';
import { figure, plural } from '../ui/format.js';
import { Slider } from '../ui/slider.js';
import { Player } from '../wafer/play/player.js';
import { allreducesOf } from './bands.js';
import { useKnob } from './knob.js';
import { Problems, playableOf, useRuns, Watch } from './parts.js';
import { Question } from './question.js';

const STEPS = [16, 32, 48, 64, 96, 128];

export function LayerLesson() {
  const size = useKnob('n', STEPS, 32);
  const player = useMemo(() => new Player(), []);
  const runs = useRuns([
    { program: 'decode-layer', width: 8, height: 8, elements: size.value, type: 'f32', machine: 'wse-3' },
  ]);
  const playable = playableOf(runs);
  const bands = useMemo(() => (playable === null ? [] : allreducesOf(playable.recording)), [playable]);
  const [chosen, setChosen] = useState<number | null>(null);
  const most = bands.reduce((best, { wavelets }, i) => (wavelets > bands[best]!.wavelets ? i : best), 0);
  return (
    <>
      <p>
        One layer of a transformer, one token, 64 PEs. Each PE multiplies with its tiles of the weights;
        whenever a result is spread over a row or a column of PEs, it must be added up and handed to all of
        them before the next step can begin. That is an all-reduce, and a layer has exactly ten of them: for
        the two norms, for queries, keys and values, for the scores, twice in the softmax, for the weighted
        sum of values, for the output, and twice in the feed-forward part.
      </p>
      <p>
        While sums travel, the arithmetic rests. The clock below shows both: blue is local work, the line
        counts hops.
      </p>
      <Slider
        label="Width of the layer"
        value={size.value}
        steps={STEPS}
        show={String}
        onChange={(next) => {
          setChosen(null);
          size.set(next);
        }}
      />
      <Problems runs={runs} />
      {playable !== null && <Watch playables={[playable]} player={player} height={300} />}
      <ol class="bands" aria-label="The ten all-reduces">
        {bands.map(({ after, startCycle, endCycle, wavelets }, i) => (
          <li key={startCycle}>
            <button
              type="button"
              aria-pressed={chosen === i}
              onClick={() => {
                setChosen(i);
                player.pause();
                player.seek(startCycle);
              }}
            >
              <span>after “{after}”</span>
              <span class="muted num">
                cycles {figure(startCycle)} to {figure(endCycle)}
                {chosen === i && `, ${plural(wavelets, 'wavelet')}`}
              </span>
            </button>
          </li>
        ))}
      </ol>
      <Question
        id="layer"
        isRight={chosen !== null && chosen === most && bands.length === 10}
        wrong={
          bands.length < 10
            ? null
            : chosen === null
              ? 'Choose one in the list first.'
              : chosen === most
                ? null
                : `That one carries ${plural(bands[chosen]!.wavelets, 'wavelet')}. Another carries more.`
        }
        guess={{
          ask: 'which of the ten carries the most, counted from the first?',
          unit: '',
          truth: bands.length === 10 ? most + 1 : null,
        }}
        hints={[
          'A result as wide as the layer’s widest product has to be added up.',
          'The feed-forward part is twice as wide as the rest.',
        ]}
        onReveal={() => {
          setChosen(most);
          player.pause();
          player.seek(bands[most]?.startCycle ?? 0);
        }}
        answer={
          <>
            The one after “gate and up”: the feed-forward part is the widest of the layer, and both of its
            matrices are added up at once. The norms and the softmax move a single number; for them only the
            distance counts.
          </>
        }
      >
        Which of the ten carries the most wavelets? Choose it in the list.
      </Question>
    </>
  );
}
