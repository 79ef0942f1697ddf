/**
 * All-reduces on a line: chain and broadcast, K-tree toward the centre and broadcast (He et al., "WaferLLM", OSDI
 * 2025), and the ring. Partial sums meet in the order that `foldPairs` of the plan defines, whatever is used.
 */
import type { Reduce } from '../../placement/plan.js';
import { foldRoot } from '../../placement/reduce.js';
import type { Color, FoldName, View } from '../pe.js';
import type { Line, Move, Moves, Part } from './line.js';
import { broadcastMoves, connect, inTurn, layBroadcast } from './line.js';

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

/** Two chains along `stations` that meet in `stations[centre]`. */
interface Chains {
  readonly stations: readonly number[];
  readonly centre: number;
  readonly colors: readonly [Color, Color];
}

/** The color on which station k of the chains sends; the sides are offset so that the centre receives on both. */
const colorOf = ({ centre, colors }: Chains, k: number): Color => colors[(k < centre ? k : k + 1) & 1]!;

/** All chains of a reduction, in the order in which a PE takes part in them. */
function chainsOf(
  { length }: { readonly length: number },
  reduce: Reduce,
  colors: AllreduceColors,
): Chains[] {
  const all = Array.from({ length }, (_, i) => i);
  if (reduce.algorithm === 'chain') return [{ stations: all, centre: 0, colors: colors.inside }];
  const chains: Chains[] = [];
  for (let start = 0; start < length; start += reduce.groupSize) {
    const stations = all.slice(start, start + reduce.groupSize);
    chains.push({ stations, centre: stations.length >> 1, colors: colors.inside });
  }
  const centres = chains.map(({ stations, centre }) => stations[centre]!);
  return [...chains, { stations: centres, centre: centres.length >> 1, colors: colors.between }];
}

/** Folds into `moves` what the chains ask of their stations: the low side first. */
function addMoves(moves: Move[][], chains: Chains, fold: FoldName): void {
  const { stations, centre } = chains;
  for (const [k, station] of stations.entries()) {
    const own = moves[station]!;
    const fromStation = (other: number): Color | null =>
      other < 0 || other >= stations.length ? null : colorOf(chains, other);
    if (k === centre) {
      for (const from of [fromStation(k - 1), fromStation(k + 1)]) {
        if (from !== null) own.push((pe, view) => pe.receiveFold(from, view, fold));
      }
      continue;
    }
    const to = colorOf(chains, k);
    const from = fromStation(k < centre ? k - 1 : k + 1);
    own.push(
      from === null ? (pe, view) => pe.send(to, view) : (pe, view) => pe.relayFold(from, view, to, fold),
    );
  }
}

/** The routes of a reduction. */
function layReduce(line: Line, reduce: Reduce, colors: AllreduceColors): void {
  for (const chains of chainsOf(line, reduce, colors)) {
    const { stations, centre } = chains;
    for (const [k, station] of stations.entries()) {
      // color: low stations send AHEAD, high ones BACK, each to the next station toward the centre.
      if (k !== centre) connect(line, colorOf(chains, k), station, stations[k < centre ? k + 1 : k - 1]!);
    }
  }
}

/** The routes of an all-reduce on one of the lines that share `allreduceMoves`. */
export function layAllreduce(line: Line, reduce: Reduce, colors: AllreduceColors): void {
  layReduce(line, reduce, colors);
  layBroadcast(line, foldRoot({ ...reduce, parts: line.length }), colors.flood);
}

function reduceMoves(length: number, reduce: Reduce, colors: AllreduceColors, fold: FoldName): Move[][] {
  const moves = Array.from({ length }, (): Move[] => []);
  for (const chains of chainsOf({ length }, reduce, colors)) addMoves(moves, chains, fold);
  return moves;
}

/** What an all-reduce over that many PEs asks of each: a reduction as `reduce` says, and a flood of its result. */
export function allreduceMoves(
  length: number,
  reduce: Reduce,
  colors: AllreduceColors,
  fold: FoldName = 'add',
): Moves {
  const back = broadcastMoves(length, foldRoot({ ...reduce, parts: length }), colors.flood);
  return reduceMoves(length, reduce, colors, fold).map((own, i) => [...own, ...back[i]!]);
}

/** Reduces to the root of the fold and floods the result back to the whole line. */
export function allreduce(line: Line, reduce: Reduce, colors: AllreduceColors, fold: FoldName = 'add'): Part {
  layAllreduce(line, reduce, colors);
  return inTurn(allreduceMoves(line.length, reduce, colors, fold));
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
