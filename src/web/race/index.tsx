/** The first screen: two machines write the same text, each at its simulated speed; below, what this browser really runs. */
import './race.css';
import { useEffect, useMemo } from 'preact/hooks';
import { countParameters } from '../../../models/card.js';
import { CARDS, cardNamed } from '../plan/ask/cards.js';
import { MACHINES, machineLabel } from '../plan/ask/machines.js';
import { ask } from '../plan/ask/planner.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { readChoice, route, setParams } from '../state.js';
import { reducedMotion } from '../theme.js';
import { duration, figure } from '../ui/format.js';
import { Notice, Told } from '../ui/notice.js';
import { CopyLink, saveFile } from '../ui/save.js';
import { Select } from '../ui/slider.js';
import { Clock } from './clock.js';
import { LaneView } from './lane-view.js';
import { EQUALS, type Lane, lanesOf } from './lanes.js';
import { Measured } from './measured.js';
import { pngOf, raceSvg } from './picture.js';
import { publishedOf } from './published.js';
import { finishMs, longestOf, MADE, MODES, scriptOf, tokensOf } from './script.js';

const cardNames = CARDS.map(({ name }) => name);
const names = MACHINES.map(({ name }) => name);
const rivals = MACHINES.filter(({ kind }) => kind === 'gpu').slice(0, 9);
const options = MACHINES.map(({ name }) => ({ value: name, text: machineLabel(name) }));

/** The two machines of an address; older ones may name more. */
function readPair(text: string | undefined): { pair: readonly [string, string]; told: string | null } {
  const given = (text ?? '').split(',').filter((name) => name !== '');
  const known = [...new Set(given)].filter((name) => names.includes(name));
  const lost = given.filter((name) => !known.slice(0, 2).includes(name));
  const left = known[0] ?? 'wse-3';
  const right = known[1] ?? (left === 'h100' ? 'wse-3' : 'h100');
  return {
    pair: [left, right],
    told:
      lost.length === 0 ? null : `Left out ${lost.join(', ').slice(0, 60)}: two of the known machines race.`,
  };
}

