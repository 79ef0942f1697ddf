/** What `waferflow capacity` prints for people. */
import { configurationText } from '../fleet/basis.js';
import { missedBy } from '../fleet/search/least-count.js';
import type { CapacityAnswer, CapacityResult, Slo, SloOutcome } from '../fleet/types.js';
import { formatNumber, formatTable } from './output.js';

export function capacityText(result: CapacityResult): string {
  const { model, workload, slo, answers, closest } = result;
  const lines = [
    recommendation(result),
    '',
    `${model}, ${workload.name}: ${formatNumber(workload.requests)} requests${workload.requestsPerSecond > 0 ? `, ${formatNumber(workload.requestsPerSecond)} a second` : ''}; prompts of ${formatNumber(workload.meanPromptTokens)} tokens (p99 ${formatNumber(workload.p99PromptTokens)}), answers of ${formatNumber(workload.meanOutputTokens)} (p99 ${formatNumber(workload.p99OutputTokens)})`,
    `SLO: ${sloText(slo)}. All numbers are simulated.`,
    '',
    formatTable(
      [
        'machine',
        '>least count',
        'SLO',
        '>TTFT p99, ms',
        '>TPOT p99, ms',
        '>goodput/s',
        '>$/M tokens',
        '>$/h',
        '>$/month',
        '>TPOT known to',
        '>kW',
        '>busy',
        'weakest input',
      ],
      answers.map(answerRow),
    ),
  ];
  for (const answer of answers) lines.push('', answerText(answer));
  if (closest) {
    lines.push(
      '',
      `No machine meets the SLO. ${closest.machine} comes closest: ${shortfallText(closest.shortfall)}.`,
    );
  }
  const tasks = answers.filter((answer) => answer.result?.tasks);
  if (tasks.length > 0) lines.push('', tasksText(tasks));
  lines.push('', frontierText(result), '', 'Holds for (* given, otherwise default):');
  for (const { name, value, given } of result.assumptions)
    lines.push(`  ${given ? '*' : ' '} ${name}: ${value}`);
  return lines.join('\n');
}

/** As clouds bill: 365 days of 24 hours over 12 months. */
const HOURS_PER_MONTH = 730;

/** What to buy, in a sentence, and how sure that is. */
function recommendation({ answers }: CapacityResult): string {
  const good = answers.filter(({ meets }) => meets).toSorted((a, b) => a.dollarsPerHour - b.dollarsPerHour);
  const [best, next] = good;
  if (!best) return 'None of these machines meets the SLO: see what is missed below.';
  const month = formatNumber(best.dollarsPerHour * HOURS_PER_MONTH);
  const other = next
    ? `; next is ${next.count} x ${next.machine} at ${(next.dollarsPerHour / best.dollarsPerHour).toFixed(1)} times that`
    : '';
  const doubt = Math.max(best.error.tpotPercent, next?.error.tpotPercent ?? 0);
  const sure =
    next && next.dollarsPerHour / best.dollarsPerHour < 1 + doubt / 100
      ? 'too close to tell apart within the known error'
      : 'a difference larger than the known error';
  const close = tightest(best);
  return [
    `Take ${best.count} x ${best.machine}: the cheapest that meets the SLO, ${month} $ a month${other}${next ? ` (${sure})` : ''}.`,
    `Its token times were off by ${Math.round(best.error.tpotPercent)} % on average on ${best.error.rows} measurements of ${best.error.basis}${close === null ? '' : `; the tightest limit has ${Math.round(close * 100)} % of room${close * 100 < best.error.tpotPercent ? ', less than that: add machines or measure first' : ''}`}.`,
  ].join(' ');
}

/** Room below the tightest limit as a share of it. */
function tightest({ result }: CapacityAnswer): number | null {
  const rooms = result?.slo.map(({ limitMs, reachedMs }) => 1 - reachedMs / limitMs) ?? [];
  return rooms.length === 0 ? null : Math.max(0, Math.min(...rooms));
}

function sloText({ percentile, ...limits }: Slo): string {
  const parts = Object.entries(limits).map(
    ([key, limit]) => `${key.replace(/Ms$/, '').toUpperCase()} ${limit} ms`,
  );
  return `${parts.join(' and ')} at p${percentile}`;
}

