/** Lesson 3: a processing element is a small computer with its own memory and nothing else. */
import { useMemo } from 'preact/hooks';
import { Slider } from '../ui/slider.js';
import { segmentsOf } from '../wafer/draw/draw-fabric.js';
import { MemoryMap } from '../wafer/placed/memory-map.js';
import { Player } from '../wafer/play/player.js';
import type { RunRequest } from '../wafer/record/request.js';
import { range, useKnob } from './knob.js';
import { Problems, playableOf, useRuns, Watch } from './parts.js';
import { Question } from './question.js';

const STEPS = range(8, 128);

export function PeLesson() {
  const side = useKnob('n', STEPS, 64);
  const player = useMemo(() => new Player(), []);
  const runOf = (elements: number): RunRequest => ({
    program: 'gemv',
    width: 1,
    height: 1,
    elements,
    type: 'f32',
    machine: 'wse-3',
  });
  const runs = useRuns([runOf(side.value), runOf(side.value + 1)]);
  const playable = playableOf(runs);
  const isAnswered = playable?.run.request.elements === side.value;
  const isLargest = isAnswered && runs?.[1] !== undefined && 'problem' in runs[1];
  return (
    <>
      <p>
        A wafer carries some 900,000 processing elements, PEs for short. Each has 48 KiB of memory (SRAM), one
        arithmetic unit that reads that memory at full speed, and a router. There is no other memory: a PE
        cannot look into its neighbour’s. Whatever it computes with must lie in its own 48 KiB, or come to it
        as a message.
      </p>
      <p>
        Here one PE multiplies a matrix of n × n numbers of 4 bytes with a vector. Its program takes 4 KiB of
        the memory as well.
      </p>
      <Slider
        label="Side n of the matrix"
        value={side.value}
        steps={STEPS}
        show={String}
        onChange={side.set}
      />
      <Problems runs={runs?.slice(0, 1) ?? null} />
      {playable !== null && (
        <>
          <Watch playables={[playable]} player={player} height={280} />
          <MemoryMap segments={segmentsOf(playable.run.layout, 0)} />
        </>
      )}
      <Question
        id="pe"
        isRight={isLargest}
        wrong={
          isAnswered
            ? isLargest
              ? null
              : `${side.value} × ${side.value} fits, and so does ${side.value + 1} × ${side.value + 1}: there is room left.`
            : runs === null
              ? null
              : `${side.value} × ${side.value} does not fit: the sentence above says what it needs and what there is.`
        }
        guess={{
          ask: 'how long is the side of the largest square matrix?',
          unit: 'numbers',
          truth: isLargest ? side.value : null,
        }}
        hints={[
          '48 KiB less the program’s 4 KiB, at 4 bytes a number: how many numbers are those?',
          'Beside n² numbers of the matrix lie n of the vector and n of the result.',
        ]}
        onReveal={() => side.set(105)}
        answer={
          <>
            A matrix of 105 × 105 numbers fills it. A large model has billions of weights: it needs hundreds
            of thousands of PEs, each with a small tile of every matrix.
          </>
        }
      >
        What is the largest matrix that one PE can hold? Set the slider to it.
      </Question>
    </>
  );
}
