/** What every PE does in a cycle, and why the ones that do nothing wait. */
import { PORT_COUNT, PORTS, RAMP } from '../../../fabric/geometry.js';
import type { Layout } from '../draw/mesh-layout.js';
import { CE_QUEUE, PLACES, type Recording } from './recording.js';

/** In the order in which one state hides another when a CE does several things. */
export const STATES = [
  'idle',
  'waits for its turn',
  'waits for room',
  'waits for a wavelet',
  'send',
  'receive',
  'relay',
  'fold',
  'local work',
] as const;

export type PeState = (typeof STATES)[number];

/** One vector operation or piece of local work that is under way. */
export interface PeTask {
  readonly span: number;
  readonly name: string;
  readonly state: PeState;
  /** Why it waits, in a sentence; empty when it does not. */
  readonly reason: string;
  readonly startCycle: number;
  readonly endCycle: number;
  /** Words moved up to and including this cycle, and of the whole operation; null for local work. */
  readonly words: { readonly done: number; readonly all: number } | null;
}

/** Wavelets in the queues of CEs as they are when a cycle begins. */
interface QueueView {
  /** A wavelet is ready for the CE, by `pe * colors + color`. */
  readonly ready: Uint8Array;
  /** Wavelets on the way from the CE to its router. */
  readonly onRamp: Uint16Array;
}

export class Activity {
  readonly recording: Recording;
  readonly layout: Layout;

  constructor(recording: Recording, layout: Layout) {
    this.recording = recording;
    this.layout = layout;
  }

  private last: { readonly cycle: number; readonly states: Uint8Array } = {
    cycle: -1,
    states: new Uint8Array(0),
  };

  /** The state of every PE in a cycle, as places in `STATES`; asked for again and again while a picture moves. */
  states(cycle: number): Uint8Array {
    if (this.last.cycle !== cycle) this.last = { cycle, states: this.statesIn(cycle) };
    return this.last.states;
  }

  private statesIn(cycle: number): Uint8Array {
    const { recording } = this;
    const { spans } = recording;
    const states = new Uint8Array(recording.pes.length);
    const moved = this.movedIn(cycle);
    const queues = this.queuesBefore(cycle);
    for (const span of spans.intervals.at(cycle)) {
      const pe = spans.pe[span]!;
      const state = STATES.indexOf(this.stateOf(span, moved, queues));
      if (state > states[pe]!) states[pe] = state;
    }
    return states;
  }

  /** Everything that one PE has under way in a cycle. */
  tasks(pe: number, cycle: number): PeTask[] {
    const { spans, header } = this.recording;
    const moved = this.movedIn(cycle);
    const queues = this.queuesBefore(cycle);
    return spans.intervals
      .at(cycle)
      .filter((span) => spans.pe[span] === pe)
      .map((span) => {
        const state = this.stateOf(span, moved, queues);
        return {
          span,
          name: header.names[spans.name[span]!]!,
          state,
          reason: this.reasonOf(span, state),
          startCycle: spans.intervals.starts[span]!,
          endCycle: spans.intervals.ends[span]!,
          words: this.wordsOf(span, cycle),
        };
      });
  }

  private stateOf(span: number, moved: ReadonlySet<number>, { ready, onRamp }: QueueView): PeState {
    const { header, spans, routerOfPe } = this.recording;
    const pe = spans.pe[span]!;
    const op = header.ops[spans.name[span]!]!;
    if (op === null) return 'local work';
    const [input, output, folds] = op;
    const colors = header.colors.length;
    const takes = input < 0 || moved.has(takeKey(pe, input, colors));
    const puts = output < 0 || moved.has(putKey(pe, output, colors));
    if (takes && puts) {
      if (input < 0) return 'send';
      if (output >= 0) return 'relay';
      return folds === 1 ? 'fold' : 'receive';
    }
    if (input >= 0 && ready[pe * colors + input] === 0) return 'waits for a wavelet';
    const ramp = (routerOfPe[pe]! * PLACES + RAMP) * colors + output;
    if (output >= 0 && onRamp[pe * colors + output]! >= this.layout.capacities[ramp]!)
      return 'waits for room';
    return 'waits for its turn';
  }

