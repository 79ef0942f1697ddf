/** The tables of a mesh packed into the typed arrays of the fast core, and what can be read out of them. */

import { PORT_COUNT, RAMP } from '../geometry.js';
import type { Counters, QueueContent } from './core.js';
import { THREADS } from './core.js';
import type { Tables } from './tables.js';
import { CE_PORT, shapeOf } from './tables.js';
import {
  ALU_USED,
  AWAKE,
  CAPACITY,
  CE_LINE,
  FAN_LINE,
  FIRST_QUEUE,
  GROUPS,
  LATENCY,
  LINE,
  LINK,
  MASK,
  NEVER,
  OUT,
  OWN_RING,
  PLACE,
  POPPED,
  POPS,
  PUSHES,
  RAMP_USED,
  RING,
  SENDER,
  SHUT,
  TAKER,
  USED,
  WAITERS,
  WRAP,
} from './words.js';

export interface Packed {
  /** A line per queue, and the rings of those that do not fit their line. */
  readonly q: Int32Array;
  readonly routers: Int32Array;
  readonly ces: Int32Array;
  readonly ops: Int32Array;
  /** Rows of 8, one per switch position of a node with several or with several outputs: how many queues, and their offsets. */
  readonly fan: Int32Array;
  /** First of a node's rows, -1 for a node that gives to one queue for ever. */
  readonly rowOf: Int32Array;
}

/** Queues that a CE fills or empties keep who waits for them where others have their ring. */
const isAtCe = (port: number): boolean => port === RAMP || port === CE_PORT;

const ringWords = (capacity: number): number => 2 << (32 - Math.clz32(capacity - 1));

const fitsLine = (capacity: number, port: number): boolean => capacity <= 2 && !isAtCe(port);

export function pack(tables: Tables): Packed {
  const { queues, nodes, ceOfRouter, firstQueue } = tables;
  const { rowOf, fan } = fansOf(tables);
  const routers = new Int32Array(tables.routers.length * LINE).fill(NEVER);
  // One CE more than there are: the sink of ramps behind which no program runs.
  const ces = new Int32Array((tables.ces + 1) * CE_LINE);
  for (let ce = 0; ce <= tables.ces; ce++) {
    ces[ce * CE_LINE + RAMP_USED] = NEVER;
    ces[ce * CE_LINE + ALU_USED] = NEVER;
  }
  for (let router = 0; router < tables.routers.length; router++) {
    const r = router * LINE;
    routers[r + AWAKE] = 0;
    routers[r + FIRST_QUEUE] = firstQueue[router]!;
    routers[r + GROUPS] = Math.ceil((firstQueue[router + 1]! - firstQueue[router]!) / 32);
    routers.fill(0, r + MASK, r + LINE);
  }

  let pool = 0;
  for (let id = 0; id < queues.count; id++) {
    if (!fitsLine(queues.capacity[id]!, queues.port[id]!)) pool += ringWords(queues.capacity[id]!);
  }
  const q = new Int32Array(queues.count * LINE + pool);
  let ring = queues.count * LINE;
  for (let id = 0; id < queues.count; id++) {
    const i = id * LINE;
    const [node, port, capacity, link] = [
      queues.node[id]!,
      queues.port[id]!,
      queues.capacity[id]!,
      queues.link[id]!,
    ];
    const router = nodes.router[node]!;
    const ce = ceOfRouter[router]!;
    const behindCe = -1 - (ce < 0 ? tables.ces : ce) * CE_LINE;
    q[i + POPPED] = NEVER;
    q[i + CAPACITY] = capacity;
    q[i + WRAP] = ringWords(capacity) / 2 - 1;
    q[i + LINK] = link < 0 ? 0 : linkWord(link);
    q[i + TAKER] = port === CE_PORT ? behindCe : router * LINE;
    q[i + PLACE] = port === CE_PORT ? 0 : id - firstQueue[router]!;
    q[i + LATENCY] = queues.latency[id]!;
    q[i + SENDER] = link < 0 ? behindCe : Math.floor(link / PORT_COUNT) * LINE;
    if (fitsLine(capacity, port)) q[i + RING] = i + OWN_RING;
    else {
      q[i + RING] = ring;
      ring += ringWords(capacity);
      q[i + WAITERS] = 0;
    }
    if (port !== CE_PORT) q[i + OUT] = rowOf[node]! < 0 ? onlyOutput(tables, node) : SHUT;
  }
  return { q, routers, ces, ops: new Int32Array(tables.ces * THREADS * CE_LINE), fan, rowOf };
}

