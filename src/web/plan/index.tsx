/** The planner: sliders, figures and charts that follow them at once, and a way to take the answer along. */
import './plan.css';
import { useRef } from 'preact/hooks';
import type { PlanResult } from '../../timing/estimate-types.js';
import { Fleet } from '../fleet/section.js';
import { route } from '../state.js';
import { Notice, Told } from '../ui/notice.js';
import { CopyButton, CopyLink, saveFile } from '../ui/save.js';
import { machineLabel } from './ask/machines.js';
import { ask } from './ask/planner.js';
import { useAsked } from './ask/use-asked.js';
import { changeOf, comparison } from './change.js';
import { Cost, Latency, Pareto, Waits } from './charts.js';
import { Controls } from './controls.js';
import { Figures } from './figures.js';
import { commandLines, questionsOf, readSettings } from './settings.js';

export default function PlanView() {
  const settings = readSettings(route.value.params);
  const { card: offer, slo, users } = settings;
  const questions = questionsOf(settings);
  const plans = useAsked(questions, (asked) => ask((api) => api.plan(asked)));
  const sweeps = useAsked({ questions, slo }, (asked) => ask((api) => api.sweep(asked.questions, asked.slo)));
  const planned = plans.answer ?? [];
  const results = planned.flatMap((one): PlanResult[] => ('result' in one ? [one.result] : []));
  const changes = useChanges(results, plans.isStale);
  const command = commandLines(settings);
  const saveReport = async (): Promise<void> => {
    // The report brings its chart library along, and the planner, which else is a worker's: loaded by those who want one.
    const [{ planHtml }, { interactivity }, { findMachine }, { cardNamed }] = await Promise.all([
      import('../../report/plan/report.js'),
      import('../../timing/interactivity.js'),
      import('../../timing/local-run.js'),
      import('./ask/cards.js'),
    ]);
    const card = cardNamed(offer.name);
    const machines = results.map(({ machine }) => findMachine(machine));
    const requests = machines.map(({ name }) => questions.find(({ machine }) => machine === name)!.request);
    const frontiers = results.map((result, at) => interactivity(card, machines[at]!, requests[at]!, result));
    const html = planHtml({ card, machines, requests, results, frontiers, command });
    saveFile(html, `waferflow-plan-${card.name}.html`, 'text/html');
  };
  return (
    <div class="page plan">
      <h1>Plan capacity</h1>
      <p class="lede">
        What {offer.name} takes on wafers and on GPUs. Everything here is simulated; the shape of the model is{' '}
        {offer.tag}.
      </p>
      <Told sentences={[...settings.told, plans.problem, sweeps.problem]} />
      <div class="plan-body">
        <Controls settings={settings} />
        <div class="plan-answer" aria-busy={plans.isStale}>
          {planned.map(
            (one) =>
              'problem' in one && (
                <Notice key={one.machine} kind="bad">
                  {machineLabel(one.machine)}: {one.problem}
                </Notice>
              ),
          )}
          {results.length === 2 && (
            <p class="said" role="status">
              {comparison(results)} {changes}
            </p>
          )}
          <Figures results={results} slo={slo} sweeps={sweeps.answer ?? []} />
          <h2>Speed for one against speed for all</h2>
          <Pareto sweeps={sweeps.answer ?? []} users={users} />
          <div class="plan-pair">
            <section>
              <h2>Latency under load</h2>
              <Latency sweeps={sweeps.answer ?? []} slo={slo} />
            </section>
            <section>
              <h2>Cost under load</h2>
              <Cost sweeps={sweeps.answer ?? []} />
            </section>
          </div>
          <h2>What a step waits for</h2>
          <Waits results={results} />
          <Fleet settings={settings} />
          <h2>Take it along</h2>
          <pre class="command" tabIndex={-1}>
            <code>{command}</code>
          </pre>
          <p class="actions">
            <CopyButton text={command}>Copy command</CopyButton>
            <button
              type="button"
              class="button"
              disabled={results.length === 0}
              onClick={() => void saveReport()}
            >
              Report as HTML
            </button>
            <CopyLink />
          </p>
        </div>
      </div>
    </div>
  );
}

/** What the last change of the settings did; it stays until the next one. */
function useChanges(results: readonly PlanResult[], isStale: boolean): string {
  const last = useRef<{ key: string; results: readonly PlanResult[]; said: string }>({
    key: '',
    results: [],
    said: '',
  });
  const key = JSON.stringify(
    results.map(({ machine, count, tpotMs, ttftMs }) => [machine, count, tpotMs, ttftMs]),
  );
  if (!isStale && key !== last.current.key) {
    const { results: before } = last.current;
    const said = results.flatMap((now) => {
      const old = before.find(({ machine }) => machine === now.machine);
      return old === undefined ? [] : [changeOf(old, now) ?? ''];
    });
    last.current = { key, results, said: said.join(' ').trim() };
  }
  return last.current.said;
}
