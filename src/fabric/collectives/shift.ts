/**
 * Shifts around a ring of PEs on a line, the motion of Cannon's algorithm and of MeshGEMM. The ring is a
 * permutation of the line: in natural order its ends are joined by one way across the whole line; interleaved
 * (0, 2, 4, ... 5, 3, 1) every way is at most two hops (He et al., "WaferLLM", OSDI 2025).
 *
 * A PE has one spare buffer, so a tile is sent only when the receiver has said that its spare is free: one
 * credit wavelet goes back along the same way. A step thus takes two ways, the credit's and the tile's.
 */

import type { Buffer, Color, Pe, Pending } from '../pe.js';
import type { Line } from './line.js';
import { connect } from './line.js';

export function naturalRing(pes: number): number[] {
  return Array.from({ length: pes }, (_, k) => k);
}

export function interleavedRing(pes: number): number[] {
  const all = naturalRing(pes);
  return [...all.filter((k) => k % 2 === 0), ...all.filter((k) => k % 2 === 1).reverse()];
}

/** Colors for ways that overlap: two ways that share a PE get different ones. */
function colorWays(ring: readonly number[]): { readonly colors: number; readonly ofStep: readonly number[] } {
  const ways = ring.map((from, k) => {
    const to = ring[(k + 1) % ring.length]!;
    return { k, low: Math.min(from, to), high: Math.max(from, to) };
  });
  const busyUntil: number[] = [];
  const ofStep: number[] = [];
  for (const { k, low, high } of ways.toSorted((a, b) => a.low - b.low || a.high - b.high)) {
    let color = busyUntil.findIndex((until) => until < low);
    if (color < 0) color = busyUntil.length;
    busyUntil[color] = high;
    ofStep[k] = color;
  }
  return { colors: busyUntil.length, ofStep };
}

export interface ShiftColors {
  readonly tiles: readonly Color[];
  readonly credits: readonly Color[];
}

export function shiftColors(line: Line, ring: readonly number[], name: string): ShiftColors {
  const { colors } = colorWays(ring);
  const named = (part: string): Color[] =>
    Array.from({ length: colors }, (_, c) => line.mesh.color(`${name} ${part} ${c}`));
  return { tiles: named('tile'), credits: named('credit') };
}

/** Two buffers of one tile: the one in use and the spare. */
export interface TilePair {
  current: Buffer;
  spare: Buffer;
}

/** One shift of PE `i`'s tile to the next PE of the ring, its new one coming from the PE before. */
export type Shift = (pe: Pe, i: number, tiles: TilePair, token: Buffer) => Generator<Pending, void, void>;

/** Paints the ring on a line. Rings of one PE shift nothing. */
export function ringShift(line: Line, ring: readonly number[], colors: ShiftColors): Shift {
  const { ofStep } = colorWays(ring);
  const place = ring.map((_, i) => ring.indexOf(i));
  const pes = ring.length;
  for (let k = 0; k < pes && pes > 1; k++) {
    const next = ring[(k + 1) % pes]!;
    // color: tiles go from ring[k] to the next PE of the ring, credits the other way.
    connect(line, colors.tiles[ofStep[k]!]!, ring[k]!, next);
    connect(line, colors.credits[ofStep[k]!]!, next, ring[k]!);
  }
  return function* (pe, i, tiles, token) {
    if (pes === 1) return;
    const out = ofStep[place[i]!]!;
    const into = ofStep[(place[i]! + pes - 1) % pes]!;
    const credit = pe.send(colors.credits[into]!, token.view(0, 1));
    const received = pe.receive(colors.tiles[into]!, tiles.spare.view());
    yield pe.receive(colors.credits[out]!, token.view(1, 1));
    yield pe.send(colors.tiles[out]!, tiles.current.view());
    yield credit;
    yield received;
    [tiles.current, tiles.spare] = [tiles.spare, tiles.current];
  };
}

/**
 * The P steps of `C += A B` by shifting, after the tiles have been aligned: m shifts of A in ring row m and k shifts
 * of B in ring column k bring partners together. `multiply` issues one tile product of what is here at the time.
 */
export function* shiftAndMultiply(
  pe: Pe,
  at: { readonly ringRow: number; readonly ringColumn: number; readonly pes: number },
  shiftA: () => Generator<Pending, void, void>,
  shiftB: () => Generator<Pending, void, void>,
  multiply: () => Pending,
): Generator<Pending, void, void> {
  const { ringRow, ringColumn, pes } = at;
  function* times(
    count: number,
    shift: () => Generator<Pending, void, void>,
  ): Generator<Pending, void, void> {
    for (let s = 0; s < count; s++) yield* shift();
  }
  const aligned = [
    pe.fork('align A', () => times((pes - ringRow) % pes, shiftA)),
    pe.fork('align B', () => times((pes - ringColumn) % pes, shiftB)),
  ];
  for (const each of aligned) yield each;
  for (let step = 0; step < pes; step++) {
    const multiplied = multiply();
    if (step < pes - 1) {
      const shifted = [pe.fork('shift A', shiftA), pe.fork('shift B', shiftB)];
      for (const each of shifted) yield each;
    }
    yield multiplied;
  }
}