function onlyOutput({ nodes }: Tables, node: number): number {
  for (let port = 0; port < PORT_COUNT; port++) {
    const queue = nodes.outputs[node * PORT_COUNT + port]!;
    if (queue >= 0) return queue * LINE;
  }
  return SHUT;
}

function fansOf(tables: Tables): Pick<Packed, 'fan' | 'rowOf'> {
  const { nodes, shapes } = tables;
  const simple = shapes.map(({ tx }) => tx.length === 1 && (tx[0]! & (tx[0]! - 1)) === 0);
  const rowOf = new Int32Array(nodes.count).fill(-1);
  let rows = 0;
  for (let node = 0; node < nodes.count; node++) {
    const shape = nodes.shape[node]!;
    if (simple[shape]) continue;
    rowOf[node] = rows;
    rows += shapes[shape]!.tx.length;
  }
  const fan = new Int32Array(rows * FAN_LINE);
  for (let node = 0; node < nodes.count; node++) {
    if (rowOf[node]! < 0) continue;
    for (const [position, mask] of shapeOf(tables, node).tx.entries()) {
      const row = (rowOf[node]! + position) * FAN_LINE;
      for (let port = 0; port < PORT_COUNT; port++) {
        if (mask & (1 << port)) fan[row + ++fan[row]!] = nodes.outputs[node * PORT_COUNT + port]! * LINE;
      }
    }
  }
  return { fan, rowOf };
}

function linkWord(link: number): number {
  return Math.floor(link / PORT_COUNT) * LINE + USED + (link % PORT_COUNT);
}

export function linkLoads(tables: Tables, { q }: Packed): Float64Array {
  const loads = new Float64Array(tables.routers.length * PORT_COUNT);
  const { count, link } = tables.queues;
  for (let id = 0; id < count; id++) if (link[id]! >= 0) loads[link[id]!]! += q[id * LINE + PUSHES]!;
  return loads;
}

export function counters({ queues }: Tables, { q }: Packed): Counters {
  let injected = 0;
  let delivered = 0;
  let forwarded = 0;
  let hops = 0;
  let ramps = 0;
  for (let id = 0; id < queues.count; id++) {
    const [pushes, pops] = [q[id * LINE + PUSHES]!, q[id * LINE + POPS]!];
    if (queues.link[id]! < 0) injected += pushes;
    else if (queues.port[id] === CE_PORT) ramps += pushes;
    else hops += pushes;
    if (queues.port[id] === CE_PORT) delivered += pops;
    else forwarded += pops;
  }
  return { injected, delivered, hops, copied: hops + ramps - forwarded };
}

export function inFlight({ queues }: Tables, { q }: Packed): number {
  let held = 0;
  for (let i = 0; i < queues.count * LINE; i += LINE) held += q[i + PUSHES]! - q[i + POPS]!;
  return held;
}

export function contents({ queues }: Tables, { q }: Packed): QueueContent[] {
  const found: QueueContent[] = [];
  for (let id = 0; id < queues.count; id++) {
    const i = id * LINE;
    const words: number[] = [];
    for (let n = q[i + POPS]!; n < q[i + PUSHES]!; n++) {
      words.push(q[q[i + RING]! + ((n & q[i + WRAP]!) << 1)]!);
    }
    const port = queues.port[id]!;
    if (words.length > 0)
      found.push({ node: queues.node[id]!, where: port === CE_PORT ? 'CE' : port, words });
  }
  return found;
}
