/** What a bench rests on: the machine, the models and their versions, how each number came about. */
import type { BenchResult } from '../../bench/types.js';
import { formatBytes } from '../../core/units.js';
import { basisIntro, machineAnchor, machineBasis, NOT_MODELLED, priceConstant } from '../basis.js';
import { type Block, type Section, say, show } from '../document/document.js';
import { formatDate } from '../document/format.js';
import { knownMachine } from '../machines.js';
import { HOW, howRows, sampleRows } from './how.js';

export function setting({ machine, versions, models, date, command }: BenchResult): Section {
  const pairs: [string, string][] = [
    ['processor', `${machine.cpu}, ${machine.cores} cores`],
    ['memory', formatBytes(machine.memoryBytes)],
    ['system', machine.system],
    ['GPU of the baseline', machine.gpu ?? 'none: it ran on the processor'],
    ['load average at the start', machine.load.toFixed(2)],
    ['date', formatDate(date)],
    ...Object.entries(versions),
  ];
  return {
    id: 'setting',
    title: 'Machine, models, versions',
    blocks: [
      { kind: 'command', command },
      show({
        caption: 'Machine and versions',
        columns: ['', 'value'],
        rows: pairs.map(([header, value]) => ({ header, cells: [value] })),
      }),
      show({
        caption: 'Models',
        columns: [
          'model',
          'weights',
          'stored as',
          'parameters',
          'layers',
          'hidden size',
          'vocabulary',
          'file',
        ],
        rows: models.map((model) => ({
          header: model.name,
          cells: [
            model.weights === 'random' ? 'random, in the shape of a real model' : model.weights,
            model.weightType,
            ...[model.parameters, model.layers, model.hiddenSize, model.vocabSize].map((value) => ({
              value,
              basis: HOW.models,
            })),
            formatBytes(model.fileBytes),
          ],
        })),
      }),
    ],
  };
}

export function basis(result: BenchResult): Section {
  const names = [...new Set(result.simulated.map(({ machine }) => machine))];
  const tables = names.flatMap((name): Block[] => {
    const machine = knownMachine(name);
    if (machine) return machineBasis(machine, priceConstant(machine, undefined));
    return [
      { kind: 'heading', id: machineAnchor(name), text: name },
      say('A machine described in a file; its numbers and sources are those of the file.'),
    ];
  });
  return {
    id: 'basis',
    title: 'What the numbers rest on',
    blocks: [
      show({ caption: 'How each quantity was measured', columns: ['quantity', 'how'], rows: howRows() }),
      show({
        caption: 'Every measurement, in the order it was taken',
        columns: ['case', 'contender', 'samples'],
        rows: sampleRows(result),
      }),
      ...(names.length === 0
        ? []
        : [
            ...basisIntro(),
            { kind: 'heading' as const, text: 'Not modelled' },
            { kind: 'list' as const, items: NOT_MODELLED },
            ...tables,
          ]),
    ],
  };
}