  private reasonOf(span: number, state: PeState): string {
    const { header, spans } = this.recording;
    const op = header.ops[spans.name[span]!]!;
    if (op === null) return '';
    const color = (number: number): string => `“${header.colors[number]}”`;
    switch (state) {
      case 'waits for a wavelet':
        return `No wavelet of color ${color(op[0])} has arrived.`;
      case 'waits for room':
        return `The ramp is full: the router cannot pass color ${color(op[1])} on.`;
      case 'waits for its turn':
        return 'Another operation of this CE has the ramp or the arithmetic in this cycle.';
      default:
        return '';
    }
  }

  /** Keys of the words that CEs take and put in a cycle. */
  private movedIn(cycle: number): Set<number> {
    const { recording } = this;
    const colors = recording.header.colors.length;
    const keys = new Set<number>();
    const { first, end } = recording.movesAt(cycle);
    for (let move = first; move < end; move++) {
      const way = recording.way(move);
      const color = recording.moves[move * 5 + 2]!;
      if (way.kind === 'take') keys.add(takeKey(way.pe, color, colors));
      else if (way.kind === 'put') keys.add(putKey(way.pe, color, colors));
    }
    return keys;
  }

  private queuesBefore(cycle: number): QueueView {
    const { stays, peOfRouter, pes, header } = this.recording;
    const colors = header.colors.length;
    const ready = new Uint8Array(pes.length * colors);
    const onRamp = new Uint16Array(pes.length * colors);
    for (const stay of stays.intervals.at(cycle - 1)) {
      const place = stays.place[stay]!;
      const pe = peOfRouter[Math.floor(place / PLACES)]!;
      if (pe < 0) continue;
      const key = pe * colors + stays.color[stay]!;
      if (place % PLACES === CE_QUEUE) {
        if (this.readyCycle(stay) <= cycle) ready[key] = 1;
      } else if (place % PLACES === RAMP) {
        onRamp[key]!++;
      }
    }
    return { ready, onRamp };
  }

  /** The first cycle in which a wavelet can leave the queue. */
  readyCycle(stay: number): number {
    const { stays } = this.recording;
    return stays.intervals.starts[stay]! + this.latency(stays.place[stay]! % PLACES);
  }

  /** Cycles from one place to the next, by the place where it ends. */
  latency(place: number): number {
    const { rampLatencyCycles } = this.layout;
    return place === CE_QUEUE ? rampLatencyCycles : place === RAMP ? rampLatencyCycles + 1 : 1;
  }

  private wordsOf(span: number, cycle: number): PeTask['words'] {
    const { header, spans, stays, routerOfPe } = this.recording;
    const op = header.ops[spans.name[span]!]!;
    if (op === null) return null;
    const [input, output] = op;
    const from = spans.intervals.starts[span]!;
    const to = spans.intervals.ends[span]!;
    const router = routerOfPe[spans.pe[span]!]!;
    let done = 0;
    let all = 0;
    const place = router * PLACES + (input >= 0 ? CE_QUEUE : RAMP);
    const color = input >= 0 ? input : output;
    for (const stay of this.staysAt(place)) {
      if (stays.color[stay] !== color) continue;
      // Taken words count when they leave the queue, sent ones when they enter it.
      const at = input >= 0 ? stays.intervals.ends[stay]! : stays.intervals.starts[stay]!;
      if (at < from || at >= to) continue;
      all++;
      if (at <= cycle) done++;
    }
    return { done, all };
  }

  private staysByPlace: Map<number, number[]> | null = null;

  private staysAt(place: number): readonly number[] {
    if (this.staysByPlace === null) {
      this.staysByPlace = new Map();
      for (const [stay, at] of this.recording.stays.place.entries()) {
        const list = this.staysByPlace.get(at);
        if (list === undefined) this.staysByPlace.set(at, [stay]);
        else list.push(stay);
      }
    }
    return this.staysByPlace.get(place) ?? [];
  }

