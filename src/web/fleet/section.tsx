/** The fleet simulator in the planner: how many machines real traffic needs, request by request. */
import type { EChartsOption } from 'echarts';
import { useCallback } from 'preact/hooks';
import type { CapacityAnswer, CapacityResult, FrontierPoint } from '../../fleet/types.js';
import { machineLabel } from '../plan/ask/machines.js';
import type { Settings } from '../plan/settings.js';
import { readNumber, route, setParams } from '../state.js';
import { axis, Chart, type Palette } from '../ui/chart.js';
import { duration, figure } from '../ui/format.js';
import { Notice, Told } from '../ui/notice.js';
import { CopyButton, saveFile } from '../ui/save.js';
import { Slider } from '../ui/slider.js';
import type { FleetQuestion } from './api.js';
import { commandLine } from './command.js';
import { useSearch } from './search.js';

const rates = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];
/** Enough for a 99th percentile, few enough for a slider. */
const requests = 1000;

export function Fleet({ settings }: { settings: Settings }) {
  const { params } = route.value;
  const rate = readNumber(params, { name: 'rate', min: 0.01, max: 1000, fallback: 5 });
  const isOn = params.rate !== undefined;
  const { card, wafer, gpu, promptTokens, outputTokens, slo, weights } = settings;
  const question: FleetQuestion = {
    model: card.name,
    machines: [wafer, gpu],
    requestsPerSecond: rate.value,
    promptTokens,
    outputTokens,
    ...slo,
    weightBits: weights === 'published' ? null : Number(weights),
    requests,
  };
  const { result, progress, problem } = useSearch(isOn ? question : null);
  const command = commandLine(question);
  return (
    <section class="fleet" aria-label="Fleet under traffic">
      <h2>A fleet under traffic</h2>
      <p class="muted">
        {figure(requests)} requests arrive at random with lengths drawn around those of the sliders, and are
        simulated one by one. The fewest machines are searched with which 99 % of them keep the SLO.
      </p>
      <Told sentences={[rate.told]} />
      <div class="fleet-controls">
        <Slider
          label="Requests per second"
          value={rate.value}
          steps={rates}
          show={figure}
          onChange={(value) => setParams({ rate: String(value) })}
        />
        {!isOn && (
          <button
            type="button"
            class="button primary"
            onClick={() => setParams({ rate: String(rate.value) })}
          >
            Search the fewest machines
          </button>
        )}
        <p class="small muted" role="status">
          {progress !== null &&
            (progress.total === 0
              ? 'Searching…'
              : `Searching: ${progress.done} of ${progress.total} configurations`)}
        </p>
      </div>
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      {result !== null && isOn && (
        <div aria-busy={progress !== null}>
          <Answers result={result} />
          <Frontier points={result.frontier} />
          <pre class="command">
            <code>{command}</code>
          </pre>
          <p class="actions">
            <CopyButton text={command}>Copy command</CopyButton>
            <button type="button" class="button" onClick={() => void saveReport(result)}>
              Report as HTML
            </button>
            <button
              type="button"
              class="button"
              onClick={() =>
                saveFile(
                  JSON.stringify(result, null, 2),
                  `waferflow-capacity-${card.name}.json`,
                  'application/json',
                )
              }
            >
              Result as JSON
            </button>
          </p>
        </div>
      )}
    </section>
  );
}

async function saveReport(result: CapacityResult): Promise<void> {
  const { capacityHtml } = await import('../../report/capacity/report.js');
  saveFile(capacityHtml(result), `waferflow-capacity-${result.model}.html`, 'text/html');
}

const ROWS: readonly { readonly label: string; readonly of: (answer: CapacityAnswer) => string }[] = [
  { label: 'keeps the SLO', of: (answer) => verdict(answer) },
  {
    label: 'TTFT, 99th percentile',
    of: ({ result }) => duration(result?.tiers[0]?.ttftMs.p99 ?? Number.NaN),
  },
  {
    label: 'TPOT, 99th percentile',
    of: ({ result }) => duration(result?.tiers[0]?.tpotMs.p99 ?? Number.NaN),
  },
  {
    label: 'tokens/s per user, median',
    of: ({ result }) => figure(result?.tokensPerSecondPerUser ?? Number.NaN),
  },
  { label: 'requests/s within the SLO', of: ({ goodput }) => figure(goodput) },
  { label: 'time with a request at hand', of: ({ result }) => percent(result?.utilisation) },
  { label: 'KV memory in use', of: ({ result }) => percent(result?.kvOccupancy) },
  { label: 'kW', of: ({ kilowatts }) => figure(kilowatts) },
  { label: '$/h', of: ({ dollarsPerHour }) => figure(dollarsPerHour) },
  { label: '$/M generated tokens', of: ({ costPerMTokens }) => figure(costPerMTokens) },
];

function verdict({ meets, reason, shortfall }: CapacityAnswer): string {
  if (meets) return 'yes';
  if (reason !== null) return `no: ${reason}`;
  return shortfall === null
    ? 'no'
    : `no: ${shortfall.metric.toUpperCase()} is ${duration(shortfall.reachedMs)} at best`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${figure(100 * share)} %`;
}

function Answers({ result }: { result: CapacityResult }) {
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">The fewest machines, simulated</caption>
        <thead>
          <tr>
            <th scope="col">simulated</th>
            {result.answers.map(({ machine, count }) => (
              <th key={machine} scope="col">
                {count} × {machineLabel(machine)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ROWS.map(({ label, of }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {result.answers.map((answer) => (
                <td key={answer.machine}>{of(answer)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Throughput against interactivity of one copy of the model, simulated request by request. */
function Frontier({ points }: { points: readonly FrontierPoint[] }) {
  const option = useCallback(
    (palette: Palette): EChartsOption => {
      const machines = [...new Set(points.map(({ machine }) => machine))];
      return {
        grid: { left: 8, right: 24, top: 44, bottom: 36, containLabel: true },
        legend: { top: 0, left: 0, itemWidth: 18, textStyle: { color: palette.text } },
        tooltip: { trigger: 'item' },
        xAxis: axis(palette, 'tokens/s per user, median', 'x', 'log'),
        yAxis: axis(palette, 'tokens/s per machine', 'y', 'log'),
        series: machines.map((machine, index) => ({
          name: machineLabel(machine),
          type: 'line',
          symbol: index === 0 ? 'circle' : 'rect',
          symbolSize: 6,
          data: points
            .filter((point) => point.machine === machine)
            .map((point) => [point.tokensPerSecondPerUser, point.tokensPerSecondPerMachine]),
        })),
      };
    },
    [points],
  );
  return (
    <Chart
      label="Tokens per second per user against tokens per second per machine, simulated"
      option={option}
    />
  );
}
