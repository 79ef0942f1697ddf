/**
 * All-reduces on a line: chain and broadcast, K-tree toward the centre and broadcast (He et al., "WaferLLM", OSDI
 * 2025), and the ring. Partial sums meet in the order that `foldPairs` of the plan defines, whatever is used.
 */
import type { Reduce } from '../../placement/plan.js';
import { foldRoot } from '../../placement/reduce.js';
import type { Color, FoldName, View } from '../pe.js';
import type { Line, Part } from './line.js';
import { broadcast, connect } from './line.js';

/** Colors of one all-reduce along one axis; lines that are parallel share them. */
export interface AllreduceColors {
  readonly inside: readonly [Color, Color];
  readonly between: readonly [Color, Color];
  readonly flood: Color;
}

export function allreduceColors(line: Line, name: string): AllreduceColors {
  const color = (part: string): Color => line.mesh.color(`${name} ${part}`);
  return {
    inside: [color('inside 0'), color('inside 1')],
    between: [color('between 0'), color('between 1')],
    flood: color('flood'),
  };
}

/**
 * Two chains along `stations` that meet in `stations[centre]`, the low side first. Neighbouring stations use
 * the two colors in turn; the sides are offset so that the centre receives them on different ones.
 */
function chainsToCentre(
  line: Line,
  stations: readonly number[],
  centre: number,
  colors: readonly [Color, Color],
  fold: FoldName,
): Part {
  const colorOf = (k: number): Color => colors[(k < centre ? k : k + 1) & 1]!;
  for (const [k, station] of stations.entries()) {
    // color: low stations send AHEAD, high ones BACK, each to the next station toward the centre.
    if (k !== centre) connect(line, colorOf(k), station, stations[k < centre ? k + 1 : k - 1]!);
  }
  return function* (pe, i, view) {
    const k = stations.indexOf(i);
    if (k < 0) return;
    if (k === centre) {
      if (k > 0) yield pe.receiveFold(colorOf(k - 1), view, fold);
      if (k + 1 < stations.length) yield pe.receiveFold(colorOf(k + 1), view, fold);
      return;
    }
    const outer = k < centre ? k - 1 : k + 1;
    if (outer < 0 || outer >= stations.length) {
      yield pe.send(colorOf(k), view);
    } else {
      yield pe.relayFold(colorOf(outer), view, colorOf(k), fold);
    }
  };
}

/** Folds the line's views as `reduce` says; the result stands in PE `foldRoot(reduce)` of the line. */
export function reduceToRoot(
  line: Line,
  reduce: Reduce,
  colors: AllreduceColors,
  fold: FoldName = 'add',
): Part {
  const all = Array.from({ length: line.length }, (_, i) => i);
  if (reduce.algorithm === 'chain') return chainsToCentre(line, all, 0, colors.inside, fold);
  const inside: Part[] = [];
  const centres: number[] = [];
  for (let start = 0; start < line.length; start += reduce.groupSize) {
    const group = all.slice(start, start + reduce.groupSize);
    inside.push(chainsToCentre(line, group, group.length >> 1, colors.inside, fold));
    centres.push(group[group.length >> 1]!);
  }
  const between = chainsToCentre(line, centres, centres.length >> 1, colors.between, fold);
  return function* (pe, i, view) {
    yield* inside[Math.floor(i / reduce.groupSize)]!(pe, i, view);
    yield* between(pe, i, view);
  };
}

/** Reduces to the root of the fold and floods the result back to the whole line. */
export function allreduce(line: Line, reduce: Reduce, colors: AllreduceColors, fold: FoldName = 'add'): Part {
  const toRoot = reduceToRoot(line, reduce, colors, fold);
  const back = broadcast(line, foldRoot({ ...reduce, parts: line.length }), colors.flood);
  return function* (pe, i, view) {
    yield* toRoot(pe, i, view);
    yield* back(pe, i, view);
  };
}

export interface RingColors {
  readonly step: readonly [Color, Color];
  readonly wrap: Color;
}

export function ringColors(line: Line, name: string): RingColors {
  const color = (part: string): Color => line.mesh.color(`${name} ${part}`);
  return { step: [color('step 0'), color('step 1')], wrap: color('wrap') };
}

/** Ring all-reduce: P - 1 steps add up each chunk around the ring, P - 1 more hand the sums around. */
export function ringAllreduce(line: Line, colors: RingColors, fold: FoldName = 'add'): Part {
  const pes = line.length;
  const colorOf = (i: number): Color => (i === pes - 1 ? colors.wrap : colors.step[i & 1]!);
  // color: every PE sends AHEAD to the next; the last one sends BACK over all the others to PE 0.
  for (let i = 0; i < pes && pes > 1; i++) connect(line, colorOf(i), i, (i + 1) % pes);
  return function* (pe, i, view) {
    if (pes === 1) return;
    const from = colorOf((i + pes - 1) % pes);
    const chunk = (number: number): View => {
      const c = ((number % pes) + pes) % pes;
      const first = Math.floor((c * view.words) / pes);
      return {
        ...view,
        firstWord: view.firstWord + first,
        words: Math.floor(((c + 1) * view.words) / pes) - first,
      };
    };
    for (let step = 0; step < pes - 1; step++) {
      const sent = pe.send(colorOf(i), chunk(i - step));
      yield pe.receiveFold(from, chunk(i - step - 1), fold);
      yield sent;
    }
    for (let step = 0; step < pes - 1; step++) {
      const sent = pe.send(colorOf(i), chunk(i + 1 - step));
      yield pe.receive(from, chunk(i - step));
      yield sent;
    }
  };
}
