/** The first screen: the embedded model writes here, machines write the same tokens at their simulated speed. */
import './race.css';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { EnginePanel } from '../engine/panel.js';
import { CARDS, cardNamed, MACHINES, machineLabel } from '../plan/ask/cards.js';
import { ask } from '../plan/ask/planner.js';
import { useAsked } from '../plan/ask/use-asked.js';
import { serves } from '../serves.js';
import { readChoice, readNumber, route, setParams } from '../state.js';
import { plural } from '../ui/format.js';
import { Notice, Told } from '../ui/notice.js';
import { Select } from '../ui/slider.js';
import { LaneView, MeasuredLaneView } from './lane-view.js';
import { type SimulatedLane, simulatedLane } from './lanes.js';
import { PRESETS } from './presets.js';
import { Results } from './results.js';
import { Race } from './run.js';
import { browserWriter, serverWriter } from './writer.js';

const mostMachines = 4;
const names = MACHINES.map(({ name }) => name);
const cardNames = CARDS.map(({ name }) => name);

function readMachines(text: string | undefined): { machines: string[]; told: string | null } {
  if (text === undefined) return { machines: ['wse-3', 'h100'], told: null };
  const given = [...new Set(text.split(',').filter((name) => name !== ''))];
  const machines = given.filter((name) => names.includes(name)).slice(0, mostMachines);
  const lost = given.filter((name) => !machines.includes(name));
  return {
    machines,
    told:
      lost.length === 0
        ? null
        : `Left out ${lost.join(', ').slice(0, 60)}: a race has up to ${mostMachines} machines of those below.`,
  };
}

export default function RaceView() {
  const { params } = route.value;
  const model = readChoice(params, 'model', cardNames, 'llama-3.1-70b');
  const tokens = readNumber(params, { name: 'tokens', min: 16, max: 400, fallback: 256, whole: true });
  const { machines, told } = readMachines(params.machines);
  const prompt = params.prompt ?? PRESETS[0]!.text;
  const by = readChoice(params, 'by', ['browser', 'server'] as const, 'browser');
  const writer = by.value === 'server' && serves.value === true ? serverWriter : browserWriter;
  const race = useMemo(() => new Race(), []);
  const track = useRef<HTMLDivElement>(null);
  useEffect(() => () => race.stop(), [race]);
  // The text's length in tokens hardly matters for these machines; a round figure keeps their speeds still.
  const request = { promptTokens: 64, outputTokens: tokens.value, concurrency: 1 };
  const asked = useAsked(
    machines.map((machine) => ({ model: model.value, machine, request })),
    (questions) => ask((api) => api.plan(questions)),
  );
  const planned = asked.answer ?? [];
  const lanes = planned.map(simulatedLane).filter((lane): lane is SimulatedLane => lane !== null);
  const state = race.state.value;
  const isBusy = state.kind === 'loading' || state.kind === 'running';
  const change = (changes: Parameters<typeof setParams>[0]): void => {
    race.stop();
    setParams(changes);
  };
  const toggle = (name: string): void => {
    const next = machines.includes(name) ? machines.filter((other) => other !== name) : [...machines, name];
    change({ machines: next.join(',') || 'none' });
  };
  const title = cardNamed(model.value).name;
  return (
    <div class="page race">
      <h1>What does a wafer’s speed feel like?</h1>
      <p class="lede">
        A small model writes here, live. Beside it the same tokens come as fast as {title} would write them on
        the machines you pick: simulated, one user.
      </p>
      <Told sentences={[model.told, tokens.told, told, by.told, asked.problem]} />
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          if (isBusy) race.stop();
          else {
            void race.start(writer, prompt, tokens.value, lanes);
            track.current?.scrollIntoView({ block: 'nearest' });
          }
        }}
      >
        <div class="prompt">
          <label for="prompt">The beginning of some TypeScript</label>
          <textarea
            id="prompt"
            class="mono"
            rows={5}
            spellcheck={false}
            value={prompt}
            onInput={({ currentTarget }) => change({ prompt: currentTarget.value })}
          />
          <div class="chips">
            {PRESETS.map(({ name, text }) => (
              <button
                key={name}
                type="button"
                class="chip"
                aria-pressed={prompt === text}
                onClick={() => change({ prompt: text === PRESETS[0]!.text ? undefined : text })}
              >
                {name}
              </button>
            ))}
          </div>
        </div>
        <div class="against">
          {serves.value === true && (
            <Select
              label="Who really writes"
              value={by.value}
              options={[
                { value: 'browser', text: 'this browser' },
                { value: 'server', text: 'the server of this page' },
              ]}
              onChange={(value) => change({ by: value === 'browser' ? undefined : value })}
            />
          )}
          <label for="model">Model on the machines</label>
          <select
            id="model"
            value={model.value}
            onChange={({ currentTarget }) => change({ model: currentTarget.value })}
          >
            {cardNames.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <fieldset>
            <legend class="label">Machines</legend>
            <div class="chips">
              {MACHINES.map(({ name, title }) => (
                <button
                  key={name}
                  type="button"
                  class="chip"
                  title={title}
                  aria-pressed={machines.includes(name)}
                  disabled={!machines.includes(name) && machines.length >= mostMachines}
                  onClick={() => toggle(name)}
                >
                  {machineLabel(name)}
                </button>
              ))}
            </div>
          </fieldset>
          <div class="go">
            <button type="submit" class="button primary" disabled={asked.isStale && !isBusy}>
              {isBusy ? 'Stop' : state.kind === 'finished' ? 'Race again' : 'Race'}
            </button>
            <label for="tokens" class="inline">
              <span class="num">{plural(tokens.value, 'token')}</span>
              <input
                id="tokens"
                type="range"
                min={16}
                max={400}
                step={16}
                value={tokens.value}
                onInput={({ currentTarget }) => change({ tokens: currentTarget.value })}
              />
            </label>
          </div>
        </div>
      </form>
      {writer === browserWriter && <EnginePanel />}
      {state.kind === 'failed' && <Notice kind="bad">{state.problem}</Notice>}
      <div class="lanes" ref={track}>
        <MeasuredLaneView race={race} writer={writer} />
        {planned.map((planned) => (
          <LaneView key={planned.machine} race={race} planned={planned} model={title} />
        ))}
      </div>
      <Results
        race={race}
        model={title}
        lanes={lanes}
        where={writer === serverWriter ? 'the model of a server' : 'a small model in this browser'}
      />
    </div>
  );
}