function answerRow({
  machine,
  count,
  meets,
  result,
  costPerMTokens,
  dollarsPerHour,
  kilowatts,
  goodput,
  error,
  tag,
}: CapacityAnswer): string[] {
  if (!result) return [machine, '-', 'does not fit', ...Array<string>(9).fill('-'), tag];
  const tier = result.tiers[0];
  return [
    machine,
    formatNumber(count),
    meets ? 'met' : 'missed',
    formatNumber(tier?.ttftMs.p99 ?? 0),
    formatNumber(tier?.tpotMs.p99 ?? 0),
    formatNumber(goodput),
    formatNumber(costPerMTokens),
    formatNumber(dollarsPerHour),
    formatNumber(dollarsPerHour * HOURS_PER_MONTH),
    `± ${Math.round(error.tpotPercent)} %`,
    formatNumber(kilowatts),
    `${Math.round(result.utilisation * 100)} %`,
    tag,
  ];
}

function answerText({
  machine,
  count,
  meets,
  configuration,
  shortfall,
  result,
  reason,
  assumptions,
}: CapacityAnswer): string {
  const head =
    configuration === null
      ? `${machine}: ${reason}`
      : `${count} x ${machine}: ${configurationText(configuration)}`;
  const refused = result?.rejected ?? 0;
  const miss =
    meets || !shortfall
      ? []
      : refused > 0
        ? [
            `  refuses ${refused} of ${result!.requests} requests (longer than the model’s context or the cache of a copy, or a full queue), and a refused request misses every limit: ${shortfallText(shortfall)}`,
          ]
        : [`  misses: ${shortfallText(shortfall)}, with any number of machines`];
  const basis = assumptions
    .filter(({ name }) => name !== 'configuration')
    .map(({ name, value, tag, given }) => `  ${given ? '*' : ' '} ${name}: ${value} (${tag})`);
  return [head, ...miss, ...basis].join('\n');
}

function shortfallText(outcome: SloOutcome): string {
  const { metric, limitMs, reachedMs, attained } = outcome;
  return `${metric.toUpperCase()} of ${formatNumber(reachedMs)} ms where ${limitMs} ms are allowed (${missedBy(outcome).toFixed(2)} times; ${(attained * 100).toFixed(1)} % of the requests are within)`;
}

function tasksText(answers: readonly CapacityAnswer[]): string {
  const seconds = (ms: number): string => formatNumber(ms / 1e3);
  const slowest = Math.max(...answers.map(({ result }) => result!.tasks!.taskMs.mean));
  const table = formatTable(
    ['a task on', '>seconds', '>first tokens', '>answers', '>tools', '>thinking', '>tokens/s', '>shorter by'],
    answers.map(({ machine, result }) => {
      const { taskMs, meanFirstTokenMs, meanDecodeMs, meanToolMs, meanThinkMs } = result!.tasks!;
      return [
        machine,
        seconds(taskMs.mean),
        seconds(meanFirstTokenMs),
        seconds(meanDecodeMs),
        seconds(meanToolMs),
        seconds(meanThinkMs),
        formatNumber(result!.tokensPerSecondPerUser),
        `${(slowest / taskMs.mean).toFixed(1)}x`,
      ];
    }),
  );
  return `${table}\nTools and first tokens do not get shorter when answers come faster, so a task gains less than its tokens.`;
}

function frontierText({ frontier }: CapacityResult): string {
  const points = frontier.filter(({ onFrontier }) => onFrontier);
  return [
    'Frontier: one copy of the model under users with one request in flight each',
    formatTable(
      [
        'machine',
        '>users',
        '>tokens/s per user',
        '>tokens/s per machine',
        '>$/M tokens',
        '>TTFT p99, ms',
        '>TPOT p99, ms',
      ],
      points.map((point) => [
        `${point.configuration.machinesPerReplica} x ${point.machine}`,
        String(point.users),
        formatNumber(point.tokensPerSecondPerUser),
        formatNumber(point.tokensPerSecondPerMachine),
        formatNumber(point.dollarsPerMTokens),
        formatNumber(point.ttftP99Ms),
        formatNumber(point.tpotP99Ms),
      ]),
    ),
  ].join('\n');
}
