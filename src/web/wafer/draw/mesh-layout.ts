/** What stands still while a mesh program runs: queues, routes, and what lies in the SRAM of every PE. */

import type { Tables } from '../../../fabric/cores/tables.js';
import { CE_PORT, shapeOf } from '../../../fabric/cores/tables.js';
import { PORT_COUNT } from '../../../fabric/geometry.js';
import type { Mesh } from '../../../fabric/mesh.js';
import type { ElementType } from '../../../fabric/pe.js';
import { PLACES } from '../record/recording.js';

export interface BufferInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly length: number;
  readonly bytes: number;
}

/** The route of a color at a router, as bits of ports; one entry per switch position. */
export interface RouteInfo {
  readonly router: number;
  readonly color: number;
  readonly rx: readonly number[];
  readonly tx: readonly number[];
}

export interface Layout {
  readonly clockHz: number;
  readonly rampLatencyCycles: number;
  readonly sramBytesPerPe: number;
  readonly reservedBytesPerPe: number;
  /** Buffers of each PE; PEs with the same ones share an entry. */
  readonly maps: readonly (readonly BufferInfo[])[];
  readonly mapOfPe: Uint32Array;
  /** Wavelets that a queue holds, by `place * colors + color`; 0 where there is none. */
  readonly capacities: Uint16Array;
  readonly routes: readonly RouteInfo[];
}

export function layoutOf(mesh: Mesh, tables: Tables): Layout {
  const { clockHz, rampLatencyCycles, sramBytesPerPe, reservedBytesPerPe } = mesh.numbers;
  const maps: BufferInfo[][] = [];
  const known = new Map<string, number>();
  const mapOfPe = Uint32Array.from(tables.workers, ({ buffers }) => {
    const map = buffers.map(({ name, type, length, bytes }) => ({ name, type, length, bytes }));
    const key = JSON.stringify(map);
    let number = known.get(key);
    if (number === undefined) {
      number = maps.push(map) - 1;
      known.set(key, number);
    }
    return number;
  });
  const colors = tables.colors.length;
  const capacities = new Uint16Array(tables.routers.length * PLACES * colors);
  const { nodes, queues } = tables;
  for (let queue = 0; queue < queues.count; queue++) {
    const [node, port] = [queues.node[queue]!, queues.port[queue]!];
    // Ports of inputs are 0 to 4, the queue before the CE is the sixth place.
    const place = nodes.router[node]! * PLACES + (port === CE_PORT ? PORT_COUNT : port);
    capacities[place * colors + nodes.color[node]!] = queues.capacity[queue]!;
  }
  const routes = Array.from({ length: nodes.count }, (_, node) => {
    const { rx, tx } = shapeOf(tables, node);
    return { router: nodes.router[node]!, color: nodes.color[node]!, rx, tx };
  });
  return {
    clockHz,
    rampLatencyCycles,
    sramBytesPerPe,
    reservedBytesPerPe,
    maps,
    mapOfPe,
    capacities,
    routes,
  };
}

/** Data and code of a PE, in bytes. */
export function sramBytesOf(layout: Layout, pe: number): number {
  const map = layout.maps[layout.mapOfPe[pe]!]!;
  return map.reduce((sum, { bytes }) => sum + bytes, layout.reservedBytesPerPe);
}
