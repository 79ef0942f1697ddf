/** Lesson 9: from one user to a fleet: requests come when they want, and the slowest of a hundred counts. */
import { useEffect, useMemo } from 'preact/hooks';
import { connect } from '../../runtime/link.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { Slider } from '../ui/slider.js';
import { DEMAND } from './fleet-run.js';
import { range, useKnob } from './knob.js';
import { Bars } from './parts.js';
import { Question } from './question.js';
import type { FleetApi } from './worker.js';

const STEPS = range(1, 10);

export function FleetLesson() {
  const wafers = useKnob('wafers', STEPS, 1);
  const worker = useMemo(
    () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'waferflow-fleet' }),
    [],
  );
  useEffect(() => () => worker.terminate(), [worker]);
  const api = useMemo(() => connect<FleetApi>(worker), [worker]);
  const question = wafers.value > 1 ? [wafers.value, wafers.value - 1] : [1];
  const { answer, isStale, problem } = useAsked(question, (counts) => api.run(counts));
  const [now, fewer] = answer ?? [];
  const tier = now?.tiers[0];
  const meets = (result: typeof now): boolean => result?.slo.every((outcome) => outcome.meets) ?? false;
  return (
    <>
      <p>
        One user of a wafer gets thousands of tokens per second. A service has many users, and nobody tells it
        when they come. Here {figure(DEMAND.requestsPerSecond)} requests arrive per second, at random moments,
        with prompts of {figure(DEMAND.meanPromptTokens)} tokens and answers of{' '}
        {figure(DEMAND.meanOutputTokens)} on average. Every wafer holds a copy of Llama-3.1-8B; a request goes
        to the one with least to do.
      </p>
      <p>
        When requests come faster than they are answered, a queue grows without end. Long before that, the
        unlucky ones wait: look at the slowest of a hundred, not at the middle one.
      </p>
      <Slider
        label="Wafers"
        value={wafers.value}
        steps={STEPS}
        show={(n) => plural(n, 'wafer')}
        onChange={wafers.set}
      />
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      {now !== undefined && tier !== undefined ? (
        <figure aria-busy={isStale}>
          <Bars
            most={2 * DEMAND.ttftMs}
            bars={[
              { name: 'first token, middle', value: tier.ttftMs.p50, text: `${figure(tier.ttftMs.p50)} ms` },
              {
                name: 'first token, slowest of a hundred',
                value: tier.ttftMs.p99,
                text: `${figure(tier.ttftMs.p99)} ms`,
                isMarked: !meets(now),
              },
              { name: 'the limit', value: DEMAND.ttftMs, text: `${figure(DEMAND.ttftMs)} ms` },
            ]}
          />
          <figcaption>
            Simulated: {figure(now.requests)} requests on {plural(wafers.value, 'wafer')};{' '}
            {figure(now.tokensPerSecond)} tokens/s, a wafer has at least one request{' '}
            {figure(100 * now.utilisation)} % of the time, {figure(now.dollarsPerMTokens)} $ per million
            tokens (price assumed).
          </figcaption>
        </figure>
      ) : (
        <p class="muted">Simulating…</p>
      )}
      <Question
        id="fleet"
        isRight={!isStale && meets(now) && fewer !== undefined && !meets(fewer)}
        wrong={
          isStale || now === undefined
            ? null
            : !meets(now)
              ? `With ${plural(wafers.value, 'wafer')} the slowest of a hundred waits ${figure(tier?.ttftMs.p99 ?? 0)} ms: too long.`
              : fewer === undefined || meets(fewer)
                ? 'Enough, but not the fewest.'
                : null
        }
        guess={{
          ask: 'how many wafers does it take?',
          unit: 'wafers',
          truth: !isStale && meets(now) && !meets(fewer) ? wafers.value : null,
        }}
        hints={[
          'Look at the slowest of a hundred, not at the middle one.',
          'Go down by one wafer until the limit is missed.',
        ]}
        onReveal={() => wafers.set(2)}
        answer={
          <>
            With one wafer less, one request in a hundred waits too long; with one more you pay for speed that
            nobody asked for. Finding this number for your own model, requests and limits is what the planner
            and <code>waferflow capacity</code> are for.
          </>
        }
      >
        How few wafers keep the first token of 99 of 100 requests within {figure(DEMAND.ttftMs)} ms?
      </Question>
    </>
  );
}
