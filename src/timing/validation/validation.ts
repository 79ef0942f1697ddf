/** Predicted against published: rows of CSV files or of the project's own cases, errors by group. */
import { attentionOf, type ModelCard } from '../../../models/card.js';
import { type CsvRow, parseCsv } from '../../core/csv.js';
import { OptionError, WaferflowError } from '../../core/errors.js';
import { plain } from '../../machine/types.js';
import { findWafer } from '../../machine/wafers.js';
import { gpuConstants } from '../gpu/constants.js';
import { predictRow, suspicion } from '../gpu/rows.js';
import { predictWaferRow, type WaferRow } from '../wafer/rows.js';
import { gpuNamed, gpuNumbersOf, servingRowOf } from './serving-rows.js';

export interface ValidationRow {
  readonly case: string;
  readonly metric: string;
  readonly published: number;
  readonly predicted: number;
  readonly group: string;
  /** Why the published number cannot be what it says; it still counts in "all rows". */
  readonly suspect?: string;
}

export interface ValidationGroup {
  readonly group: string;
  readonly metric: string;
  readonly rows: number;
  /** Mean and largest absolute error, in percent of the published value. */
  readonly mape: number;
  readonly worst: number;
}

export interface Validation {
  readonly rows: readonly ValidationRow[];
  readonly groups: readonly ValidationGroup[];
  /** Rows of models or machines that are not known here, with the reason. */
  readonly skipped: readonly { readonly case: string; readonly reason: string }[];
}

/** The card of a hub name such as `nvidia/Llama-3.1-8B-Instruct-FP8`. */
export type CardFinder = (hubName: string) => ModelCard;

const WAFER_COLUMNS = [
  'source',
  'kind',
  'machine',
  'clock_ghz',
  'model',
  'hidden',
  'intermediate',
  'layers',
  'kv_full_width',
  'prefill_grid',
  'decode_grid',
  'prompt',
  'output',
  'metric',
  'published',
];
const GPU_COLUMNS = [
  'model',
  'gpu',
  'precision',
  'engine',
  'isl',
  'osl',
  'concurrency',
  'tp',
  'moe_tp',
  'moe_ep',
  'ttft_ms',
  'tpot_ms',
];

type Outcome = ValidationRow | { readonly case: string; readonly reason: string };

/** Validates the rows of a wafer file, a GPU file, or both. */
export function validate(
  wafer: { readonly text: string; readonly file: string } | null,
  gpu: { readonly text: string; readonly file: string } | null,
  card: CardFinder,
): Validation {
  const outcomes: Outcome[] = [];
  if (wafer) {
    for (const row of parseCsv(wafer.text, wafer.file, WAFER_COLUMNS)) {
      outcomes.push(...guarded(waferCase(row), () => [waferOutcome(row, wafer.file, card)]));
    }
  }
  if (gpu) {
    const file = parseCsv(gpu.text, gpu.file, GPU_COLUMNS);
    const reversed = reversedRows(file);
    for (const row of file) {
      const against = reversed.get(row.line) ?? null;
      outcomes.push(...guarded(gpuCase(row), () => gpuOutcomes(row, gpu.file, card, against)));
    }
  }
  const rows = outcomes.filter((outcome): outcome is ValidationRow => 'predicted' in outcome);
  const skipped = outcomes.filter((outcome) => !('predicted' in outcome)) as Validation['skipped'];
  return { rows, groups: groupsOf(rows), skipped };
}

/** A row that this version does not know is named, not fatal; a file that cannot be read is. */
function guarded(name: string, outcomes: () => Outcome[]): Outcome[] {
  try {
    return outcomes();
  } catch (error) {
    if (error instanceof WaferflowError && error.name !== 'FormatError') {
      return [{ case: name, reason: error.message }];
    }
    throw error;
  }
}

function waferCase(row: CsvRow): string {
  const grids = [row.text('prefill_grid'), row.text('decode_grid')].filter((grid) => grid !== '').join('/');
  return `${row.text('model')} ${row.text('kind')} on ${row.text('machine')} ${grids}, ${row.text('prompt')}/${row.text('output') || 0}`;
}

