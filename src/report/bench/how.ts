/** How measured numbers came about, and the samples behind each median. */
import type { BenchResult, MeasuredRatio, MeasuredRow } from '../../bench/types.js';
import { anchor, type Row } from '../document/document.js';
import { formatFigure } from '../document/format.js';
import { caseName, contenderName } from './names.js';

/** Anchors of the definitions. */
export const HOW = {
  speed: 'how-speed',
  ratio: 'how-ratio',
  tokens: 'how-tokens',
  ttft: 'how-ttft',
  itl: 'how-itl',
  bytes: 'how-bytes',
  bandwidth: 'how-bandwidth',
  launches: 'how-launches',
  energy: 'how-energy',
  models: 'how-models',
} as const;

const TEXTS: Readonly<Record<keyof typeof HOW, readonly [string, string]>> = {
  speed: [
    'tokens per second',
    'In prefill prompt tokens over the time to the first token; in decode tokens after the first over the time since the first, in a request prompt and answer over the time from the call to the last token; of all requests together. Spread: half the distance of the quartiles, over the median.',
  ],
  ratio: [
    'ratio',
    'waferflow and the other contender ran in turns; each round gives one ratio of their speeds, and the median of these is shown. The headline is the lowest single-user decode ratio against the baseline.',
  ],
  tokens: [
    'rounds and tokens',
    'Rounds that a figure rests on, and the tokens it counts in all of them: in a round, contenders that are done early repeat the case up to eight times. A case that is too long for the slowest contender within the time of the run is halved, for all contenders alike; what was wanted stands beside it.',
  ],
  ttft: ['TTFT', 'From the call to the first token, on this machine, model loaded.'],
  itl: ['ITL', 'Between two tokens of one request, every wait of every round; percentiles over all of them.'],
  bytes: [
    'bytes per token',
    'Weights and KV cache that one token of decode has to read, counted from the model’s shapes, not by the processor; times tokens per second it is what the memory delivered.',
  ],
  bandwidth: [
    'reading speed',
    'A WebAssembly loop over memory larger than the caches, by number of threads, in this run.',
  ],
  launches: ['launches per token', 'Kernel launches that the engine counted, per token.'],
  energy: ['energy', 'The processor package’s own counter before and after a case, over its tokens.'],
  models: [
    'models',
    'As the file’s header says; random weights are seeded, so that speed can be compared and text cannot.',
  ],
};

export function howRows(): Row[] {
  const keys = Object.keys(HOW) as (keyof typeof HOW)[];
  return keys.map((key) => ({ id: HOW[key], header: TEXTS[key][0], cells: [TEXTS[key][1]] }));
}

const isRatio = (row: MeasuredRow | MeasuredRatio): row is MeasuredRatio => 'against' in row;

/** The anchor of the samples behind a row of this very result. */
export function sampleAnchor(result: BenchResult, row: MeasuredRow | MeasuredRatio): string {
  return isRatio(row)
    ? anchor('ratio-samples', result.ratios.indexOf(row))
    : anchor('samples', result.measured.indexOf(row));
}

export function sampleRows(result: BenchResult): Row[] {
  const list = (samples: readonly number[]): string => samples.map(formatFigure).join(', ');
  return [
    ...result.measured.map((row) => ({
      id: sampleAnchor(result, row),
      header: caseName(row),
      cells: [contenderName(row.contender), `tokens/s: ${list(row.tokensPerSecond.samples)}`],
    })),
    ...result.ratios.map((row) => ({
      id: sampleAnchor(result, row),
      header: caseName(row),
      cells: [`waferflow over ${contenderName(row.against)}`, `×: ${list(row.ratio.samples)}`],
    })),
  ];
}
