/** `plan --sweep` and `plan --slo`: many configurations in one go, and how many users each serves within limits. */
import { InvalidArgumentError } from 'commander';
import { messageOf, OptionError, WaferflowError } from '../core/errors.js';
import type { Slo } from '../fleet/types.js';
import type { PlanResult } from '../timing/estimate-types.js';
import { ENGINE_NAMES, type EngineName } from '../timing/gpu/constants.js';
import { parseCount, parseNumber } from './options.js';
import { formatNumber, formatTable } from './output.js';

/** What can be swept: the options of `plan` of the same names. */
const numbers = [
  'tp',
  'ep',
  'weights',
  'kv',
  'count',
  'prompt',
  'output',
  'concurrency',
  'clock',
  'grid',
  'draft',
] as const;
export type Settings = Readonly<Partial<Record<(typeof numbers)[number], number>> & { engine?: EngineName }>;

/** A configuration that was costed, or why it cannot be had. */
export interface SweptPlan {
  readonly machine: string;
  readonly settings: Settings;
  readonly result: PlanResult | null;
  readonly withinSlo: WithinSlo | null;
  readonly reason: string | null;
}

/** The most users of one machine setup within the limits, and what they get; no users where one is too many. */
export interface WithinSlo {
  readonly users: number;
  readonly result: PlanResult | null;
}

const mostConfigurations = 10_000;

/** One list of `--sweep`, such as `tp=1,2,4`, put beside those before it. */
export function parseSweep(text: string, before: readonly Settings[] = []): readonly Settings[] {
  const [name = '', list = ''] = text.split('=', 2);
  const values = list.split(',').map((value) => settingOf(name.trim(), value.trim()));
  const base = before.length === 0 ? [{}] : before;
  if (base.length * values.length > mostConfigurations) {
    throw new InvalidArgumentError(`More than ${mostConfigurations} configurations.`);
  }
  return base.flatMap((one) => values.map((value) => ({ ...one, ...value })));
}

function settingOf(name: string, value: string): Settings {
  if (name === 'engine') {
    const engine = ENGINE_NAMES.find((known) => known === value);
    if (engine !== undefined) return { engine };
    throw new InvalidArgumentError(`Expected an engine of ${ENGINE_NAMES.join(', ')}.`);
  }
  const known = numbers.find((one) => one === name);
  if (known === undefined) {
    throw new InvalidArgumentError(
      `Expected lists such as tp=1,2,4 of ${[...numbers, 'engine'].join(', ')}.`,
    );
  }
  return { [known]: known === 'clock' ? parseNumber(value) : parseCount(value) };
}

/** The result of a configuration; one that cannot be had is part of the answer. */
export function tried(cost: () => PlanResult): {
  readonly result: PlanResult | null;
  readonly reason: string | null;
} {
  try {
    return { result: cost(), reason: null };
  } catch (thrown) {
    if (!(thrown instanceof WaferflowError)) throw thrown;
    return { result: null, reason: messageOf(thrown) };
  }
}

/** @throws OptionError on a limit that closed forms know nothing of */
export function requireClosedForm({ itlMs }: Omit<Slo, 'percentile'>): void {
  if (itlMs === undefined) return;
  throw new OptionError({
    what: 'option slo',
    given: 'itl',
    expected: 'ttft, tpot or e2el',
    todo: 'Use `waferflow capacity`, which plays requests over time.',
  });
}

export function meets(result: PlanResult, slo: Omit<Slo, 'percentile'>, outputTokens: number): boolean {
  const { ttftMs, tpotMs } = result;
  return (
    ttftMs <= (slo.ttftMs ?? Number.POSITIVE_INFINITY) &&
    tpotMs <= (slo.tpotMs ?? Number.POSITIVE_INFINITY) &&
    ttftMs + (outputTokens - 1) * tpotMs <= (slo.e2elMs ?? Number.POSITIVE_INFINITY)
  );
}

