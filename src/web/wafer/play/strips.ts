/** What the timeline shows of a run: the share of PEs in local work, and hops per cycle; of a model: its phases. */

import type { Palette } from '../draw/palette.js';
import { type DecodeStep, PARTS, phaseCycles } from '../placed/phases.js';
import type { Loads } from '../record/loads.js';

type Strip = (context: CanvasRenderingContext2D, width: number, height: number, palette: Palette) => void;

/** Runs one under the other on the same scale; `cycles` is the length of the longest. */
export function fabricStrip(
  runs: readonly { readonly loads: Loads; readonly cycles: number }[],
  cycles: number,
): Strip {
  return (context, width, height, palette) => {
    const each = height / runs.length;
    const totals = runs.map(({ loads }) => Array.from({ length: loads.windows }, (_, w) => loads.total(w)));
    const mostHops = Math.max(1e-9, ...totals.flat().map(({ hopsPerCycle }) => hopsPerCycle));
    for (const [i, { loads, cycles: own }] of runs.entries()) {
      const top = i * each;
      const x = (window: number): number => (Math.min(own, window * loads.windowCycles) / cycles) * width;
      context.fillStyle = palette.states['local work'];
      for (const [w, { work }] of totals[i]!.entries()) {
        const tall = work * (each - 2);
        const left = Math.floor(x(w));
        // Whole pixels, or thin lines would show between windows.
        context.fillRect(left, top + each - tall, Math.max(1, Math.floor(x(w + 1)) - left), tall);
      }
      context.beginPath();
      for (const [w, { hopsPerCycle }] of totals[i]!.entries()) {
        const y = top + each - 1 - (hopsPerCycle / mostHops) * (each - 4);
        context.lineTo(x(w), y);
        context.lineTo(x(w + 1), y);
      }
      context.strokeStyle = palette.states.relay;
      context.lineWidth = 1.5;
      context.stroke();
      context.fillStyle = palette.line;
      context.fillRect(0, top + each - 1, x(loads.windows), 1);
    }
  };
}

/** Compute, fabric and latency of every phase as stacked bars; regions as bands below. */
export function planStrip({ phases, cycles }: DecodeStep, regions: number): Strip {
  return (context, width, height, palette) => {
    const bar = height - 8;
    const colours = {
      compute: palette.states['local work'],
      fabric: palette.states.relay,
      latency: palette.states['waits for a wavelet'],
      'I/O': palette.states.send,
    };
    // A column of pixels sums up the phases that fall into it.
    const columns = Math.max(1, Math.floor(width));
    const shares = PARTS.map(() => new Float64Array(columns));
    for (const phase of phases) {
      let at = phase.startCycle;
      for (const [p, part] of PARTS.entries()) {
        const end = at + phase.cycles[part];
        // In columns; counted by whole ones, since a border in cycles may round to where one already is.
        const [left, right] = [(at / cycles) * columns, (end / cycles) * columns];
        for (let column = Math.floor(left); column < Math.min(columns, right); column++) {
          shares[p]![column]! += Math.max(0, Math.min(right, column + 1) - Math.max(left, column));
        }
        at = end;
      }
      context.fillStyle = phase.region % 2 === 0 ? palette.muted : palette.line;
      const x = (phase.startCycle / cycles) * width;
      context.fillRect(
        x,
        height - 5,
        Math.max(0.5, (phaseCycles(phase) / cycles) * width),
        regions > 1 ? 4 : 0,
      );
    }
    for (let column = 0; column < columns; column++) {
      let top = bar;
      for (const [p, part] of PARTS.entries()) {
        const tall = shares[p]![column]! * (bar - 2);
        context.fillStyle = colours[part];
        context.fillRect(column, top - tall, 1, tall);
        top -= tall;
      }
    }
  };
}
