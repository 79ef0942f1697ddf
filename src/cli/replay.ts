/** A sweep beside its simulation, for people. */
import type { ReplayedPoint } from '../fleet/replay.js';
import { parseSweep, type Sweep } from '../load/sweep.js';
import { formatNumber, formatTable } from './output.js';
import { readTextFileSync } from './text-file.js';

export function readSweep(file: string): Sweep {
  return parseSweep(
    readTextFileSync(file, 'the JSON of `waferflow bench serve --sweep 1,4,16 --json`'),
    file,
  );
}

const FIGURES = [
  ['tokensPerSecond', 'tokens/s'],
  ['ttftMs', 'TTFT p50, ms'],
  ['tpotMs', 'TPOT p50, ms'],
] as const;

export function replayText(points: readonly ReplayedPoint[]): string {
  return formatTable(
    ['>users', '>prompt', '>answer', 'figure', '>measured', '>simulated', '>error'],
    points.flatMap(({ users, promptTokens, outputTokens, figures, simulated, errors }) =>
      FIGURES.map(([name, title]) => [
        String(users),
        String(promptTokens),
        String(outputTokens),
        title,
        formatNumber(figures[name]),
        formatNumber(simulated[name]),
        `${errors[name] >= 0 ? '+' : ''}${(errors[name] * 100).toFixed(1)} %`,
      ]),
    ),
  );
}
