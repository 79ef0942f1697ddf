/** Lesson 2: reading a prompt and writing an answer take the same weights, and very different times. */
import { ask } from '../plan/ask/planner.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { doublings, Slider } from '../ui/slider.js';
import { useKnob } from './knob.js';
import { Bars } from './parts.js';
import { Question } from './question.js';

const STEPS = doublings(16, 8192);
/** How many times quicker a token should be read than written. */
const TIMES = 100;

export function PrefillLesson() {
  const prompt = useKnob('prompt', STEPS, 16);
  const asked = [prompt.value, Math.max(STEPS[0]!, prompt.value / 2)].map((promptTokens) => ({
    model: 'llama-3.1-8b',
    machine: 'h100',
    request: { promptTokens, outputTokens: 128, concurrency: 1 },
  }));
  const { answer, isStale } = useAsked(asked, (questions) => ask((api) => api.plan(questions)));
  const problem = answer?.find((planned) => 'problem' in planned)?.problem;
  const results = (answer ?? []).flatMap((planned) => ('result' in planned ? [planned.result] : []));
  const ratios = results.map(
    ({ tpotMs, ttftMs }, i) => (tpotMs * asked[i]!.request.promptTokens) / Math.max(1e-9, ttftMs),
  );
  const [now] = results;
  const [ratio = 0, ratioOfHalf = 0] = ratios;
  const isFewest = ratio >= TIMES && ratioOfHalf < TIMES;
  return (
    <>
      <p>
        Before a model writes, it reads your prompt: the same weights, the same products. But all tokens of
        the prompt are known, so they go through together: each weight that crosses from memory is used for
        every one of them. That is a product of two matrices (GEMM). The answer comes token by token, each
        from the one before: a matrix and a vector (GEMV), and every weight crosses again for each.
      </p>
      <p>Reading waits for arithmetic, writing waits for memory. How far are the two apart on one H100?</p>
      <Slider
        label="Tokens in the prompt"
        value={prompt.value}
        steps={STEPS}
        show={(n) => plural(n, 'token')}
        onChange={prompt.set}
      />
      {problem !== undefined && <Notice kind="bad">{problem}</Notice>}
      {now !== undefined && (
        <figure aria-busy={isStale}>
          <Bars
            bars={[
              {
                name: 'one token read',
                value: now.ttftMs / prompt.value,
                text: `${figure(now.ttftMs / prompt.value)} ms`,
              },
              { name: 'one token written', value: now.tpotMs, text: `${figure(now.tpotMs)} ms` },
            ]}
          />
          <figcaption>
            Llama-3.1-8B for one user, simulated: {plural(prompt.value, 'token')} are read in{' '}
            {figure(now.ttftMs)} ms, which is {figure(ratio)} times as quick for each as writing one.
          </figcaption>
        </figure>
      )}
      <Question
        id="prefill"
        isRight={!isStale && isFewest}
        wrong={
          isStale || now === undefined
            ? null
            : ratio < TIMES
              ? `Not yet: with ${plural(prompt.value, 'token')} reading one is ${figure(ratio)} times as quick.`
              : isFewest
                ? null
                : 'Quick enough, but a prompt of half the length is as well.'
        }
        guess={{
          ask: `from how long a prompt on is a token read ${TIMES} times as quickly as one is written?`,
          unit: 'tokens',
          truth: !isStale && isFewest ? prompt.value : null,
        }}
        hints={[
          'A short prompt is read in about the time of a long one: what takes the time there?',
          'Starting a request takes some thirty milliseconds, whatever its length. They are shared by all tokens of the prompt.',
        ]}
        onReveal={() => prompt.set(1024)}
        answer={
          <>
            From {figure(prompt.value)} tokens on. So services count prompt and answer apart, let long prompts
            wait for one another, and never measure a machine by one number of tokens per second.
          </>
        }
      >
        What is the shortest prompt of the slider whose tokens are read {TIMES} times as quickly, each, as one
        is written? Move the slider to it.
      </Question>
    </>
  );
}
