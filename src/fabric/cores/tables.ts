/**
 * A checked mesh as dense tables, the common ground of both cores. Routers, nodes (a color at a router) and queues
 * are numbered; a queue stands before every input port that a node uses, those of one router side by side in the order
 * of the layout, and after all of them one between the ramp and the CE of every node that leads there.
 */
import type { Point } from '../geometry.js';
import { opposite, PORT_COUNT, PORTS, portNumber, RAMP } from '../geometry.js';
import type { Mesh, RouteShape } from '../mesh.js';
import type { Color, Pe } from '../pe.js';

/** Columns over all nodes; those of a router are neighbours. */
export interface Nodes {
  readonly count: number;
  readonly router: Int32Array;
  readonly color: Uint8Array;
  readonly shape: Uint16Array;
  /** Queue before each input port, by `node * 5 + port`, or -1. */
  readonly inputs: Int32Array;
  /** Queue to which each output port leads, by `node * 5 + port`, or -1. */
  readonly outputs: Int32Array;
}

/** Columns over all queues. */
export interface Queues {
  readonly count: number;
  readonly node: Int32Array;
  /** Input port of the router; `CE_PORT` for the queue between ramp and CE. */
  readonly port: Uint8Array;
  readonly capacity: Uint16Array;
  /** Cycles from the push that makes a wavelet ready here. */
  readonly latency: Uint8Array;
  /** The link through which wavelets come, `router * 5 + port` of the sender; -1 behind a CE. */
  readonly link: Int32Array;
}

export const CE_PORT = 5;

export interface Tables {
  readonly routers: readonly Point[];
  /** CE number of a router, or -1 where no program runs. */
  readonly ceOfRouter: Int32Array;
  readonly nodes: Nodes;
  readonly queues: Queues;
  readonly shapes: readonly RouteShape[];
  /** Number of a router's first queue; one more entry than routers. */
  readonly firstQueue: Int32Array;
  /** PEs with a program, by CE number. */
  readonly workers: readonly Pe[];
  readonly ces: number;
  readonly colors: readonly Color[];
  /** Of all queues, in cycles. */
  readonly longestLatency: number;
  nodeAt(at: Point, color: Color): number;
}

/** The shape of a node's route. */
export const shapeOf = ({ nodes, shapes }: Tables, node: number): RouteShape => shapes[nodes.shape[node]!]!;

/**
 * The routes that a wavelet can ever take: those at PEs with a program, and what they lead to. The rest of a
 * laid-out rectangle costs nothing. By `place * colors + color`.
 */
function reachable(
  mesh: Mesh,
  workers: readonly Pe[],
): { readonly found: Uint8Array; readonly count: number } {
  const { colors } = mesh.numbers;
  const found = new Uint8Array(mesh.width * mesh.height * colors);
  const follow: number[] = [];
  let count = 0;
  const reach = (place: number, color: number): void => {
    const key = place * colors + color;
    if (found[key] === 1) return;
    found[key] = 1;
    count++;
    follow.push(key);
  };
  for (const { at } of workers) {
    const place = mesh.index(at);
    for (const color of mesh.colorsAt(place)) reach(place, color);
    for (let key = follow.pop(); key !== undefined; key = follow.pop()) {
      const [from, color] = [Math.floor(key / colors), key % colors];
      for (const tx of mesh.shapes[mesh.shapeNumber(from, color)]!.tx) {
        for (let port = 0; port < RAMP; port++) {
          if (tx & (1 << port)) reach(mesh.indexBehind(from, port), color);
        }
      }
    }
  }
  return { found, count };
}

const OPPOSITE = PORTS.map((port) => portNumber(opposite(port)));

const union = (masks: readonly number[]): number => masks.reduce((all, mask) => all | mask, 0);

/** Of a mesh that has run: the same program runs again on the same tables. */
const KNOWN = new WeakMap<Mesh, { readonly tables: Tables; readonly painted: number }>();

/** Numbers everything that can be reached; `mesh` has passed its checks. */
export function compile(mesh: Mesh): Tables {
  const workers = mesh.workers();
  const known = KNOWN.get(mesh);
  const isSame =
    known?.painted === mesh.routeCount &&
    known.tables.workers.length === workers.length &&
    workers.every((pe, ce) => known.tables.workers[ce] === pe);
  if (isSame) return known.tables;
  const tables = numbered(mesh, workers);
  KNOWN.set(mesh, { tables, painted: mesh.routeCount });
  return tables;
}

