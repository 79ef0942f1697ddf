/** What the answers of a capacity search rest on: assumptions, machines, SLO conventions, and what is left out. */
import { type Tag, weakest } from '../../core/provenance.js';
import type { CapacityAnswer, CapacityAssumption, CapacityResult } from '../../fleet/types.js';
import { basisIntro, machineAnchor, machineBasis, NOT_MODELLED, priceConstant } from '../basis.js';
import { anchor, type Block, type Section, say, show, type Table } from '../document/document.js';
import { knownMachine } from '../machines.js';
import { MLPERF_SLOS, MLPERF_SOURCE } from '../slo.js';

/** What decides a figure of an answer. */
export type CapacityGround = 'time' | 'memory' | 'power' | 'energy' | 'price' | 'cost' | 'slo';

/** Where figures of a machine without an answer of its own lead. */
export const MACHINES_BASIS = 'assumptions-common';

const WORDS: Partial<Record<CapacityGround, RegExp>> = {
  memory: /\bKV\b|memory|SRAM/i,
  power: /power|watt/i,
  price: /price|\$|dollar/i,
  cost: /price|\$|dollar/i,
};

function assumptionFor(answer: CapacityAnswer, ground: CapacityGround): number {
  const words = WORDS[ground];
  return words === undefined ? -1 : answer.assumptions.findIndex(({ name }) => words.test(name));
}

const tableAnchor = (answer: CapacityAnswer): string => anchor('assumptions', answer.machine);
const rowAnchor = (answer: CapacityAnswer, at: number): string => `${tableAnchor(answer)}-${at}`;

/** The anchor on which a figure rests: its assumption where there is one, the machine's table otherwise. */
export function groundOf(answer: CapacityAnswer, ground: CapacityGround): string {
  if (ground === 'slo') return 'slos';
  const at = assumptionFor(answer, ground);
  return at === -1 ? tableAnchor(answer) : rowAnchor(answer, at);
}

export const costAnchor = (answer: CapacityAnswer): string => groundOf(answer, 'cost');

/** The weakest input of a figure: a price or a power alone has its own, everything else the answer's. */
export function tagOf(answer: CapacityAnswer, ground: CapacityGround): Tag | undefined {
  const own = answer.assumptions[assumptionFor(answer, ground)];
  if (ground === 'price' || ground === 'power') return own?.tag;
  return ground === 'cost' && own ? weakest([own.tag, answer.tag]) : answer.tag;
}

export function capacityBasis(result: CapacityResult): Section {
  const machines = result.answers.flatMap((answer): Block[] => [
    { kind: 'heading', id: tableAnchor(answer), text: answer.title },
    show(
      assumptionTable(`Assumptions for ${answer.title}`, answer.assumptions, (at) => rowAnchor(answer, at)),
    ),
    ...factTables(answer),
  ]);
  return {
    id: 'basis',
    title: 'What the numbers rest on',
    blocks: [
      ...basisIntro(),
      { kind: 'heading', text: 'Not modelled' },
      { kind: 'list', items: NOT_MODELLED },
      { kind: 'heading', id: MACHINES_BASIS, text: 'Workload, scheduling, metrics' },
      show(
        assumptionTable(
          'Assumptions for all machines',
          result.assumptions,
          (at) => `${MACHINES_BASIS}-${at}`,
        ),
      ),
      ...sloBlocks(),
      ...machines,
    ],
  };
}

function assumptionTable(
  caption: string,
  rows: readonly CapacityAssumption[],
  id: (at: number) => string,
): Table {
  return {
    caption,
    columns: ['assumption', 'value', 'origin', 'source'],
    rows: rows.map(({ name, value, tag, source, given }, at) => ({
      id: id(at),
      header: name,
      cells: [value, given ? 'given' : tag, source],
    })),
  };
}

/** The constants of the machine itself, with the price that this answer was computed with. */
function factTables(answer: CapacityAnswer): Block[] {
  const machine = knownMachine(answer.machine);
  if (machine === undefined)
    return [say('A machine described in a file; its numbers and sources are those of the file.')];
  const known = priceConstant(machine, undefined);
  const said = answer.assumptions[assumptionFor(answer, 'price')];
  const value = answer.count > 0 ? answer.dollarsPerHour / answer.count : known.value;
  const price = said ? { value, tag: said.tag, source: said.source } : { ...known, value };
  const [, ...tables] = machineBasis(machine, price);
  return [
    { kind: 'heading', id: machineAnchor(machine.name), text: `${machine.name}: all constants` },
    ...tables,
  ];
}

function sloBlocks(): Block[] {
  return [
    { kind: 'heading', id: 'slos', text: 'Latency limits of the field' },
    say([
      'The SLO of this report was given on the command line. For comparison, the limits of ',
      { text: 'MLPerf Inference', href: MLPERF_SOURCE },
      ' at the 99th percentile:',
    ]),
    show({
      caption: 'MLPerf Inference limits, ms',
      columns: ['model', 'server TTFT', 'server TPOT', 'interactive TTFT', 'interactive TPOT'],
      rows: MLPERF_SLOS.map(({ model, serverMs, interactiveMs }) => ({
        header: model,
        cells: [...serverMs, ...interactiveMs].map((value) => ({ value })),
      })),
    }),
  ];
}
