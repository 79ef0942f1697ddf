/** The result of `waferflow bench` for people. */
import type { BenchResult } from '../bench/types.js';
import { formatNumber, formatTable } from './output.js';

const range = ({ median, min, max }: { median: number; min: number; max: number }): string =>
  `${formatNumber(median)} (${formatNumber(min)} to ${formatNumber(max)})`;

const lengths = (row: { promptTokens: number; generatedTokens: number }): string =>
  `${row.promptTokens} + ${row.generatedTokens}`;

export function toText(result: BenchResult): string {
  const { machine, ratioToGpuStyleBaseline: ratio } = result;
  const bandwidth = machine.bandwidth
    .map(({ threads, gigabytesPerSecond }) => `${formatNumber(gigabytesPerSecond)} GB/s with ${threads}`)
    .join(', ');
  const measured = result.measured.map((row) => {
    const beside = result.ratios.find(
      (one) =>
        one.against === row.contender &&
        one.model === row.model &&
        one.phase === row.phase &&
        one.promptTokens === row.promptTokens &&
        one.generatedTokens === row.generatedTokens &&
        one.batch === row.batch,
    );
    return [
      row.model,
      row.phase,
      lengths(row),
      String(row.batch),
      row.contender,
      range(row.tokensPerSecond),
      `${row.countedTokens} in ${row.tokensPerSecond.samples.length}`,
      row.ttftMs === null ? '-' : formatNumber(row.ttftMs.median),
      row.itlMs === null ? '-' : `${formatNumber(row.itlMs.p50)} / ${formatNumber(row.itlMs.p99)}`,
      row.gigabytesPerSecond === null
        ? '-'
        : `${formatNumber(row.gigabytesPerSecond)} (${Math.round(100 * row.bandwidthShare!)} %)`,
      beside === undefined ? '-' : range(beside.ratio),
    ];
  });
  const simulated = result.simulated.map((row) => [
    row.model,
    lengths(row),
    String(row.concurrency),
    `${row.count} x ${row.machine}`,
    formatNumber(row.tokensPerSecondPerUser),
    formatNumber(row.tokensPerSecond),
    formatNumber(row.ttftMs),
    formatNumber(row.tpotMs),
    row.tag,
  ]);
  const backends = [...new Map(result.measured.map(({ contender, backend }) => [contender, backend]))].map(
    ([contender, backend]) => `${contender}: ${backend}`,
  );
  const missing = result.absent.map(({ contender, reason }) => `${contender} not measured: ${reason}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}; memory read at ${bandwidth} threads`,
    ...backends,
    ...missing,
    '',
    `measured here, ${result.rounds} rounds at most, median (lowest to highest)`,
    formatTable(
      [
        'model',
        'phase',
        'tokens',
        '>batch',
        'contender',
        '>tokens/s',
        '>tokens in rounds',
        '>TTFT ms',
        '>ITL ms p50 / p99',
        '>GB/s (of memory)',
        '>waferflow is faster by',
      ],
      measured,
    ),
    '',
    'simulated, never measured',
    formatTable(
      [
        'model',
        'tokens',
        '>users',
        'machine',
        '>tokens/s/user',
        '>tokens/s',
        '>TTFT ms',
        '>TPOT ms',
        'rests on',
      ],
      simulated,
    ),
    '',
    ...result.notes,
    '',
    ratio === null
      ? 'No ratio to the GPU-style baseline: it was not measured.'
      : `waferflow decodes at least ${formatNumber(ratio)} times as fast as the GPU-style baseline.`,
  ].join('\n');
}
