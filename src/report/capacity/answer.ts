/** The section that a reader came for: how many machines, and what they cost. */
import type { CapacityAnswer, CapacityResult } from '../../fleet/types.js';
import {
  type Block,
  type HeadlineItem,
  type Inline,
  type Row,
  type Section,
  say,
  show,
} from '../document/document.js';
import { formatFigure } from '../document/format.js';
import { figure, shortfallText, sloText } from './text.js';

/** How far the tightest limit is away, as a share of it; negative when it is missed. */
function headroom({ result }: CapacityAnswer): number | null {
  const outcomes = result?.slo ?? [];
  if (outcomes.length === 0) return null;
  return Math.min(...outcomes.map(({ limitMs, reachedMs }) => 1 - reachedMs / limitMs));
}

function configurationText({ configuration: c }: CapacityAnswer): Inline {
  if (c === null) return '–';
  const copies =
    c.replicas > 0
      ? `${c.replicas} ${c.replicas === 1 ? 'copy' : 'copies'}`
      : `${c.prefillReplicas} for prefill, ${c.decodeReplicas} for decode`;
  const grid = c.grid === null ? '' : `, regions of ${c.grid} PEs`;
  return `${copies} on ${c.machinesPerReplica} each${grid}, ${c.weightBits}-bit weights, ${c.kvBits}-bit KV, at most ${c.maxBatch} at once, chunks of ${c.chunkTokens}`;
}

export function answerSection(result: CapacityResult): Section {
  const { answers, closest } = result;
  const met = answers.filter(({ meets }) => meets);
  const items: HeadlineItem[] = met
    .toSorted((a, b) => a.dollarsPerHour - b.dollarsPerHour)
    .map((answer, at) => ({
      label: at === 0 && met.length > 1 ? `${answer.title}: least cost` : answer.title,
      figure: figure(answer, answer.count, 'time', { unit: answer.count === 1 ? 'machine' : 'machines' }),
      note: `${formatFigure(answer.dollarsPerHour)} $/h, ${formatFigure(answer.costPerMTokens)} $/M tokens, ${formatFigure(answer.kilowatts)} kW`,
    }));
  const blocks: Block[] = [];
  if (items.length > 0) blocks.push({ kind: 'headline', items });
  if (closest !== null) {
    blocks.push(
      say(
        `No machine that was tried meets the SLO. ${closest.machine} comes closest: ${shortfallText(closest.shortfall)}.`,
      ),
    );
  }
  blocks.push(
    show({
      caption: `The fewest machines of each kind that meet ${sloText(result)}`,
      columns: [
        'machine',
        'meets',
        'machines',
        'goodput, requests/s',
        '$/M generated tokens',
        '$/h',
        'kW',
        'J/token',
        'headroom',
      ],
      rows: answers.map(
        (answer): Row => ({
          header: answer.title,
          cells: [
            answer.meets ? 'yes' : 'no',
            figure(answer, answer.count, 'time'),
            figure(answer, answer.goodput, 'time'),
            figure(answer, answer.costPerMTokens, 'cost'),
            figure(answer, answer.dollarsPerHour, 'price'),
            figure(answer, answer.kilowatts, 'power'),
            figure(answer, answer.joulesPerToken, 'energy'),
            figure(answer, headroom(answer), 'time', { share: true }),
          ],
        }),
      ),
    }),
    show({
      caption: 'In which configuration, and what is missed',
      columns: ['machine', 'configuration', 'note'],
      rows: answers.map((answer) => ({
        header: answer.title,
        cells: [
          configurationText(answer),
          answer.reason ??
            (answer.shortfall ? `misses: ${shortfallText(answer.shortfall)}` : 'every limit is kept'),
        ],
      })),
    }),
    say(
      'Goodput: requests per second that finish within every limit. Headroom: how far the tightest limit is from being reached, as a share of it. Cost is for generated tokens, all machines paid for by the hour. kW is wall power with host and cooling.',
    ),
  );
  return { id: 'answer', title: 'The answer', clock: 'simulated', blocks };
}
