/** A line of PEs along one axis, the stage on which collectives play. */
import type { Point, Port } from '../geometry.js';
import type { Mesh, Route } from '../mesh.js';
import type { Color, Pe, Pending, View } from '../pe.js';

/** PEs in a row (`x`, eastward) or a column (`y`, southward), numbered from 0. */
export interface Line {
  readonly mesh: Mesh;
  readonly length: number;
  /** Toward higher numbers, and back. */
  readonly ahead: Port;
  readonly back: Port;
  at(i: number): Point;
}

export function row(mesh: Mesh, y: number, first = 0, length = mesh.width - first): Line {
  return { mesh, length, ahead: 'EAST', back: 'WEST', at: (i) => ({ x: first + i, y }) };
}

export function column(mesh: Mesh, x: number, first = 0, length = mesh.height - first): Line {
  return { mesh, length, ahead: 'SOUTH', back: 'NORTH', at: (i) => ({ x, y: first + i }) };
}

/** What the PE with number `i` on the line does with its view; the collective is over when all have ended. */
export type Part = (pe: Pe, i: number, view: View) => Generator<Pending, void, void>;

/** One step of a collective on one PE, which goes on when it has ended. */
export type Move = (pe: Pe, view: View) => Pending;

/** The moves of every PE of a line, in order: the same for all lines that are parallel and as long. */
export type Moves = readonly (readonly Move[])[];

/** Makes the moves of a PE one after the other. */
export function inTurn(moves: Moves): Part {
  return function* (pe, i, view) {
    for (const move of moves[i]!) yield move(pe, view);
  };
}

/** Lets a color pass straight over the PEs strictly between two numbers, from `from` toward `to`. */
export function passOver(line: Line, color: Color, from: number, to: number): void {
  const step = to > from ? 1 : -1;
  const route: Route =
    step > 0 ? { rx: [line.back], tx: [line.ahead] } : { rx: [line.ahead], tx: [line.back] };
  for (let i = from + step; i !== to; i += step) line.mesh.route(line.at(i), color, route);
}

/** Paints one way for a color from the ramp of `from` to the ramp of `to`. */
export function connect(line: Line, color: Color, from: number, to: number): void {
  const [out, into] = to > from ? [line.ahead, line.back] : [line.back, line.ahead];
  line.mesh.route(line.at(from), color, { rx: ['RAMP'], tx: [out] });
  passOver(line, color, from, to);
  line.mesh.route(line.at(to), color, { rx: [into], tx: ['RAMP'] });
}

/** Floods from `root` to both ends: every router gives each wavelet to its CE and onward in the same cycle. */
export function broadcast(line: Line, root: number, color: Color): Part {
  layBroadcast(line, root, color);
  return inTurn(broadcastMoves(line.length, root, color));
}

/** The routes of a flood from `root`. */
export function layBroadcast(line: Line, root: number, color: Color): void {
  const last = line.length - 1;
  for (let i = 0; i <= last; i++) {
    // color: root sends BACK and AHEAD, the others receive from the root's side and pass on away from it.
    const tx: Port[] = i === root ? [] : ['RAMP'];
    if (i >= root && i < last) tx.push(line.ahead);
    if (i <= root && i > 0) tx.push(line.back);
    const from: Port = i === root ? 'RAMP' : i > root ? line.back : line.ahead;
    if (tx.length > 0) line.mesh.route(line.at(i), color, { rx: [from], tx });
  }
}

/** What a flood from `root` over that many PEs asks of each. */
export function broadcastMoves(length: number, root: number, color: Color): Move[][] {
  const send: Move[] = [(pe, view) => pe.send(color, view)];
  const receive: Move[] = [(pe, view) => pe.receive(color, view)];
  return Array.from({ length }, (_, i) => (length === 1 ? [] : i === root ? send : receive));
}
