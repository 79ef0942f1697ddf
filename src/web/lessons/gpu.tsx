/** Lesson 1: a GPU reads all weights for every token, and waits for them. */
import type { PlanResult } from '../../timing/estimate-types.js';
import { ask } from '../plan/ask/planner.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { doublings, Slider } from '../ui/slider.js';
import { useKnob } from './knob.js';
import { Bars } from './parts.js';
import { Question } from './question.js';

const STEPS = doublings(1, 2048);

/** Milliseconds of a step that go by for the memory, and for the arithmetic beside it. */
function sums(result: PlanResult | null): { readonly memory: number; readonly arithmetic: number } {
  const total = (key: 'memorySeconds' | 'computeSeconds'): number =>
    1e3 * (result?.decode.ops.reduce((sum, op) => sum + op[key], 0) ?? 0);
  return { memory: total('memorySeconds'), arithmetic: total('computeSeconds') };
}

export function GpuLesson() {
  const users = useKnob('users', STEPS, 1);
  const request = { promptTokens: 128, outputTokens: 128, concurrency: users.value };
  const fewer = { ...request, concurrency: Math.max(1, users.value / 2) };
  const { answer, isStale } = useAsked(
    [request, fewer].map((request) => ({ model: 'llama-3.1-8b', machine: 'h100', request })),
    (asked) => ask((api) => api.plan(asked)),
  );
  const planned = answer?.[0];
  const [result, before] = (answer ?? []).map((one) => ('result' in one ? one.result : null));
  const { memory, arithmetic } = sums(result ?? null);
  const beforeSums = sums(before ?? null);
  const rest = Math.max(0, (result?.tpotMs ?? 0) - Math.max(memory, arithmetic));
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
        each of them. But every user has keys and values of earlier tokens as well, and nobody shares those:
        with more users there is more to read.
      </p>
      <Slider
        label="Users who share one H100"
        value={users.value}
        steps={STEPS}
        show={(n) => plural(n, 'user')}
        onChange={users.set}
      />
      {planned !== undefined && 'problem' in planned && <Notice kind="bad">{planned.problem}</Notice>}
      {result !== null && result !== undefined && (
        <figure aria-busy={isStale}>
          <Bars
            bars={[
              { name: 'reading memory', value: memory, text: `${figure(memory)} ms` },
              { name: 'arithmetic, meanwhile', value: arithmetic, text: `${figure(arithmetic)} ms` },
              { name: 'other work', value: rest, text: `${figure(rest)} ms` },
            ]}
          />
          <figcaption>
            One decode step on an H100, simulated: a token for each of {plural(users.value, 'user')} in{' '}
            {figure(result.tpotMs)} ms, which is {figure(result.tokensPerSecondPerUser)} tokens per second for
            each. Other work is starting kernels, and reading the prompts of users who come in between.
          </figcaption>
        </figure>
      )}
      <Question
        id="gpu"
        isRight={
          !isStale && arithmetic > 0 && arithmetic >= memory && beforeSums.arithmetic < beforeSums.memory
        }
        wrong={
          isStale || arithmetic === 0
            ? null
            : arithmetic < memory
              ? `Not yet: with ${plural(users.value, 'user')} reading memory takes ${figure(memory / arithmetic)} times as long as the arithmetic.`
              : beforeSums.arithmetic >= beforeSums.memory
                ? `Enough, but not the fewest: with ${plural(users.value / 2, 'user')} the arithmetic takes as long as well.`
                : null
        }
        guess={{
          ask: 'from how many users on is it the arithmetic that takes longer?',
          unit: 'users',
          truth: isStale ? null : users.value,
        }}
        hints={[
          '1,000 TFLOP against 3.35 TB are 300 operations for each byte. A weight of two bytes takes two operations for each user.',
          'That gives some 300 users, if weights were all there is to read. Each user’s keys and values are read as well, and only for that user.',
        ]}
        onReveal={() => users.set(1024)}
        answer={
          <>
            Only with so many users does the arithmetic take as long as the memory. Look what it costs each of
            them: with one user a token took a few milliseconds. A wafer keeps all weights on the chip, beside
            the arithmetic, so it has no such wait.
          </>
        }
      >
        What is the fewest users of the slider with whom arithmetic takes at least as long as reading memory?
        Move the slider to it.
      </Question>
    </>
  );
}
