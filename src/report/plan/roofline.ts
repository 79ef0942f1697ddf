/** A roofline: how much arithmetic each phase does per byte it moves, and how near the machine's roof it runs. */

import type { StepCost } from '../../timing/cost.js';
import type { PlanResult } from '../../timing/estimate-types.js';
import { machineAnchor } from '../basis.js';
import type { Point, XyChart, XySeries } from '../document/chart-types.js';

/** FLOPs per byte and FLOPs per second of a step on one machine. */
function pointOf(step: StepCost, { count, kind }: PlanResult): Point {
  const flops = step.ops.reduce((sum, op) => sum + op.flops, 0);
  const bytes = step.ops.reduce((sum, op) => sum + op.bytes, 0);
  // A GPU's ops are those of one GPU already; a wafer's are those of all wafers.
  return { x: flops / bytes, y: flops / step.seconds / (kind === 'gpu' ? 1 : count) };
}

/** Decode and prefill of every result under the peaks of its machine. */
export function rooflineChart(results: readonly PlanResult[]): XyChart {
  const steps = results.map((result) => ({
    result,
    decode: pointOf(result.decode, result),
    prefill: pointOf(result.prefill, result),
    ridge: result.peakFlops / result.peakBytesPerSecond,
  }));
  const xs = steps.flatMap(({ decode, prefill, ridge }) => [decode.x, prefill.x, ridge]);
  const [low, high] = [Math.min(...xs) / 2, Math.max(...xs) * 2];
  const series = steps.flatMap(({ result, decode, prefill, ridge }, colour): XySeries[] => {
    const basis = machineAnchor(result.machine);
    const name = result.machine;
    return [
      { name: `${name}, decode`, points: [decode], look: 'hollow', colour, basis },
      { name: `${name}, prefill`, points: [prefill], look: 'points', colour, basis },
      {
        name: `${name}: roof`,
        points: [
          { x: low, y: low * result.peakBytesPerSecond },
          { x: ridge, y: result.peakFlops },
          { x: high, y: result.peakFlops },
        ],
        look: 'plain',
        colour,
        guide: true,
      },
    ];
  });
  return {
    kind: 'xy',
    id: 'roofline-chart',
    title: 'Roofline, per machine (simulated)',
    x: { label: 'FLOP per byte of weights and KV cache' },
    y: { label: 'FLOP per second' },
    series,
  };
}
