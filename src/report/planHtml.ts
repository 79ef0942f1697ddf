/** The report of `waferflow plan` as one HTML file without outside parts. */
import type { WaferMachine } from '../machine/wafers.js';
import type { Machine, PlanResult } from '../timing/planTypes.js';
import type { StepCost } from '../timing/workload.js';
import { floorPlanSvg } from './floorPlan.js';
import { rooflineSvg } from './roofline.js';
import { escapeMarkup } from './svg.js';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #8884}
th:first-child,td:first-child{text-align:left}caption{text-align:left;font-weight:600;padding:.3rem 0}
.note{opacity:.75}figure{margin:1rem 0;overflow-x:auto}.given{font-weight:600}
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}}`;

/** Rows of the comparison: label, unit in the label, value. */
export const PLAN_FIGURES: readonly { readonly label: string; readonly of: (r: PlanResult) => number }[] = [
  { label: 'machines', of: (r) => r.count },
  { label: 'TTFT, ms', of: (r) => r.ttftMs },
  { label: 'TPOT, ms', of: (r) => r.tpotMs },
  { label: 'tokens/s per user', of: (r) => r.tokensPerSecondPerUser },
  { label: 'tokens/s, all users', of: (r) => r.tokensPerSecond },
  { label: 'users that fit', of: (r) => r.maxUsers },
  { label: 'KV capacity, tokens', of: (r) => r.kvTokens },
  { label: 'kW', of: (r) => r.kilowatts },
  { label: 'J/token', of: (r) => r.joulesPerToken },
  { label: '$/h', of: (r) => r.dollarsPerHour },
  { label: '$/M generated tokens', of: (r) => r.dollarsPerMTokens },
];

const number = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: value >= 100 ? 0 : value >= 10 ? 1 : 2 });

function table(caption: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><caption>${escapeMarkup(caption)}</caption>${line(header, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>`;
}

/** Ops of a step, largest first, with what each waits for; milliseconds. */
export function breakdownRows(step: StepCost): string[][] {
  const merged = new Map<string, { seconds: number; parts: number[] }>();
  for (const op of step.ops) {
    const entry = merged.get(op.op) ?? { seconds: 0, parts: [0, 0, 0, 0, 0] };
    entry.seconds += op.seconds;
    [op.computeSeconds, op.memorySeconds, op.fabricSeconds, op.latencySeconds, op.ioSeconds ?? 0].forEach(
      (part, i) => {
        entry.parts[i]! += part;
      },
    );
    merged.set(op.op, entry);
  }
  const ms = (seconds: number): string => (seconds === 0 ? '-' : (seconds * 1e3).toPrecision(3));
  return [...merged]
    .sort(([, a], [, b]) => b.seconds - a.seconds)
    .map(([op, { seconds, parts }]) => [
      op,
      ms(seconds),
      `${((seconds / step.seconds) * 100).toFixed(0)} %`,
      ...parts.map(ms),
    ]);
}

export const BREAKDOWN_HEADER = ['op', 'ms', 'share', 'compute', 'memory', 'fabric', 'latency', 'I/O'];

/** The whole report. */
export function planHtml(results: readonly PlanResult[], machines: readonly Machine[]): string {
  const names = results.map((result) => `${result.count} x ${result.machine}`);
  const figures = PLAN_FIGURES.map(({ label, of }) => [
    label,
    ...results.map((result) => number(of(result))),
  ]);
  const words = [
    ['decode bound by', ...results.map((r) => r.boundBy)],
    ['prefill bound by', ...results.map((r) => r.prefillBoundBy)],
    ['weakest input', ...results.map((r) => r.tag)],
  ];
  const sections = results.map((result, index) => {
    const machine = machines[index]!;
    const drawn =
      result.plan && machine.kind === 'wafer'
        ? `<figure>${floorPlanSvg(result.plan, machine satisfies WaferMachine)}</figure>`
        : '';
    const assumptions = table(
      'What this holds for',
      ['condition', 'value', 'origin'],
      result.assumptions.map(({ name, value, given }) => [name, value, given ? 'given' : 'default']),
    );
    return `<h2>${escapeMarkup(names[index]!)}</h2>${assumptions}${drawn}${table(
      'One decode step, milliseconds',
      BREAKDOWN_HEADER,
      breakdownRows(result.decode),
    )}${table('One prefill chunk, milliseconds', BREAKDOWN_HEADER, breakdownRows(result.prefill))}`;
  });
  const title = `${results[0]?.model ?? 'model'}: wafers and GPUs compared`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeMarkup(title)}</title><style>${STYLE}</style></head><body>
<h1>${escapeMarkup(title)}</h1>
<p class="note">All times, powers and costs here are simulated. Not modelled: defects and yield, thermal limits, the vendors' undisclosed kernels and compilers.</p>
${table('Side by side', ['', ...names], [...figures, ...words])}
<figure>${rooflineSvg(results)}</figure>
${sections.join('\n')}
</body></html>
`;
}