function waferOutcome(row: CsvRow, file: string, card: CardFinder): ValidationRow {
  const kind = row.text('kind');
  if (kind !== 'prefill' && kind !== 'decode' && kind !== 'end_to_end') {
    throw unknown(`${file}, line ${row.line}, kind`, kind, 'prefill, decode or end_to_end');
  }
  if (row.text('metric') !== 'tokens_per_second') {
    throw unknown(`${file}, line ${row.line}, metric`, row.text('metric'), 'tokens_per_second');
  }
  const side = (column: string, needed: boolean): number | null => {
    if (!needed) return null;
    const value = row.number(column);
    if (Number.isInteger(value) && value >= 1 && value <= 4096) return value;
    throw unknown(
      `${file}, line ${row.line}, ${column}`,
      String(value),
      'a whole number of PEs from 1 to 4096',
    );
  };
  const given: WaferRow = {
    kind,
    model: row.text('model'),
    hidden: row.number('hidden'),
    intermediate: row.number('intermediate'),
    layers: row.number('layers'),
    kvHeads:
      row.number('kv_full_width') === 1 ? null : (attentionOf(card(row.text('model')))?.kvHeads ?? null),
    prefillSide: side('prefill_grid', kind !== 'decode'),
    decodeSide: side('decode_grid', kind !== 'prefill'),
    prompt: row.number('prompt'),
    output: row.number('output', 0),
  };
  const numbers = plain(findWafer(row.text('machine')).facts);
  return {
    case: waferCase(row),
    metric: 'tokens_per_second',
    published: row.number('published'),
    predicted: predictWaferRow(given, numbers, row.number('clock_ghz') * 1e9),
    group: `wafer ${kind}`,
  };
}

function gpuCase(row: CsvRow): string {
  const split = `tp ${row.text('tp')}, moe ${row.text('moe_tp')} x ${row.text('moe_ep')}`;
  return `${row.text('model')} ${row.text('precision')} on ${row.text('gpu')}, ${row.text('engine')}, ${row.text('isl')}/${row.text('osl')}, ${row.text('concurrency')} users, ${split}`;
}

const SETTING = [...GPU_COLUMNS.filter((column) => !/concurrency|_ms$/.test(column)), 'engine_version'];
/** A token of fewer users may take longer than one of many by noise, not by this factor. */
const REVERSED = 1.25;

/** Rows whose tokens take longer than those of more users in the same setting, by line, with the reason. */
function reversedRows(rows: readonly CsvRow[]): ReadonlyMap<number, string> {
  const settings = new Map<string, CsvRow[]>();
  for (const row of rows) {
    const key = SETTING.map((column) => row.text(column)).join('\t');
    settings.set(key, [...(settings.get(key) ?? []), row]);
  }
  const found = new Map<number, string>();
  for (const sweep of settings.values()) {
    let least: { ms: number; users: number } | null = null;
    for (const row of sweep.toSorted((a, b) => b.number('concurrency') - a.number('concurrency'))) {
      const [users, ms] = [row.number('concurrency'), row.number('tpot_ms')];
      if (least && least.users > users && ms > REVERSED * least.ms)
        found.set(row.line, `its tokens take longer than those of ${least.users} users in the same setting`);
      if (!least || ms < least.ms) least = { ms, users };
    }
  }
  return found;
}

function gpuOutcomes(row: CsvRow, file: string, card: CardFinder, reversed: string | null): ValidationRow[] {
  const given = servingRowOf(row);
  const machine = gpuNamed(row.text('gpu'));
  if (!machine) throw unknown(`${file}, line ${row.line}, gpu`, row.text('gpu'), 'a GPU of the table');
  const model = card(row.text('model'));
  const numbers = gpuNumbersOf(machine);
  const predicted = predictRow(given, model, numbers, gpuConstants);
  const reason = suspicion(given, model, numbers, predicted, gpuConstants) ?? reversed;
  const shared = {
    case: gpuCase(row),
    group: `gpu ${model.name} ${machine.name} ${given.precision} ${given.engine}`,
    ...(reason === null ? {} : { suspect: reason }),
  };
  return [
    { ...shared, metric: 'ttft_ms', published: given.ttftMs, predicted: predicted.ttftMs },
    { ...shared, metric: 'tpot_ms', published: given.tpotMs, predicted: predicted.tpotMs },
  ];
}

function unknown(what: string, given: string, expected: string): OptionError {
  return new OptionError({
    what,
    given: JSON.stringify(given),
    expected,
    todo: 'Correct or remove the row.',
  });
}

function groupsOf(rows: readonly ValidationRow[]): ValidationGroup[] {
  const groups = new Map<string, ValidationRow[]>();
  const add = (group: string, row: ValidationRow): void => {
    const key = `${group}\t${row.metric}`;
    const members = groups.get(key);
    if (members) members.push(row);
    else groups.set(key, [row]);
  };
  for (const row of rows) add(row.group, row);
  for (const row of rows) add(row.group.startsWith('gpu') ? 'gpu, all rows' : 'wafer, all rows', row);
  for (const row of rows) {
    if (row.group.startsWith('gpu'))
      add(row.suspect ? 'gpu, suspect rows' : 'gpu, rows that are not suspect', row);
  }
  return [...groups].map(([key, members]) => {
    const [group, metric] = key.split('\t') as [string, string];
    const errors = members.map((row) => Math.abs(row.predicted / row.published - 1) * 100);
    const mape = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    return { group, metric, rows: members.length, mape, worst: Math.max(...errors) };
  });
}