function numbered(mesh: Mesh, workers: readonly Pe[]): Tables {
  const { colors, rampLatencyCycles: ramp, routerQueueWavelets: depth } = mesh.numbers;
  // CEs bind colors to their hardware queues in the order of the layout.
  const inputWords = mesh.machine.inputQueueWords.values;
  const outputWords = mesh.machine.outputQueueWords.values;
  const { found, count } = reachable(mesh, workers);
  const shapes = mesh.shapes.map((shape) => ({ ...shape, takes: union(shape.rx), gives: union(shape.tx) }));

  const nodes: Nodes = {
    count,
    router: new Int32Array(count),
    color: new Uint8Array(count),
    shape: new Uint16Array(count),
    inputs: new Int32Array(count * PORT_COUNT).fill(-1),
    outputs: new Int32Array(count * PORT_COUNT).fill(-1),
  };
  const nodeOf = new Int32Array(found.length).fill(-1);
  const places = mesh.width * mesh.height;
  const routers: Point[] = [];
  const routerAt = new Int32Array(places).fill(-1);
  const firstQueue: number[] = [];
  let node = 0;
  let queueCount = 0;
  for (let place = 0; place < places; place++) {
    for (const color of mesh.colorsAt(place)) {
      if (found[place * colors + color] === 0) continue;
      if (routerAt[place]! < 0) {
        firstQueue.push(queueCount);
        routerAt[place] = routers.push({ x: place % mesh.width, y: Math.floor(place / mesh.width) }) - 1;
      }
      const shape = mesh.shapeNumber(place, color);
      nodes.router[node] = routerAt[place]!;
      nodes.color[node] = color;
      nodes.shape[node] = shape;
      nodeOf[place * colors + color] = node;
      for (let port = 0; port < PORT_COUNT; port++) {
        if (shapes[shape]!.takes & (1 << port)) nodes.inputs[node * PORT_COUNT + port] = queueCount++;
      }
      node++;
    }
  }
  firstQueue.push(queueCount);
  for (node = 0; node < count; node++) {
    if (shapes[nodes.shape[node]!]!.gives & (1 << RAMP))
      nodes.outputs[node * PORT_COUNT + RAMP] = queueCount++;
  }

  const queues: Queues = {
    count: queueCount,
    node: new Int32Array(queueCount),
    port: new Uint8Array(queueCount),
    capacity: new Uint16Array(queueCount),
    latency: new Uint8Array(queueCount),
    link: new Int32Array(queueCount).fill(-1),
  };
  const settle = (queue: number, own: number, port: number, capacity: number, latency: number): void => {
    queues.node[queue] = own;
    queues.port[queue] = port;
    queues.capacity[queue] = capacity;
    queues.latency[queue] = latency;
  };
  let boundInputs = 0;
  let boundOutputs = 0;
  for (node = 0; node < count; node++) {
    const router = nodes.router[node]!;
    if (node === 0 || nodes.router[node - 1] !== router) boundInputs = boundOutputs = 0;
    const first = node * PORT_COUNT;
    for (let port = 0; port < PORT_COUNT; port++) {
      const queue = nodes.inputs[first + port]!;
      if (queue < 0) continue;
      if (port !== RAMP) settle(queue, node, port, depth, 1);
      else {
        // The CE takes a cycle and the ramp T_R; so many words are on their way beside those that wait.
        const words = outputWords[boundOutputs++ % outputWords.length]!;
        settle(queue, node, port, ramp + 1 + words, ramp + 1);
      }
    }
    const { x, y } = routers[router]!;
    const place = y * mesh.width + x;
    const { gives } = shapes[nodes.shape[node]!]!;
    for (let port = 0; port < RAMP; port++) {
      if ((gives & (1 << port)) === 0) continue;
      const there = nodeOf[mesh.indexBehind(place, port) * colors + nodes.color[node]!]!;
      const queue = nodes.inputs[there * PORT_COUNT + OPPOSITE[port]!]!;
      nodes.outputs[first + port] = queue;
      queues.link[queue] = router * PORT_COUNT + port;
    }
    const toCe = nodes.outputs[first + RAMP]!;
    if (toCe < 0) continue;
    settle(toCe, node, CE_PORT, ramp + inputWords[boundInputs++ % inputWords.length]!, ramp);
    queues.link[toCe] = router * PORT_COUNT + RAMP;
  }

  const ceOfRouter = new Int32Array(routers.length).fill(-1);
  for (const pe of workers) {
    const router = routerAt[mesh.index(pe.at)]!;
    if (router >= 0) ceOfRouter[router] = pe.ce;
  }
  return {
    routers,
    ceOfRouter,
    nodes,
    queues,
    shapes: mesh.shapes,
    firstQueue: Int32Array.from(firstQueue),
    workers,
    ces: workers.length,
    colors: mesh.colors,
    longestLatency: ramp + 1,
    nodeAt: (at, color) => nodeOf[mesh.index(at) * colors + color.id]!,
  };
}
