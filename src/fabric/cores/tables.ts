/**
 * A checked mesh as dense tables, the common ground of both cores. Routers, nodes (a color at a router) and
 * queues get numbers in the order of the layout; a queue stands before every input port that a node uses, and
 * one between the ramp and the CE.
 */
import type { Point } from '../geometry.js';
import { neighbour, opposite, PORT_COUNT, PORTS, portNumber, RAMP } from '../geometry.js';
import type { Mesh, RouterColor } from '../mesh.js';
import type { Color, Pe } from '../pe.js';

export interface NodeTable {
  readonly router: number;
  readonly color: number;
  /** Bits of input ports and of output ports, one entry per switch position. */
  readonly rx: readonly number[];
  readonly tx: readonly number[];
  readonly ring: boolean;
  /** Queue before each input port, or -1. */
  readonly inputs: readonly number[];
  /** Queue to which each output port leads, or -1. */
  readonly outputs: number[];
}

export interface QueueTable {
  readonly node: number;
  /** Input port of the router; `CE_PORT` for the queue between ramp and CE. */
  readonly port: number;
  readonly capacity: number;
  /** Cycles from the push that makes a wavelet ready here. */
  readonly latency: number;
  /** The link through which wavelets come, `router * 5 + port` of the sender; -1 behind a CE. */
  link: number;
}

export const CE_PORT = 5;

export interface Tables {
  readonly routers: readonly Point[];
  /** CE number of a router, or -1 where no program runs. */
  readonly ceOfRouter: Int32Array;
  readonly nodes: readonly NodeTable[];
  readonly queues: readonly QueueTable[];
  readonly queuesOfRouter: readonly (readonly number[])[];
  /** PEs with a program, by CE number. */
  readonly workers: readonly Pe[];
  readonly ces: number;
  readonly colors: readonly Color[];
  /** Of all queues, in cycles. */
  readonly longestLatency: number;
  nodeAt(at: Point, color: Color): number;
}

const bits = (ports: readonly (typeof PORTS)[number][]): number =>
  ports.reduce((mask, port) => mask | (1 << portNumber(port)), 0);

/**
 * The routes that a wavelet can ever take, in the order of the layout: those at PEs with a program, and what they
 * lead to. The rest of a laid-out rectangle costs nothing.
 */
function reachable(mesh: Mesh, workers: readonly Pe[]): RouterColor[] {
  const found = new Set<RouterColor>();
  const follow: RouterColor[] = [];
  const reach = (at: Point, color: Color): void => {
    const route = mesh.routeAt(at, color);
    if (route === undefined || found.has(route)) return;
    found.add(route);
    follow.push(route);
  };
  for (const { at } of workers) for (const color of mesh.colors) reach(at, color);
  for (let route = follow.pop(); route !== undefined; route = follow.pop()) {
    for (const { tx } of route.positions) {
      for (const port of tx) if (port !== 'RAMP') reach(neighbour(route.at, port), route.color);
    }
  }
  return [...found].sort((a, b) => a.order - b.order);
}

/** Numbers everything that can be reached; `mesh` has passed its checks. */
export function compile(mesh: Mesh): Tables {
  const workers = mesh.workers();
  const { colors, rampLatencyCycles: ramp, routerQueueWavelets: depth } = mesh.numbers;
  const routers: Point[] = [];
  const routerAt = new Map<number, number>();
  const nodes: NodeTable[] = [];
  const nodeOf = new Map<number, number>();
  // CEs bind colors to their hardware queues in the order of the layout.
  const inputWords = mesh.machine.inputQueueWords.values;
  const outputWords = mesh.machine.outputQueueWords.values;
  const boundInputs: number[] = [];
  const boundOutputs: number[] = [];
  const queues: QueueTable[] = [];
  const queuesOfRouter: number[][] = [];

  for (const { at, color, positions, ring } of reachable(mesh, workers)) {
    const place = mesh.index(at);
    const key = place * colors + color.id;
    let router = routerAt.get(place);
    if (router === undefined) {
      router = routers.length;
      routerAt.set(place, router);
      routers.push(at);
      queuesOfRouter.push([]);
      boundInputs.push(0);
      boundOutputs.push(0);
    }
    const rx = positions.map((route) => bits(route.rx));
    const used = rx.reduce((mask, each) => mask | each, 0);
    const node = nodes.length;
    const inputs = Array.from({ length: PORT_COUNT }, (_, port) => {
      if ((used & (1 << port)) === 0) return -1;
      if (port === RAMP) {
        const bound = boundOutputs[router]!++;
        // The CE takes a cycle and the ramp T_R; so many words are on their way beside those that wait.
        const capacity = ramp + 1 + outputWords[bound % outputWords.length]!;
        queues.push({ node, port, capacity, latency: ramp + 1, link: -1 });
      } else {
        queues.push({ node, port, capacity: depth, latency: 1, link: -1 });
      }
      queuesOfRouter[router]!.push(queues.length - 1);
      return queues.length - 1;
    });
    const tx = positions.map((route) => bits(route.tx));
    nodes.push({
      router,
      color: color.id,
      rx,
      tx,
      ring,
      inputs,
      outputs: Array<number>(PORT_COUNT).fill(-1),
    });
    nodeOf.set(key, node);
  }

  for (const [id, node] of nodes.entries()) {
    const at = routers[node.router]!;
    const used = node.tx.reduce((mask, each) => mask | each, 0);
    for (const [number, port] of PORTS.entries()) {
      if ((used & (1 << number)) === 0) continue;
      const link = node.router * PORT_COUNT + number;
      if (port === 'RAMP') {
        const bound = boundInputs[node.router]!++;
        const capacity = ramp + inputWords[bound % inputWords.length]!;
        queues.push({ node: id, port: CE_PORT, capacity, latency: ramp, link });
        node.outputs[number] = queues.length - 1;
        continue;
      }
      const there = nodeOf.get(mesh.index(neighbour(at, port)) * colors + node.color)!;
      const queue = nodes[there]!.inputs[portNumber(opposite(port))]!;
      queues[queue]!.link = link;
      node.outputs[number] = queue;
    }
  }

  const ceOfRouter = new Int32Array(routers.length).fill(-1);
  for (const pe of workers) {
    const router = routerAt.get(mesh.index(pe.at));
    if (router !== undefined) ceOfRouter[router] = pe.ce;
  }
  return {
    routers,
    ceOfRouter,
    nodes,
    queues,
    queuesOfRouter,
    workers,
    ces: workers.length,
    colors: mesh.colors,
    longestLatency: ramp + 1,
    nodeAt: (at, color) => nodeOf.get(mesh.index(at) * colors + color.id) ?? -1,
  };
}
