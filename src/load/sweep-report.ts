/** The report of a measured sweep: what more and more users saw of a server. */

import type { XyChart } from '../report/document/chart-types.js';
import { type Block, type Report, show } from '../report/document/document.js';
import { formatDate } from '../report/document/format.js';
import { reportMarkdown } from '../report/document/markdown.js';
import { pageHtml } from '../report/document/page.js';
import type { Sweep } from './sweep.js';
import type { LoadResult } from './types.js';

export const sweepHtml = (sweep: Sweep): string => pageHtml(sweepReport(sweep));
export const sweepMarkdown = (sweep: Sweep): string => reportMarkdown(sweepReport(sweep));

function sweepReport(sweep: Sweep): Report {
  const { model, url, date, points } = sweep;
  return {
    title: `${model} under load`,
    lead: `${url}; ${formatDate(date)}; users who always have one request under way, one after another with ${points.map(({ concurrency }) => concurrency).join(', ')} of them.`,
    sections: [
      {
        id: 'load',
        title: 'What users see',
        clock: 'measured',
        blocks: [
          drawn('throughput', 'Generated tokens per second', 'tokens/s', points, {
            'all users': (point) => point.outputTokensPerSecond,
          }),
          drawn('ttft', 'Time to the first token', 'ms', points, {
            median: (point) => point.ttftMs.p50,
            p99: (point) => point.ttftMs.p99,
          }),
          drawn('tpot', 'Time per further token', 'ms', points, {
            median: (point) => point.tpotMs.p50,
            p99: (point) => point.tpotMs.p99,
          }),
          show({
            caption: 'Every load',
            columns: [
              'users',
              'requests',
              'failed',
              'prompt tokens',
              'answer tokens',
              'tokens/s',
              'TTFT p50, ms',
              'TTFT p99, ms',
              'TPOT p50, ms',
              'TPOT p99, ms',
            ],
            rows: points.map((point) => ({
              header: `${point.concurrency}`,
              cells: [
                point.requests,
                point.failed,
                point.inputTokens / Math.max(1, point.requests),
                point.outputTokens / Math.max(1, point.requests),
                point.outputTokensPerSecond,
                point.ttftMs.p50,
                point.ttftMs.p99,
                point.tpotMs.p50,
                point.tpotMs.p99,
              ].map((value) => ({ value })),
            })),
          }),
        ],
      },
    ],
  };
}

function drawn(
  id: string,
  title: string,
  unit: string,
  points: readonly LoadResult[],
  lines: Readonly<Record<string, (point: LoadResult) => number>>,
): Block {
  const chart: XyChart = {
    kind: 'xy',
    id,
    title,
    x: { label: 'users', log: true },
    y: { label: unit },
    series: Object.entries(lines).map(([name, of], colour) => ({
      name,
      look: 'line',
      colour,
      points: points.map((point) => ({ x: point.concurrency ?? 1, y: of(point) })),
    })),
  };
  return { kind: 'chart', chart, text: `${title}, ${unit}, by the number of users.` };
}
