/** Where a model may be cut into memories: as little as possible is copied there, and layers stay whole. */
import { lastReads, writesOf } from '../../../models/flow.js';
import type { PlacedOp } from '../../placement/plan.js';

/**
 * Runs of ops that stay together, in order: between two that keep something from token to token there is one border.
 * `direct`: values that have no buffer, so that none can be copied.
 */
export function unitsOf(ops: readonly PlacedOp[], direct: ReadonlySet<number>): PlacedOp[][] {
  const living = livingAfter(ops, direct);
  const keeping = ops.flatMap((op, at) => (op.kind === 'attention' || 'state' in op ? [at] : []));
  const borders = new Set<number>();
  let from = 0;
  for (const to of [...keeping, ops.length - 1]) {
    let best = from;
    for (let at = from; at < to; at++) if (living[at]! <= living[best]!) best = at;
    if (from < to && Number.isFinite(living[best])) borders.add(best);
    from = to;
  }
  const units: PlacedOp[][] = [[]];
  for (const [at, op] of ops.entries()) {
    units.at(-1)!.push(op);
    if (borders.has(at)) units.push([]);
  }
  return units;
}

/** Features that live on after each op; infinitely many where one of them cannot be copied. */
function livingAfter(ops: readonly PlacedOp[], direct: ReadonlySet<number>): number[] {
  const last = lastReads(ops);
  const living = new Array<number>(ops.length).fill(0);
  for (const [from, op] of ops.entries()) {
    for (const { id, features } of writesOf(op))
      for (let at = from; at < (last[id] ?? from); at++)
        living[at]! += direct.has(id) ? Number.POSITIVE_INFINITY : features;
  }
  return living;
}