  /** The queues of a PE's router and CE that hold something after a cycle, and why their heads wait. */
  queues(router: number, cycle: number): QueueState[] {
    const { stays, header } = this.recording;
    const colors = header.colors.length;
    const held = new Map<number, number[]>();
    for (let place = 0; place < PLACES; place++) {
      for (const stay of this.staysAt(router * PLACES + place)) {
        if (stays.intervals.starts[stay]! > cycle || stays.intervals.ends[stay]! <= cycle) continue;
        const key = place * colors + stays.color[stay]!;
        const list = held.get(key);
        if (list === undefined) held.set(key, [stay]);
        else list.push(stay);
      }
    }
    return [...held].map(([key, list]) => {
      const place = Math.floor(key / colors);
      return {
        where: place === CE_QUEUE ? 'CE' : PORTS[place]!,
        color: key % colors,
        capacity: this.layout.capacities[(router * PLACES + place) * colors + (key % colors)]!,
        stays: list,
        reason: this.headReason(list[0]!, cycle + 1),
      };
    });
  }

  /** Why the head of a queue does not leave it in a cycle; empty when it does. */
  private headReason(stay: number, cycle: number): string {
    const { stays, moves, header } = this.recording;
    if (stays.intervals.ends[stay] === cycle) return '';
    const ready = this.readyCycle(stay);
    if (ready > cycle) return `on its way until cycle ${ready}`;
    const place = stays.place[stay]!;
    if (place % PLACES === CE_QUEUE) return 'its CE does not take it yet';
    const router = Math.floor(place / PLACES);
    const color = stays.color[stay]!;
    const ways = this.waysOut(stay);
    const { first, end } = this.recording.movesAt(cycle);
    for (let move = first; move < end; move++) {
      const way = moves[move * 5 + 1]!;
      if (ways.some((port) => way === router * PORT_COUNT + port)) {
        const other = header.colors[moves[move * 5 + 2]!]!;
        return `color “${other}” has the link in this cycle`;
      }
    }
    for (const next of this.after(stay)) {
      const there = stays.place[next]!;
      const room = this.layout.capacities[there * header.colors.length + color]!;
      const full = this.staysAt(there).filter(
        (other) =>
          stays.color[other] === color &&
          stays.intervals.starts[other]! < cycle &&
          stays.intervals.ends[other]! >= cycle,
      );
      if (full.length >= room) return 'the next queue is full';
    }
    return 'the switch still lets others pass';
  }

  /** Ports through which a wavelet leaves a place in the end. */
  private waysOut(stay: number): number[] {
    const { stays, moves } = this.recording;
    const { first, end } = this.recording.movesAt(stays.intervals.ends[stay]!);
    const router = Math.floor(stays.place[stay]! / PLACES);
    const ways: number[] = [];
    for (let move = first; move < end; move++) {
      const way = this.recording.way(move);
      if (way.kind !== 'hop' || way.router !== router) continue;
      if (moves[move * 5 + 4] === stays.wavelet[stay] && moves[move * 5 + 2] === stays.color[stay]) {
        ways.push(way.port);
      }
    }
    return ways;
  }

  /** The stays that follow one, several where it was multicast. */
  private after(stay: number): number[] {
    const { stays } = this.recording;
    return stays.intervals.at(stays.intervals.ends[stay]!).filter((next) => stays.before[next] === stay);
  }

  /** All stays of one wavelet, in the order in which it came to them. */
  wayOf(wavelet: number): number[] {
    const found: number[] = [];
    for (const [stay, id] of this.recording.stays.wavelet.entries()) if (id === wavelet) found.push(stay);
    return found;
  }
}

/** A queue that is not empty. */
export interface QueueState {
  readonly where: string;
  readonly color: number;
  readonly capacity: number;
  readonly stays: readonly number[];
  readonly reason: string;
}

const takeKey = (pe: number, color: number, colors: number): number => 2 * (pe * colors + color);
const putKey = (pe: number, color: number, colors: number): number => 2 * (pe * colors + color) + 1;
