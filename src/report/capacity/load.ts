/** Latency against the SLO, and what the machines' memories and queues did meanwhile. */
import type { CapacityResult } from '../../fleet/types.js';
import type { WaferMachine } from '../../machine/wafers.js';
import type { WaferPlan } from '../../placement/wafer.js';
import { type Block, type Cell, type Row, type Section, say, show } from '../document/document.js';
import { floorPlanElement, floorPlanTable } from '../plan/floor-plan.js';
import { kvChart, kvTimeline, latencyChart } from './charts.js';
import { charted, figure, METRICS } from './text.js';

/** A placed model to draw beside the answer for its machine. */
export interface PlacedWafer {
  readonly machine: WaferMachine;
  readonly plan: WaferPlan;
}

const SUMMARIES = ['ttftMs', 'tpotMs', 'itlMs', 'e2elMs', 'queueDelayMs'] as const;
const SUMMARY_NAMES: Readonly<Record<(typeof SUMMARIES)[number], string>> = {
  ttftMs: 'TTFT',
  tpotMs: 'TPOT',
  itlMs: 'ITL',
  e2elMs: 'E2EL',
  queueDelayMs: 'queue delay',
};

export function latencySection(result: CapacityResult): Section {
  const rows = result.answers.flatMap((answer) =>
    (answer.result?.tiers ?? []).flatMap((tier) =>
      SUMMARIES.map((key): Row => {
        const { mean, p50, p90, p95, p99, max } = tier[key];
        return {
          header: `${answer.title}${(answer.result?.tiers.length ?? 0) > 1 ? `, ${tier.tier}` : ''}`,
          cells: [
            SUMMARY_NAMES[key],
            ...[mean, p50, p90, p95, p99, max].map(
              (value): Cell => figure(answer, tier[key].count === 0 ? null : value, 'time'),
            ),
          ],
        };
      }),
    ),
  );
  const outcomes = result.answers.flatMap((answer) =>
    (answer.result?.slo ?? []).map(
      (outcome): Row => ({
        header: answer.title,
        cells: [
          METRICS[outcome.metric],
          figure(answer, outcome.limitMs, 'slo', { tag: 'published' }),
          figure(answer, outcome.reachedMs, 'time'),
          figure(answer, outcome.attained, 'time', { share: true }),
          outcome.meets ? 'yes' : 'no',
        ],
      }),
    ),
  );
  return {
    id: 'latency',
    title: 'Latency against the SLO',
    clock: 'simulated',
    blocks: [
      ...charted(
        latencyChart(result, 'ttft'),
        'Time to the first token, interactive requests. The dashed line is the limit.',
      ),
      ...charted(
        latencyChart(result, 'tpot'),
        'Mean time per token after the first, interactive requests. The dashed line is the limit.',
      ),
      ...(outcomes.length === 0
        ? []
        : [
            show({
              caption: `Limits and what the ${result.slo.percentile}th percentile reaches`,
              columns: ['machine', 'metric', 'limit, ms', 'reached, ms', 'within the limit', 'kept'],
              rows: outcomes,
            }),
          ]),
      ...(rows.length === 0
        ? [say('No configuration ran.')]
        : [
            show({
              caption: 'Percentiles, ms',
              columns: ['machine', 'metric', 'mean', 'p50', 'p90', 'p95', 'p99', 'longest'],
              rows,
            }),
          ]),
    ],
  };
}

export function memorySection(result: CapacityResult, placed: readonly PlacedWafer[]): Section {
  const rows = result.answers.map(
    (answer): Row => ({
      header: answer.title,
      cells: [
        figure(answer, answer.result?.kvOccupancy, 'memory', { share: true }),
        figure(answer, answer.result?.kvOccupancyPeak, 'memory', { share: true }),
        figure(answer, answer.result?.utilisation, 'time', { share: true }),
        figure(answer, answer.result?.peakRunning, 'memory'),
        figure(answer, answer.result?.peakWaiting, 'time'),
        figure(answer, answer.result?.preemptions, 'memory'),
        figure(answer, answer.result?.rejected, 'time'),
        figure(answer, answer.result?.retried, 'time'),
      ],
    }),
  );
  return {
    id: 'memory',
    title: 'Memory and load',
    clock: 'simulated',
    blocks: [
      ...charted(
        kvTimeline(result),
        'Share of the KV memory that live sequences hold, over the run. Where they come near it, a dashed line shows all there is.',
      ),
      ...charted(
        kvChart(result),
        'Mean over the run, and the highest that was seen. At 100 % sequences wait, or lose their cache and are computed again.',
      ),
      show({
        caption: 'KV cache, utilisation and queues',
        columns: [
          'machine',
          'KV, mean',
          'KV, peak',
          'busy',
          'most running',
          'most waiting',
          'preempted',
          'rejected',
          'retried',
        ],
        rows,
      }),
      ...placed.map(
        ({ plan, machine }): Block => ({
          kind: 'drawing',
          svg: floorPlanElement(plan, machine),
          text: 'One copy of the model, with as many sequences of the mean length as fit at once. Each box is a region of PEs that holds the layers named in it; the bar inside shows what the SRAM of one of its PEs is used for.',
          table: floorPlanTable(plan, machine),
        }),
      ),
    ],
  };
}
