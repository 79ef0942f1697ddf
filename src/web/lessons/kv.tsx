/** Lesson 8: the KV cache lies beside the weights, in the same SRAM. */
import { formatBytes } from '../../core/units.js';
import { ask } from '../plan/ask/planner.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { Slider } from '../ui/slider.js';
import type { SramSegment } from '../wafer/draw/draw-pe.js';
import { MemoryMap } from '../wafer/placed/memory-map.js';
import { range, useKnob } from './knob.js';
import { Question } from './question.js';

const STEPS = range(1, 40);
const CONTEXT = 8192;

export function KvLesson() {
  const users = useKnob('users', STEPS, 4);
  const questionOf = (concurrency: number) => ({
    model: 'llama-3.1-8b',
    machine: 'wse-3',
    request: { promptTokens: CONTEXT / 2, outputTokens: CONTEXT / 2, concurrency },
  });
  const { answer, isStale } = useAsked([questionOf(users.value), questionOf(users.value + 1)], (asked) =>
    ask((api) => api.plan(asked)),
  );
  const [now, next] = (answer ?? []).map((planned) => ('result' in planned ? planned.result : null));
  const problem = answer?.find((planned) => 'problem' in planned)?.problem;
  const plan = now?.plan;
  const pesOf = (wafers: number): number => wafers * 755 * 1170;
  const segments: SramSegment[] = [];
  if (plan !== undefined) {
    const { regions } = plan;
    const total = (of: (region: (typeof regions)[number]) => number): number =>
      regions.reduce((sum, region) => sum + of(region), 0);
    const weights = total(({ weightBytes }) => weightBytes);
    const kv = plan.users * total(({ kvBytesPerUser }) => kvBytesPerUser);
    const inRegions = (part: 'buffers' | 'code'): number =>
      total(({ budget, rect }) => budget[part] * rect.width * rect.height);
    const buffers = inRegions('buffers');
    const code = inRegions('code');
    const all = pesOf(plan.wafers) * 48 * 1024;
    segments.push(
      { name: 'weights', part: 'weights', bytes: weights },
      { name: 'KV cache', part: 'kv', bytes: kv },
      { name: 'buffers', part: 'buffers', bytes: buffers },
      { name: 'code and stack', part: 'code', bytes: code },
      { name: 'free', part: 'free', bytes: Math.max(0, all - weights - kv - buffers - code) },
    );
  }
  const perUser = plan?.regions.reduce((sum, { kvBytesPerUser }) => sum + kvBytesPerUser, 0) ?? 0;
  return (
    <>
      <p>
        A model looks back at everything said so far. For each earlier token it keeps a key and a value in
        every layer, so that it need not compute them again: the KV cache. On a wafer the cache of a layer
        lies in the same PEs as the layer’s weights, token by token from top to bottom, so no PE has to fetch
        it from far away.
      </p>
      <p>
        But SRAM is all there is. Weights are stored once for everybody; the cache grows with every user and
        every token. Here each user of Llama-3.1-8B has {figure(CONTEXT)} tokens
        {perUser > 0 && `, which is ${formatBytes(perUser)} of cache`}.
      </p>
      <Slider
        label="Users at once"
        value={users.value}
        steps={STEPS}
        show={(n) => plural(n, 'user')}
        onChange={users.set}
      />
      {problem !== undefined && <Notice kind="bad">{problem}</Notice>}
      {plan !== undefined && (
        <figure aria-busy={isStale}>
          <MemoryMap segments={segments} />
          <figcaption>
            {plural(plan.wafers, 'wafer')} of WSE-3, simulated placement: {plan.regionCount} regions of{' '}
            {plan.grid.width} × {plan.grid.height} PEs. Their number is searched anew for every number of
            users.
          </figcaption>
        </figure>
      )}
      <Question
        id="kv"
        isRight={!isStale && now?.count === 1 && next !== undefined && next !== null && next.count > 1}
        wrong={
          isStale || now === null || now === undefined
            ? null
            : now.count > 1
              ? `${plural(users.value, 'user')} take ${plural(now.count, 'wafer')}.`
              : next?.count === 1
                ? `${plural(users.value, 'user')} fit, and one more does as well.`
                : null
        }
        guess={{
          ask: 'how many such users fit on one wafer, beside 15 GiB of weights in 40 GiB of SRAM?',
          unit: 'users',
          truth: !isStale && now?.count === 1 && next?.count !== 1 ? users.value : null,
        }}
        hints={[
          'What is free, divided by the cache of one user, is the most that could be.',
          'But the cache of a layer has to lie with that layer: a region that is full is full, though others have room.',
        ]}
        onReveal={() => users.set(21)}
        answer={
          <>
            One more user needs a second wafer: no region of the first has room for the cache of another one
            in all of its layers. The second wafer is not wasted, though: it holds layers too, so every user
            gets faster. What a token costs then is a question for the planner. Shorter conversations or a
            narrower cache make room for more.
          </>
        }
      >
        How many users fit on one wafer? Set the slider to the most.
      </Question>
    </>
  );
}
