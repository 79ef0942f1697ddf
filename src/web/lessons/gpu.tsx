/** Lesson 1: a GPU reads all weights for every token, and waits for them. */
import { ask } from '../plan/ask/planner.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { doublings, Slider } from '../ui/slider.js';
import { useKnob } from './knob.js';
import { Bars, Question } from './parts.js';

const STEPS = doublings(1, 2048);

export function GpuLesson() {
  const users = useKnob('users', STEPS, 1);
  const request = { promptTokens: 128, outputTokens: 128, concurrency: users.value };
  const { answer, isStale } = useAsked([{ model: 'llama-3.1-8b', machine: 'h100', request }], (asked) =>
    ask((api) => api.plan(asked)),
  );
  const planned = answer?.[0];
  const result = planned !== undefined && 'result' in planned ? planned.result : null;
  const total = (key: 'memorySeconds' | 'computeSeconds'): number =>
    1e3 * (result?.decode.ops.reduce((sum, op) => sum + op[key], 0) ?? 0);
  const memory = total('memorySeconds');
  const arithmetic = total('computeSeconds');
  return (
    <>
      <p>
        To write one token, a language model multiplies its weight matrices with a vector. Each weight is used
        once: one multiplication, one addition. The weights of Llama-3.1-8B are 16 GB, and they lie outside
        the GPU’s chip. So for every token 16 GB cross from the memory to the chip.
      </p>
      <p>
        An H100 reads 3.35 TB and computes almost 1,000 TFLOP in a second. The arithmetic of a token is done
        long before its weights have arrived. When several users share the GPU, one reading serves a token of
        each of them.
      </p>
      <Slider
        label="Users who share one H100"
        value={users.value}
        steps={STEPS}
        show={(n) => plural(n, 'user')}
        onChange={users.set}
      />
      {planned !== undefined && 'problem' in planned && <Notice kind="bad">{planned.problem}</Notice>}
      {result !== null && (
        <figure aria-busy={isStale}>
          <Bars
            bars={[
              { name: 'reading memory', value: memory, text: `${figure(memory)} ms` },
              { name: 'arithmetic', value: arithmetic, text: `${figure(arithmetic)} ms` },
            ]}
          />
          <figcaption>
            One decode step on an H100, simulated: a token for each of {plural(users.value, 'user')}. Each of
            them reads {figure(result.tokensPerSecondPerUser)} tokens per second.
          </figcaption>
        </figure>
      )}
      <Question
        id="gpu"
        isRight={!isStale && result !== null && arithmetic >= memory}
        answer={
          <>
            Only with so many users does the arithmetic take as long as the memory. Look what it costs each of
            them: with one user a token took a few milliseconds. A wafer keeps all weights on the chip, beside
            the arithmetic, so it has no such wait.
          </>
        }
      >
        How many users must share the GPU until arithmetic takes at least as long as reading memory? Move the
        slider.
      </Question>
    </>
  );
}
