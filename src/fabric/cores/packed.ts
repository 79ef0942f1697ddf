/** The tables of a mesh packed into the typed arrays of the fast core, and what can be read out of them. */

import { PORT_COUNT } from '../geometry.js';
import type { Counters, QueueContent } from './core.js';
import { THREADS } from './core.js';
import type { Tables } from './tables.js';
import { CE_PORT } from './tables.js';
import {
  ALU_USED,
  AWAKE,
  CAPACITY,
  CE_LINE,
  FIRST_QUEUE,
  GROUPS,
  LATENCY,
  LINE,
  LINK,
  MASK,
  NEVER,
  OWN_RING,
  PLACE,
  POPPED,
  POPS,
  PUSHES,
  RAMP_USED,
  RING,
  SENDER,
  TAKER,
  USED,
  WRAP,
} from './words.js';

export interface Packed {
  /** A line per queue, and the rings of those that do not fit their line. */
  readonly q: Int32Array;
  readonly routers: Int32Array;
  readonly ces: Int32Array;
  readonly ops: Int32Array;
  /** Rows of 8, one per node and switch position: how many queues wavelets go to, and their offsets. */
  readonly fan: Int32Array;
  /** Offset of each queue of the tables, and the other way round by line. */
  readonly offsetOf: Int32Array;
  readonly tableOf: Int32Array;
}

export function pack(tables: Tables): Packed {
  const { queues, nodes, ceOfRouter, queuesOfRouter } = tables;
  const routers = new Int32Array(tables.routers.length * LINE).fill(NEVER);
  // One CE more than there are: the sink of ramps behind which no program runs.
  const ces = new Int32Array((tables.ces + 1) * CE_LINE);
  for (let ce = 0; ce <= tables.ces; ce++) {
    ces[ce * CE_LINE + RAMP_USED] = NEVER;
    ces[ce * CE_LINE + ALU_USED] = NEVER;
  }

  // Queues of one router stand side by side; those of the CEs come last.
  const offsetOf = new Int32Array(queues.length);
  const tableOf = new Int32Array(queues.length);
  let lines = 0;
  const settle = (id: number): void => {
    offsetOf[id] = lines * LINE;
    tableOf[lines++] = id;
  };
  for (const [router, own] of queuesOfRouter.entries()) {
    const r = router * LINE;
    routers[r + AWAKE] = 0;
    routers[r + FIRST_QUEUE] = lines;
    routers[r + GROUPS] = Math.ceil(own.length / 32);
    routers.fill(0, r + MASK, r + LINE);
    for (const id of own) settle(id);
  }
  for (const [id, { port }] of queues.entries()) if (port === CE_PORT) settle(id);

  const sizes = queues.map(({ capacity }) => 2 ** Math.ceil(Math.log2(capacity)));
  const pool = sizes.reduce((sum, size) => sum + (size > 2 ? size * 2 : 0), 0);
  const q = new Int32Array(lines * LINE + pool);
  let ring = lines * LINE;
  for (const [id, queue] of queues.entries()) {
    const i = offsetOf[id]!;
    const { router } = nodes[queue.node]!;
    const ce = ceOfRouter[router]! < 0 ? tables.ces : ceOfRouter[router]!;
    const behindCe = -1 - ce * CE_LINE;
    const size = sizes[id]!;
    q[i + POPPED] = NEVER;
    q[i + CAPACITY] = queue.capacity;
    q[i + WRAP] = size - 1;
    q[i + LINK] = queue.link < 0 ? 0 : linkWord(queue.link);
    q[i + TAKER] = queue.port === CE_PORT ? behindCe : router * LINE;
    q[i + PLACE] = i / LINE - routers[router * LINE + FIRST_QUEUE]!;
    q[i + LATENCY] = queue.latency;
    q[i + SENDER] = queue.link < 0 ? behindCe : Math.floor(queue.link / PORT_COUNT) * LINE;
    q[i + RING] = size > 2 ? ring : i + OWN_RING;
    if (size > 2) ring += size * 2;
  }

  const fan = new Int32Array(nodes.length * 4 * 8);
  for (const [node, { tx, outputs }] of nodes.entries()) {
    for (const [position, mask] of tx.entries()) {
      const row = (node * 4 + position) * 8;
      for (let port = 0; port < PORT_COUNT; port++) {
        if (mask & (1 << port)) fan[row + ++fan[row]!] = offsetOf[outputs[port]!]!;
      }
    }
  }
  return { q, routers, ces, ops: new Int32Array(tables.ces * THREADS * CE_LINE), fan, offsetOf, tableOf };
}

function linkWord(link: number): number {
  return Math.floor(link / PORT_COUNT) * LINE + USED + (link % PORT_COUNT);
}

export function linkLoads(tables: Tables, { q, offsetOf }: Packed): Float64Array {
  const loads = new Float64Array(tables.routers.length * PORT_COUNT);
  for (const [id, { link }] of tables.queues.entries()) {
    if (link >= 0) loads[link]! += q[offsetOf[id]! + PUSHES]!;
  }
  return loads;
}

export function counters(tables: Tables, { q, offsetOf }: Packed): Counters {
  let injected = 0;
  let delivered = 0;
  let forwarded = 0;
  let hops = 0;
  let ramps = 0;
  for (const [id, { link, port }] of tables.queues.entries()) {
    const i = offsetOf[id]!;
    if (link < 0) injected += q[i + PUSHES]!;
    else if (port === CE_PORT) ramps += q[i + PUSHES]!;
    else hops += q[i + PUSHES]!;
    if (port === CE_PORT) delivered += q[i + POPS]!;
    else forwarded += q[i + POPS]!;
  }
  return { injected, delivered, hops, copied: hops + ramps - forwarded };
}

export function inFlight({ q, offsetOf }: Packed): number {
  let held = 0;
  for (const i of offsetOf) held += q[i + PUSHES]! - q[i + POPS]!;
  return held;
}

export function contents(tables: Tables, { q, offsetOf }: Packed): QueueContent[] {
  const found: QueueContent[] = [];
  for (const [id, { node, port }] of tables.queues.entries()) {
    const i = offsetOf[id]!;
    const words: number[] = [];
    for (let n = q[i + POPS]!; n < q[i + PUSHES]!; n++) {
      words.push(q[q[i + RING]! + ((n & q[i + WRAP]!) << 1)]!);
    }
    if (words.length > 0) found.push({ node, where: port === CE_PORT ? 'CE' : port, words });
  }
  return found;
}
