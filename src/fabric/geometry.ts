/** Where things are on the fabric: PEs at (x, y), x counts columns eastward, y counts rows southward. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The five ports of a router: four links and the ramp to its own CE. */
export type Port = 'NORTH' | 'EAST' | 'SOUTH' | 'WEST' | 'RAMP';

/** A port's number is its place here; the fast core and the event log store numbers. */
export const PORTS: readonly Port[] = ['NORTH', 'EAST', 'SOUTH', 'WEST', 'RAMP'];

export const RAMP = 4;
export const PORT_COUNT = 5;

const OPPOSITE: Readonly<Record<Port, Port>> = {
  NORTH: 'SOUTH',
  EAST: 'WEST',
  SOUTH: 'NORTH',
  WEST: 'EAST',
  RAMP: 'RAMP',
};

/** The port at which a wavelet that leaves through `port` arrives. */
export function opposite(port: Port): Port {
  return OPPOSITE[port];
}

export function portNumber(port: Port): number {
  return PORTS.indexOf(port);
}

/** The neighbour behind a port; the PE itself behind its ramp. */
export function neighbour({ x, y }: Point, port: Port): Point {
  switch (port) {
    case 'NORTH':
      return { x, y: y - 1 };
    case 'EAST':
      return { x: x + 1, y };
    case 'SOUTH':
      return { x, y: y + 1 };
    case 'WEST':
      return { x: x - 1, y };
    case 'RAMP':
      return { x, y };
  }
}

/** `(3, 0)`, the way every message names a PE: column, then row. */
export function formatPoint({ x, y }: Point): string {
  return `(${x}, ${y})`;
}
