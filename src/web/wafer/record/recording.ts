/**
 * A run of the fabric as its event log tells it: where every wavelet waited from when to when, and what CEs did
 * meanwhile. Everything that is drawn comes from here, and everything here from the log.
 */
import { FormatError } from '../../../core/errors.js';
import type { Point } from '../../../fabric/geometry.js';
import { neighbour, opposite, PORT_COUNT, PORTS, portNumber, RAMP } from '../../../fabric/geometry.js';
import { EVENT_LOG_MAGIC, EVENT_LOG_VERSION } from '../../../fabric/trace.js';
import { Intervals, lowerBound } from './intervals.js';

const MOVE_WORDS = 5;
const SPAN_WORDS = 4;

interface LogHeader {
  readonly version: number;
  readonly machine: string;
  readonly width: number;
  readonly height: number;
  readonly cycles: number;
  readonly colors: readonly string[];
  readonly names: readonly string[];
  /** `[input color, output color, uses the arithmetic]`, -1 for no color; null for local work. */
  readonly ops: readonly (readonly [number, number, number] | null)[];
  readonly routers: readonly (readonly [number, number])[];
  readonly pes: readonly (readonly [number, number])[];
  readonly moves: number;
  readonly spans: number;
}

/** Places of a router where wavelets wait: its five inputs, and the queue between ramp and CE. */
export const PLACES = 6;
export const CE_QUEUE = 5;

const NONE = 0xffffffff;

/** Wavelets by place: a stay is one wavelet in one queue. */
export interface Stays {
  readonly intervals: Intervals;
  /** `router * PLACES + input port`, or `+ CE_QUEUE`. */
  readonly place: Uint32Array;
  readonly color: Uint8Array;
  readonly word: Uint32Array;
  readonly wavelet: Uint32Array;
  /** The stay before this one; -1 where the wavelet was put by its CE. */
  readonly before: Int32Array;
}

/** What CEs do: vector operations and local work. */
export interface Spans {
  readonly intervals: Intervals;
  readonly pe: Uint32Array;
  readonly name: Uint32Array;
}

export class Recording {
  readonly header: LogHeader;
  /** Five words each: cycle, way, color, word, wavelet. */
  readonly moves: Uint32Array;
  readonly stays: Stays;
  readonly spans: Spans;
  readonly routers: readonly Point[];
  readonly pes: readonly Point[];
  /** Router of each PE, or -1; PE of each router, or -1. */
  readonly routerOfPe: Int32Array;
  readonly peOfRouter: Int32Array;
  private readonly byPoint = new Map<number, number>();

  /** Throws `FormatError` for anything that is not an event log of this version. */
  constructor(log: Uint8Array) {
    const { header, start } = readHeader(log);
    this.header = header;
    const words = new Uint32Array(log.slice(start).buffer);
    const moves = header.moves * MOVE_WORDS;
    if (words.length !== moves + header.spans * SPAN_WORDS) {
      throw notALog(`${words.length} words of events`, `${moves + header.spans * SPAN_WORDS}`);
    }
    this.moves = words.subarray(0, moves);
    this.routers = header.routers.map(([x, y]) => ({ x, y }));
    this.pes = header.pes.map(([x, y]) => ({ x, y }));
    for (const [router, at] of this.routers.entries()) this.byPoint.set(this.key(at), router);
    this.routerOfPe = Int32Array.from(this.pes, (at) => this.routerAt(at));
    this.peOfRouter = new Int32Array(this.routers.length).fill(-1);
    for (const [pe, router] of this.routerOfPe.entries()) if (router >= 0) this.peOfRouter[router] = pe;
    this.stays = this.follow();
    this.spans = sortSpans(words.subarray(moves), header.spans);
  }

  get cycles(): number {
    return this.header.cycles;
  }

  private key({ x, y }: Point): number {
    return y * this.header.width + x;
  }

  /** -1 where there is none. */
  routerAt(at: Point): number {
    const { width, height } = this.header;
    if (at.x < 0 || at.y < 0 || at.x >= width || at.y >= height) return -1;
    return this.byPoint.get(this.key(at)) ?? -1;
  }

  peAt(at: Point): number {
    const router = this.routerAt(at);
    if (router >= 0) return this.peOfRouter[router]!;
    return this.pes.findIndex(({ x, y }) => x === at.x && y === at.y);
  }

  /** Moves `[first, end)` of a cycle, as numbers of moves. */
  movesAt(cycle: number): { first: number; end: number } {
    const count = this.header.moves;
    const cycleOf = (i: number): number => this.moves[i * MOVE_WORDS]!;
    return { first: lowerBound(count, cycleOf, cycle), end: lowerBound(count, cycleOf, cycle + 1) };
  }

  /** What way a move took: over a link, or between a CE and its ramp. */
  way(move: number): { kind: 'hop'; router: number; port: number } | { kind: 'put' | 'take'; pe: number } {
    const way = this.moves[move * MOVE_WORDS + 1]!;
    const links = this.routers.length * PORT_COUNT;
    if (way < links) {
      return { kind: 'hop', router: Math.floor(way / PORT_COUNT), port: way % PORT_COUNT };
    }
    const pe = way - links;
    return pe < this.pes.length ? { kind: 'put', pe } : { kind: 'take', pe: pe - this.pes.length };
  }