export default function RaceView() {
  const { params } = route.value;
  const model = readChoice(params, 'model', cardNames, 'llama-3.1-70b');
  const mode = readChoice(params, 'mode', MODES, 'chat');
  const equal = readChoice(params, 'equal', EQUALS, 'machines');
  const { pair, told } = readPair(params.machines);
  const clock = useMemo(() => new Clock(), []);
  useEffect(() => () => clock.stop(), [clock]);
  const script = scriptOf(mode.value);
  const request = { promptTokens: 64, outputTokens: longestOf(script), concurrency: 1 };
  const asked = useAsked(
    pair.map((machine) => ({ model: model.value, machine, request })),
    (questions) => ask((api) => api.plan(questions)),
  );
  const planned = asked.isStale ? [] : (asked.answer ?? []);
  const lanes = lanesOf(planned, equal.value);
  const racing = lanes.filter((lane): lane is Lane => lane !== null);
  const endMs = Math.max(0, ...racing.map((lane) => finishMs(script, lane)));
  const key = [model.value, mode.value, pair.join(), planned.length].join('|');
  // It opens running; a link with go=1 does so even for those who asked for less motion, twice a second.
  const starts = racing.length > 0 && (!reducedMotion.value || params.go === '1');
  useEffect(() => {
    if (starts) clock.start(endMs);
    else clock.stop();
  }, [key, starts]);
  useEffect(() => {
    const pick = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest('input, textarea, select') !== null) return;
      const rival = rivals[Number(event.key) - 1];
      if (rival !== undefined && rival.name !== pair[0]) setParams({ machines: `${pair[0]},${rival.name}` });
    };
    addEventListener('keydown', pick);
    return () => removeEventListener('keydown', pick);
  }, [pair[0]]);
  const elapsedMs = clock.elapsedMs.value;
  const isRunning = elapsedMs !== null && elapsedMs < endMs;
  const card = cardNamed(model.value);
  const gib = (countParameters(card).active * card.weightBits) / 8 / 2 ** 30;
  const published = publishedOf(card.name);
  const line = `waferflow plan --model ${card.name} --machine ${pair.join(',')} --prompt 64 --output ${request.outputTokens} --concurrency 1`;
  return (
    <div class="page race">
      <h1>The same answer, from a wafer and from a GPU</h1>
      <p class="lede">
        A wafer is one chip as large as a plate: all weights of {card.name} lie beside the multipliers. Watch
        both write for one user.
      </p>
      <Told sentences={[model.told, mode.told, equal.told, told, asked.problem]} />
      <div class="bar">
        <fieldset class="chips">
          <legend class="hidden">What is written</legend>
          {MODES.map((name) => (
            <button
              key={name}
              type="button"
              class="chip"
              aria-pressed={mode.value === name}
              onClick={() => setParams({ mode: name === 'chat' ? undefined : name })}
            >
              {name}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          class="button primary"
          disabled={racing.length === 0}
          onClick={() => (isRunning ? clock.stop() : clock.start(endMs))}
        >
          {isRunning ? 'Stop' : elapsedMs === null ? 'Race' : 'Race again'}
        </button>
      </div>
      <div class="lanes" aria-busy={asked.isStale}>
        {lanes.map((lane, index) =>
          lane === null ? (
            <Notice key={pair[index]} kind="bad">
              {machineLabel(pair[index]!)}: {problemOf(planned[index])}
            </Notice>
          ) : (
            <LaneView
              key={lane.machine}
              lane={lane}
              model={card.name}
              script={script}
              elapsedMs={elapsedMs}
              gib={gib}
            />
          ),
        )}
        {lanes.length === 0 &&
          pair.map((name) => <section key={name} class="lane empty" aria-hidden="true" />)}
      </div>
      <Verdict
        lanes={racing}
        elapsedMs={elapsedMs}
        tokens={tokensOf(script)}
        times={racing.map((lane) => finishMs(script, lane))}
      />
      <div class="settings">
        <Select
          label="Model"
          value={model.value}
          options={cardNames.map((name) => ({ value: name, text: name }))}
          onChange={(value) => setParams({ model: value })}
        />
        <Select
          label="This machine"
          value={pair[0]}
          options={options.filter(({ value }) => value !== pair[1])}
          onChange={(value) => setParams({ machines: `${value},${pair[1]}` })}
        />
        <Select
          label="against (keys 1 to 9)"
          value={pair[1]}
          options={options
            .filter(({ value }) => value !== pair[0])
            .map(({ value, text }) => {
              const digit = rivals.findIndex(({ name }) => name === value) + 1;
              return { value, text: digit === 0 ? text : `${digit}  ${text}` };
            })}
          onChange={(value) => setParams({ machines: `${pair[0]},${value}` })}
        />
        <Select
          label="How many of each"
          value={equal.value}
          options={[
            { value: 'machines', text: 'as many as hold the model' },
            { value: 'dollars', text: 'for equal dollars' },
            { value: 'watts', text: 'for equal watts' },
          ]}
          onChange={(value) => setParams({ equal: value === 'machines' ? undefined : value })}
        />
      </div>
      <p class="small muted">
        Both speeds are simulated.{' '}
        {published !== null && (
          <>
            The vendor of the wafers <a href={published.source}>publishes</a>{' '}
            {figure(published.tokensPerSecond)} tokens/s per user
            {published.remark !== '' && `, ${published.remark}`}.{' '}
          </>
        )}
        The text is real: {MADE.model} ({MADE.licence}) wrote it once with waferflow,{' '}
        <code>{MADE.command}</code>. The figures: <code class="command">{line}</code>
      </p>
      <p class="actions">
        <button
          type="button"
          class="button"
          disabled={racing.length === 0}
          onClick={() =>
            void pngOf(raceSvg({ model: card.name, script, lanes: racing, address: location.href })).then(
              (png) => saveFile(png, `waferflow-race-${card.name}.png`),
            )
          }
        >
          Picture as PNG
        </button>
        <CopyLink />
      </p>
      <Measured />
    </div>
  );
}

const problemOf = (planned: { readonly problem?: string } | object | undefined): string =>
  planned !== undefined && 'problem' in planned ? String(planned.problem) : '';

interface VerdictProps {
  readonly lanes: readonly Lane[];
  readonly times: readonly number[];
  readonly tokens: number;
  readonly elapsedMs: number | null;
}

/** Who is done, and how long one still waits for the other. */
function Verdict({ lanes, times, tokens, elapsedMs }: VerdictProps) {
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const fastest = lanes[times.indexOf(first)];
  const slowest = lanes[times.indexOf(last)];
  if (
    fastest === undefined ||
    slowest === undefined ||
    fastest === slowest ||
    elapsedMs === null ||
    elapsedMs < first
  )
    return <p class="verdict" role="status" />;
  const isOver = elapsedMs >= last;
  return (
    <p class="verdict" role="status">
      {fastest.label} took {duration(first)} for {figure(tokens)} tokens.{' '}
      {isOver
        ? `${slowest.label} took ${duration(last)}: ${figure(last / first)} times as long.`
        : `On ${slowest.label} you still wait.`}
    </p>
  );
}
