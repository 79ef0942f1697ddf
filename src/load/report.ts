/** The result of a load for people, in the form that users of vLLM's benchmark know. */
import type { LatencySummary } from '../fleet/types.js';
import type { LoadResult } from './types.js';

const WIDTH = 50;
const LABEL = 40;

export function formatLoad(result: LoadResult): string {
  const row = (label: string, value: number | null, digits = 0): string[] =>
    value === null ? [] : [`${`${label}:`.padEnd(LABEL)}${value.toFixed(digits)}`];
  const block = (title: string, name: string, { mean, p50, p90, p99, count }: LatencySummary): string[] =>
    count === 0
      ? []
      : [
          centred(title, '-'),
          ...row(`Mean ${name} (ms)`, mean, 2),
          ...row(`Median ${name} (ms)`, p50, 2),
          ...row(`P90 ${name} (ms)`, p90, 2),
          ...row(`P99 ${name} (ms)`, p99, 2),
        ];
  return [
    centred(' Serving Benchmark Result ', '='),
    ...row('Successful requests', result.requests),
    ...row('Failed requests', result.failed),
    ...row('Maximum request concurrency', result.concurrency),
    ...(result.requestedPerSecond === Number.POSITIVE_INFINITY
      ? [`${'Request rate configured (RPS):'.padEnd(LABEL)}inf`]
      : row('Request rate configured (RPS)', result.requestedPerSecond, 2)),
    ...row('Benchmark duration (s)', result.durationMs / 1e3, 2),
    ...row('Total input tokens', result.inputTokens),
    ...row('Of these from the prefix cache', result.cachedTokens),
    ...row('Total generated tokens', result.outputTokens),
    ...row('Request throughput (req/s)', result.requestsPerSecond, 2),
    ...row('Request goodput (req/s)', result.goodput, 2),
    ...row('Output token throughput (tok/s)', result.outputTokensPerSecond, 2),
    ...row('Peak output token throughput (tok/s)', result.peakOutputTokensPerSecond, 2),
    ...row('Peak concurrent requests', result.peakConcurrency),
    ...row('Total token throughput (tok/s)', result.totalTokensPerSecond, 2),
    ...block('Time to First Token', 'TTFT', result.ttftMs),
    ...block('Time per Output Token (excl. 1st token)', 'TPOT', result.tpotMs),
    ...block('Inter-token Latency', 'ITL', result.itlMs),
    ...block('End-to-end Latency', 'E2EL', result.e2elMs),
    ...block('Sent later than planned', 'delay', result.lateMs),
    '='.repeat(WIDTH),
    ...Object.entries(result.errors).map(([reason, count]) => `${count} x ${reason}`),
  ].join('\n');
}

function centred(title: string, fill: string): string {
  const left = Math.floor((WIDTH - title.length) / 2);
  return title.padStart(title.length + left, fill).padEnd(WIDTH, fill);
}
