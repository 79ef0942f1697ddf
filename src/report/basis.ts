/** What simulated numbers rest on: every constant of a machine and of its timing model, with its source. */
import type { Constant, Tag } from '../core/provenance.js';
import { waferPrice } from '../machine/prices.js';
import type { Machine } from '../timing/estimate-types.js';
import { GPU_CONSTANTS } from '../timing/gpu/constants.js';
import { WAFER_CONSTANTS } from '../timing/wafer/constants.js';
import { anchor, type Block, type Row, say, show } from './document/document.js';

export const TAG_MEANINGS: readonly (readonly [Tag, string])[] = [
  ['measured', 'somebody ran it and published the measurement'],
  ['published', 'a data sheet, a paper or a price list says it'],
  ['derived', 'computed from published numbers; the source says how'],
  ['fitted', 'chosen so that the model reproduces published measurements; the source says which'],
  ['guessed', 'nobody outside the vendor knows; the source says what it was taken from'],
];

/** The anchor of a machine's table, and of one row of it. */
export const machineAnchor = (machine: string): string => anchor('machine', machine);
export const factAnchor = (machine: string, key: string): string => anchor('fact', machine, key);

/** A price that was given replaces the known one. */
export function priceConstant(machine: Machine, given: number | undefined): Constant {
  if (given !== undefined) return { value: given, tag: 'published', source: 'given on the command line' };
  return machine.kind === 'gpu' ? machine.facts.dollarsPerHour : waferPrice(machine.name);
}

function constantRows(machine: string, table: object, prefix = ''): Row[] {
  return Object.entries(table).flatMap(([key, entry]: [string, Constant | object]) =>
    'tag' in entry
      ? [constantRow(machine, `${prefix}${key}`, entry)]
      : constantRows(machine, entry, `${prefix}${key}.`),
  );
}

function constantRow(machine: string, key: string, { value, tag, source }: Constant): Row {
  return {
    id: factAnchor(machine, key),
    header: [{ text: key, code: true }],
    cells: [{ value }, tag, source],
  };
}

const COLUMNS = ['number, unit in its name', 'value', 'origin', 'source'];

/** The tables of one machine. `price` is what the costs were computed with. */
export function machineBasis(machine: Machine, price: Constant): Block[] {
  const { dollarsPerHour: _, ...facts } = { dollarsPerHour: null, ...machine.facts };
  const rows = [
    ...constantRows(machine.name, facts),
    constantRow(machine.name, 'dollarsPerHour', price),
    ...constantRows(machine.name, machine.kind === 'gpu' ? GPU_CONSTANTS : WAFER_CONSTANTS),
  ];
  return [
    { kind: 'heading', id: machineAnchor(machine.name), text: `${machine.name}: ${machine.title}` },
    show({ caption: `What every number of ${machine.name} rests on`, columns: COLUMNS, rows }),
  ];
}

/** What the five tags mean, once per report. */
export function tagLegend(): Block {
  return {
    kind: 'list',
    items: TAG_MEANINGS.map(([tag, meaning]) => `${tag}: ${meaning}`),
  };
}

export const NOT_MODELLED: readonly string[] = [
  'Defects and yield: every processing element, link and memory is taken to work.',
  'Thermal limits: clocks do not fall under load.',
  'The compilers’ placement: a wafer is laid out by this program’s own rules.',
  'The vendors’ undisclosed kernels: time comes from published measurements and fits to them.',
];

/** The section on which all anchors of simulated figures end. */
export function basisIntro(): Block[] {
  return [
    say(
      'Each number in the tables above links to what it rests on here. A result is as good as its weakest input; where that is a guess, “guessed” stands beside the result. The origins, from the strongest to the weakest:',
    ),
    tagLegend(),
  ];
}