/** The most users within the limits, by halving: more users make no answer faster. */
export function usersWithin(
  cost: (users: number) => PlanResult | null,
  isWithin: (result: PlanResult) => boolean,
): WithinSlo {
  const good = (users: number): PlanResult | null => {
    const result = cost(users);
    return result !== null && users <= result.maxUsers && isWithin(result) ? result : null;
  };
  let best = good(1);
  if (best === null) return { users: 0, result: null };
  let low = 1;
  let high = 2;
  const most = 1 << 20;
  for (let next = good(high); next !== null && high < most; next = good(high))
    [low, best, high] = [high, next, 2 * high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const result = good(middle);
    if (result === null) high = middle;
    else [low, best] = [middle, result];
  }
  return { users: low, result: best };
}

type Cell = string | number;
interface Column {
  readonly name: string;
  readonly of: (row: SweptPlan) => Cell;
}

function columnsOf(rows: readonly SweptPlan[]): readonly Column[] {
  const swept = [...new Set(rows.flatMap(({ settings }) => Object.keys(settings)))] as (keyof Settings)[];
  const figure = (name: string, of: (result: PlanResult) => Cell): Column => ({
    name,
    of: ({ result }) => (result === null ? '' : of(result)),
  });
  const slo: Column[] = rows.some(({ withinSlo }) => withinSlo !== null)
    ? [
        { name: 'usersWithinSlo', of: ({ withinSlo }) => withinSlo?.users ?? '' },
        { name: 'tokensPerSecondWithinSlo', of: ({ withinSlo }) => withinSlo?.result?.tokensPerSecond ?? '' },
        {
          name: 'dollarsPerMTokensWithinSlo',
          of: ({ withinSlo }) => withinSlo?.result?.dollarsPerMTokens ?? '',
        },
      ]
    : [];
  return [
    { name: 'machine', of: ({ machine }) => machine },
    ...swept.map((name): Column => ({ name, of: ({ settings }) => settings[name] ?? '' })),
    figure('machines', ({ count }) => count),
    figure('ttftMs', ({ ttftMs }) => ttftMs),
    figure('tpotMs', ({ tpotMs }) => tpotMs),
    figure('tokensPerSecondPerUser', ({ tokensPerSecondPerUser: value }) => value),
    figure('tokensPerSecond', ({ tokensPerSecond }) => tokensPerSecond),
    figure('maxUsers', ({ maxUsers }) => maxUsers),
    figure('dollarsPerMTokens', ({ dollarsPerMTokens }) => dollarsPerMTokens),
    figure('tpotErrorPercent', ({ error }) => error.tpotPercent),
    ...slo,
    { name: 'reason', of: ({ reason }) => reason ?? '' },
  ];
}

/** A line for each configuration, its names those of the JSON. */
export function sweepCsv(rows: readonly SweptPlan[]): string {
  const columns = columnsOf(rows);
  const cell = (value: Cell): string => {
    const text = String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map(({ of }) => cell(of(row))).join(','));
  return `${[columns.map(({ name }) => name).join(','), ...lines].join('\n')}\n`;
}

/** For people: in the order of cost, what cannot be had at the end. */
export function sweepTable(rows: readonly SweptPlan[]): string {
  const columns = columnsOf(rows).filter(({ name }) => name !== 'reason');
  const price = ({ result, withinSlo }: SweptPlan): number =>
    (withinSlo === null ? result : withinSlo.result)?.dollarsPerMTokens ?? Number.POSITIVE_INFINITY;
  const sorted = [...rows].sort((a, b) => (price(a) < price(b) ? -1 : price(a) > price(b) ? 1 : 0));
  const reasons = rows.flatMap(({ machine, settings, reason }) =>
    reason === null ? [] : [`${machine} ${JSON.stringify(settings)}: ${reason}`],
  );
  const table = formatTable(
    columns.map(({ name }, i) => (i === 0 ? name : `>${name}`)),
    sorted.map((row) =>
      columns.map(({ of }) => {
        const value = of(row);
        return typeof value === 'number' ? formatNumber(value) : value || '-';
      }),
    ),
  );
  return [table, ...new Set(reasons)].join('\n\n');
}