  /** Chains moves into stays: a queue gives its wavelets in the order in which they came. */
  private follow(): Stays {
    const { moves, routers } = this;
    const colors = this.header.colors.length;
    const links = routers.length * PORT_COUNT;
    const pes = this.pes.length;
    const most = this.header.moves;
    const starts = new Uint32Array(most);
    const ends = new Uint32Array(most).fill(NONE);
    const place = new Uint32Array(most);
    const color = new Uint8Array(most);
    const word = new Uint32Array(most);
    const wavelet = new Uint32Array(most);
    const before = new Int32Array(most).fill(-1);
    const heads = new Int32Array(routers.length * PLACES * colors).fill(-1);
    const tails = new Int32Array(heads.length).fill(-1);
    const next = new Int32Array(most).fill(-1);
    const destination = new Int32Array(links).fill(-1);
    for (const [router, at] of routers.entries()) {
      for (const [number, port] of PORTS.entries()) {
        const there = number === RAMP ? router : this.routerAt(neighbour(at, port));
        if (there < 0) continue;
        destination[router * PORT_COUNT + number] =
          there * PLACES + (number === RAMP ? CE_QUEUE : portNumber(opposite(port)));
      }
    }
    /** The last stay that each color of each router gave, as multicast gives one several times. */
    const given = new Int32Array(routers.length * colors).fill(-1);
    let count = 0;

    const pop = (queue: number, id: number, cycle: number): number => {
      const head = heads[queue]!;
      if (head < 0 || wavelet[head] !== id || starts[head]! >= cycle) return -1;
      heads[queue] = next[head]!;
      if (next[head]! < 0) tails[queue] = -1;
      ends[head] = cycle;
      return head;
    };
    const push = (at: number, from: number, m: number): void => {
      const stay = count++;
      starts[stay] = moves[m]!;
      place[stay] = at;
      color[stay] = moves[m + 2]!;
      word[stay] = moves[m + 3]!;
      wavelet[stay] = moves[m + 4]!;
      before[stay] = from;
      const queue = at * colors + color[stay]!;
      if (tails[queue]! < 0) heads[queue] = stay;
      else next[tails[queue]!] = stay;
      tails[queue] = stay;
    };

    for (let m = 0; m < moves.length; m += MOVE_WORDS) {
      const [cycle, way, k, id] = [moves[m]!, moves[m + 1]!, moves[m + 2]!, moves[m + 4]!];
      if (way >= links + pes) {
        const router = this.routerOfPe[way - links - pes]!;
        if (pop((router * PLACES + CE_QUEUE) * colors + k, id, cycle) < 0) throw this.lost(cycle, id);
      } else if (way >= links) {
        push(this.routerOfPe[way - links]! * PLACES + RAMP, -1, m);
      } else {
        const router = Math.floor(way / PORT_COUNT);
        let from = -1;
        const last = given[router * colors + k]!;
        if (last >= 0 && ends[last] === cycle && wavelet[last] === id) from = last;
        for (let port = 0; from < 0 && port < PORT_COUNT; port++) {
          from = pop((router * PLACES + port) * colors + k, id, cycle);
        }
        if (from < 0) throw this.lost(cycle, id);
        given[router * colors + k] = from;
        push(destination[way]!, from, m);
      }
    }
    return {
      intervals: new Intervals(starts.subarray(0, count), ends.subarray(0, count)),
      place: place.subarray(0, count),
      color: color.subarray(0, count),
      word: word.subarray(0, count),
      wavelet: wavelet.subarray(0, count),
      before: before.subarray(0, count),
    };
  }

  private lost(cycle: number, id: number): FormatError {
    return notALog(
      `wavelet ${id} that moves in cycle ${cycle} from where it was not`,
      'whole ways of wavelets',
    );
  }
}

function sortSpans(words: Uint32Array, count: number): Spans {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => words[a * SPAN_WORDS + 2]! - words[b * SPAN_WORDS + 2]! || a - b);
  const column = (offset: number): Uint32Array =>
    Uint32Array.from(order, (i) => words[i * SPAN_WORDS + offset]!);
  return { intervals: new Intervals(column(2), column(3)), pe: column(0), name: column(1) };
}

function notALog(given: string, expected: string): FormatError {
  return new FormatError({
    what: 'event log',
    given,
    expected,
    todo: 'Record it again with `waferflow fabric PROGRAM --trace FILE.wfl`.',
  });
}

function readHeader(log: Uint8Array): { header: LogHeader; start: number } {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const magic = new TextDecoder('latin1').decode(log.subarray(0, 5));
  if (log.length < 12 || magic !== EVENT_LOG_MAGIC)
    throw notALog('other bytes', 'a file that starts with WFLOG');
  const start = 12 + view.getUint32(8, true);
  if (start > log.length || start % 4 !== 0) throw notALog('a header beyond its end', 'a whole file');
  let header: LogHeader;
  try {
    header = JSON.parse(new TextDecoder().decode(log.subarray(12, start))) as LogHeader;
  } catch {
    throw notALog('a header that is not JSON', 'a whole file');
  }
  if (header.version !== EVENT_LOG_VERSION) {
    throw notALog(`version ${header.version}`, `version ${EVENT_LOG_VERSION}`);
  }
  return { header, start };
}
