/** What the sections of a capacity report have in common: numbers with their ground, and limits in words. */
import type { CapacityAnswer, CapacityResult, SloOutcome } from '../../fleet/types.js';
import type { Chart } from '../document/chart-types.js';
import type { Block, Figure, Inline } from '../document/document.js';
import { formatFigure } from '../document/format.js';
import { type CapacityGround, groundOf, tagOf } from './basis.js';

export const METRICS = { ttft: 'TTFT', tpot: 'TPOT', itl: 'ITL', e2el: 'E2EL' } as const;

export function sloText({ slo }: CapacityResult): string {
  const limits = [
    ['TTFT', slo.ttftMs],
    ['TPOT', slo.tpotMs],
    ['ITL', slo.itlMs],
    ['E2EL', slo.e2elMs],
  ].flatMap(([name, limit]) => (limit === undefined ? [] : [`${name} ${limit} ms`]));
  return limits.length === 0 ? 'no SLO' : `${limits.join(', ')} at the ${slo.percentile}th percentile`;
}

export const shortfallText = ({ metric, reachedMs, limitMs }: SloOutcome): string =>
  `${METRICS[metric]} reaches ${formatFigure(reachedMs)} ms where ${formatFigure(limitMs)} ms is allowed, ${formatFigure((reachedMs / limitMs - 1) * 100)} % too much`;

/** A number of one answer, with its ground and its weakest input; a dash where there is no configuration. */
export function figure(
  answer: CapacityAnswer,
  value: number | null | undefined,
  ground: CapacityGround,
  extra: Partial<Figure> = {},
): Figure {
  const tag = tagOf(answer, ground);
  return {
    value: answer.result === null ? null : (value ?? null),
    basis: groundOf(answer, ground),
    ...(tag && { tag }),
    ...extra,
  };
}

/** A chart block, or nothing where there is nothing to draw. */
export const charted = (chart: Chart | null, text: Inline): Block[] =>
  chart === null ? [] : [{ kind: 'chart', chart, text }];
