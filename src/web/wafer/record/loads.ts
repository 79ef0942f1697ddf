/** How busy links and PEs are over time: counts in windows of equal length, made once for a recording. */
import { PORT_COUNT, RAMP } from '../../../fabric/geometry.js';
import type { Activity } from './activity.js';
import { PLACES, type Recording } from './recording.js';

const MOST_WINDOWS = 240;

/** A vector operation or piece of local work that took long. */
export interface SlowOp {
  readonly name: string;
  readonly pe: number;
  readonly startCycle: number;
  readonly endCycle: number;
}

export class Loads {
  readonly windows: number;
  readonly windowCycles: number;
  /** Wavelets over each link in each window, `window * links + link`, by `router * 5 + port`. */
  private readonly links: Uint32Array;
  private readonly linkCount: number;
  /** Cycles in which each PE did local work, by `window * pes + pe`. */
  private readonly work: Uint32Array;
  /** Words that each PE put or took. */
  private readonly words: Uint32Array;
  /** Cycles that ready wavelets waited at each router. */
  private readonly waits: Float64Array;
  private readonly pes: number;
  private readonly routers: number;
  private readonly cycles: number;

  constructor(activity: Activity) {
    const { recording } = activity;
    const { cycles, moves, stays, spans, header } = recording;
    this.cycles = cycles;
    this.windowCycles = Math.max(1, Math.ceil(cycles / MOST_WINDOWS));
    this.windows = Math.max(1, Math.ceil(cycles / this.windowCycles));
    this.pes = recording.pes.length;
    this.routers = recording.routers.length;
    this.linkCount = this.routers * PORT_COUNT;
    this.links = new Uint32Array(this.windows * this.linkCount);
    this.work = new Uint32Array(this.windows * this.pes);
    this.words = new Uint32Array(this.windows * this.pes);
    this.waits = new Float64Array(this.windows * this.routers);
    for (let move = 0; move < header.moves; move++) {
      const window = this.windowOf(moves[move * 5]!);
      const way = recording.way(move);
      if (way.kind === 'hop') this.links[window * this.linkCount + way.router * PORT_COUNT + way.port]!++;
      else this.words[window * this.pes + way.pe]!++;
    }
    for (const [span, pe] of spans.pe.entries()) {
      if (header.ops[spans.name[span]!] !== null) continue;
      this.spread(spans.intervals.starts[span]!, spans.intervals.ends[span]!, (window, part) => {
        this.work[window * this.pes + pe]! += part;
      });
    }
    for (const [stay, place] of stays.place.entries()) {
      const router = Math.floor(place / PLACES);
      this.spread(activity.readyCycle(stay), stays.intervals.ends[stay]!, (window, part) => {
        this.waits[window * this.routers + router]! += part;
      });
    }
  }

  windowOf(cycle: number): number {
    return Math.max(0, Math.min(this.windows - 1, Math.floor(cycle / this.windowCycles)));
  }

  /** Cycles of a window; the last one may be shorter. */
  private lengthOf(window: number): number {
    return Math.max(1, Math.min(this.windowCycles, this.cycles - window * this.windowCycles));
  }

  private spread(start: number, end: number, add: (window: number, cycles: number) => void): void {
    for (let from = start; from < end; ) {
      const window = this.windowOf(from);
      const to = window === this.windows - 1 ? end : Math.min(end, (window + 1) * this.windowCycles);
      add(window, to - from);
      from = to;
    }
  }

  /** Share of the window's cycles in which a link carried a wavelet. */
  linkLoad(link: number, window: number): number {
    return this.links[window * this.linkCount + link]! / this.lengthOf(window);
  }

  /** Share of the window's cycles in which a PE did local work or moved words; both may overlap, so at most 1. */
  utilisation(pe: number, window: number): number {
    const at = window * this.pes + pe;
    return Math.min(1, (this.work[at]! + this.words[at]!) / this.lengthOf(window));
  }

  /** Ready wavelets that waited at a router, on average over the window. */
  waiting(router: number, window: number): number {
    return this.waits[window * this.routers + router]! / this.lengthOf(window);
  }

  /** The whole rectangle in a window: mean share of PEs in local work, and hops between PEs per cycle. */
  total(window: number): { work: number; hopsPerCycle: number } {
    let work = 0;
    let hops = 0;
    for (let pe = 0; pe < this.pes; pe++) work += this.work[window * this.pes + pe]!;
    for (let link = 0; link < this.linkCount; link++) {
      if (link % PORT_COUNT !== RAMP) hops += this.links[window * this.linkCount + link]!;
    }
    const cycles = this.lengthOf(window);
    return { work: work / (cycles * Math.max(1, this.pes)), hopsPerCycle: hops / cycles };
  }
}

/** The longest operations of a run, one per name and turn: the PE that needed longest stands for the others. */
export function slowestOps({ spans, header }: Recording, most: number): SlowOp[] {
  const turns = new Map<number, number>();
  const slowest = new Map<string, SlowOp>();
  const { starts, ends } = spans.intervals;
  for (const [span, pe] of spans.pe.entries()) {
    const name = spans.name[span]!;
    const own = pe * header.names.length + name;
    const turn = turns.get(own) ?? 0;
    turns.set(own, turn + 1);
    const key = `${name} ${turn}`;
    const found = slowest.get(key);
    const op = { name: header.names[name]!, pe, startCycle: starts[span]!, endCycle: ends[span]! };
    if (found === undefined || op.endCycle - op.startCycle > found.endCycle - found.startCycle) {
      slowest.set(key, op);
    }
  }
  const length = (op: SlowOp): number => op.endCycle - op.startCycle;
  return [...slowest.values()]
    .sort((a, b) => length(b) - length(a) || a.startCycle - b.startCycle)
    .slice(0, most);
}
