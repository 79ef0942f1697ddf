/** Where the parts of a PE are drawn, in a unit square, and so where wavelets are at any moment. */
import { PORT_COUNT, RAMP } from '../../../fabric/geometry.js';
import type { Activity } from '../record/activity.js';
import { CE_QUEUE, PLACES } from '../record/recording.js';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Centre of the router, which links run into; half of its side. */
export const ROUTER = { x: 0.32, y: 0.32, half: 0.13 } as const;
export const CE: Box = { x: 0.58, y: 0.52, width: 0.34, height: 0.14 };
export const SRAM: Box = { x: 0.58, y: 0.69, width: 0.34, height: 0.23 };
/** Each of the two directions of a link keeps to its right by so much. */
const LANE = 0.045;
/** From one waiting wavelet to the next. */
const STEP = 0.045;
/** Radius of a wavelet. */
export const WAVELET = 0.02;

interface Spot {
  readonly x: number;
  readonly y: number;
}

/** Where a link leaves a router, by port; the ramp goes to the CE. */
export function exitOf(port: number): Spot {
  const { x, y, half } = ROUTER;
  switch (port) {
    case 0:
      return { x: x - LANE, y: y - half };
    case 1:
      return { x: x + half, y: y - LANE };
    case 2:
      return { x: x + LANE, y: y + half };
    case 3:
      return { x: x - half, y: y + LANE };
    default:
      return { x: x + half, y: y + half };
  }
}

/** Where the `rank`-th wavelet waits at a place, the head first. */
export function spotOf(place: number, rank: number): Spot {
  const { x, y, half } = ROUTER;
  const back = half + rank * STEP;
  switch (place) {
    // Wavelets from the NORTH travel SOUTH, on that direction's lane.
    case 0:
      return { x: x + LANE, y: y - back };
    case 1:
      return { x: x + back, y: y + LANE };
    case 2:
      return { x: x - LANE, y: y + back };
    case 3:
      return { x: x - back, y: y - LANE };
    case CE_QUEUE:
      return { x: CE.x - 0.02, y: CE.y + 0.02 + rank * STEP };
    default:
      // From the CE up the ramp.
      return { x: x + half + 0.03 + rank * STEP * 0.7, y: y + half - 0.03 + rank * STEP * 0.7 };
  }
}

/** A wavelet as it is drawn: in PEs from the north-west corner of the rectangle. */
export interface Drawn {
  readonly stay: number;
  readonly x: number;
  readonly y: number;
  /** Still on its way to the place of its stay. */
  readonly moves: boolean;
}

/**
 * Every wavelet on the fabric at a moment: `Math.floor(time)` is the cycle, the rest how far it has gone. A pure
 * function of the recording and the time.
 */
export function waveletsAt(activity: Activity, time: number): Drawn[] {
  const { stays, routers } = activity.recording;
  const cycle = Math.floor(time);
  const ranks = new Map<number, number>();
  return stays.intervals.at(cycle).map((stay) => {
    const place = stays.place[stay]!;
    const rank = ranks.get(place) ?? 0;
    ranks.set(place, rank + 1);
    const at = routers[Math.floor(place / PLACES)]!;
    const spot = spotOf(place % PLACES, rank);
    const x = at.x + spot.x;
    const y = at.y + spot.y;
    const progress = (time - stays.intervals.starts[stay]!) / activity.latency(place % PLACES);
    if (progress >= 1) return { stay, x, y, moves: false };
    const from = originOf(activity, stay);
    return { stay, x: from.x + (x - from.x) * progress, y: from.y + (y - from.y) * progress, moves: true };
  });
}

/** Where the move of a stay begins and ends: at the exit of the place before, and at the head of the queue. */
export function moveOf(activity: Activity, stay: number): readonly [from: Spot, to: Spot] {
  const { stays, routers } = activity.recording;
  const place = stays.place[stay]!;
  const { x, y } = routers[Math.floor(place / PLACES)]!;
  const spot = spotOf(place % PLACES, 0);
  return [originOf(activity, stay), { x: x + spot.x, y: y + spot.y }];
}

/** Where a wavelet was when it set out for the place of a stay: at a port of a router, or at its CE. */
function originOf({ recording }: Activity, stay: number): Spot {
  const { stays, routers } = recording;
  const place = stays.place[stay]!;
  const at = routers[Math.floor(place / PLACES)]!;
  if (place % PLACES === RAMP) return { x: at.x + CE.x, y: at.y + CE.y };
  if (place % PLACES === CE_QUEUE) {
    const exit = exitOf(RAMP);
    return { x: at.x + exit.x, y: at.y + exit.y };
  }
  const before = routers[Math.floor(stays.place[stays.before[stay]!]! / PLACES)]!;
  const exit = exitOf(portBetween(before, at));
  return { x: before.x + exit.x, y: before.y + exit.y };
}

function portBetween(from: Spot, to: Spot): number {
  if (to.y < from.y) return 0;
  if (to.x > from.x) return 1;
  if (to.y > from.y) return 2;
  return 3;
}

/** The two ends of a link that leaves a router, in PEs. */
export function linkEnds(at: Spot, port: number): readonly [Spot, Spot] {
  const exit = exitOf(port);
  const [dx, dy] = [
    [0, -1],
    [1, 0],
    [0, 1],
    [-1, 0],
  ][port % PORT_COUNT] ?? [0, 0];
  const length = 1 - 2 * ROUTER.half;
  const from = { x: at.x + exit.x, y: at.y + exit.y };
  return [from, { x: from.x + dx! * length, y: from.y + dy! * length }];
}
