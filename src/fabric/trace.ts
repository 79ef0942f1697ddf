/**
 * Records a run: which wavelet crossed which link when, and what CEs did meanwhile. It can be written as Chrome
 * JSON, which Perfetto opens, or as the compact event log of docs/fabric-trace.md; or print what one PE, color or
 * wavelet did.
 */
import { MachineError, OptionError } from '../core/errors.js';
import type { HopObserver } from './cores/core.js';
import { THREADS } from './cores/core.js';
import type { Tables } from './cores/tables.js';
import type { Point } from './geometry.js';
import { formatPoint, PORT_COUNT, PORTS, RAMP } from './geometry.js';
import type { Mesh } from './mesh.js';
import type { Pe } from './pe.js';
import type { SpanObserver, VectorColors, VectorSpan } from './simulate.js';

/** One thing to look at. */
export type Watch =
  | { readonly pe: Point }
  | { readonly color: string }
  | { readonly wavelet: number }
  /** From the first of two cycles up to, but without, the second. */
  | { readonly cycles: readonly [number, number] };

interface Span {
  readonly ce: number;
  readonly name: number;
  readonly startCycle: number;
  readonly endCycle: number;
  /** 0 for local work, else the microthread + 1. */
  readonly lane: number;
  /** Words of a vector operation, 0 for local work. */
  readonly words: number;
}

/** Words per move in the record and in the event log. */
const MOVE_WORDS = 5;
/** 160 MB of moves: what Perfetto can still open. */
const MAX_MOVES = 8_000_000;
/** Tracks of a PE in Chrome JSON: its local work, and its microthreads. */
const LANES = 1 + THREADS;
/** Link loads are counted in windows of so many cycles. */
const LOAD_WINDOWS = 500;

export const EVENT_LOG_MAGIC = 'WFLOG';
export const EVENT_LOG_VERSION = 2;

export class Recorder implements HopObserver, SpanObserver {
  private readonly mesh: Mesh;
  private readonly watch: Watch | null;
  private readonly mostMoves: number;
  private tables: Tables | null = null;
  private moves = new Uint32Array(1 << 14);
  private moveCount = 0;
  private readonly spans: Span[] = [];
  private readonly names: string[] = [];
  /** Of each name: what the vector operation does, null for local work. */
  private readonly ops: (VectorColors | null)[] = [];
  private readonly nameIds = new Map<string, number>();
  private lastCycle = 0;

  /** Keeps everything, or only what `watch` names, `OptionError` if that is not there; `MachineError` beyond `mostMoves`. */
  constructor(mesh: Mesh, watch: Watch | null = null, mostMoves = MAX_MOVES) {
    this.mesh = mesh;
    this.watch = watch;
    this.mostMoves = mostMoves;
    if (watch !== null && 'color' in watch && !mesh.colors.some((color) => color.name === watch.color)) {
      throw new OptionError({
        what: 'watched color',
        given: JSON.stringify(watch.color),
        expected: `one of ${mesh.colors.map((color) => color.name).join(', ')}`,
        todo: 'Watch a color of the program.',
      });
    }
    if (watch !== null && 'pe' in watch && (watch.pe.x >= mesh.width || watch.pe.y >= mesh.height)) {
      throw new OptionError({
        what: 'watched PE',
        given: formatPoint(watch.pe),
        expected: `a PE of the ${mesh.width} x ${mesh.height} rectangle`,
        todo: 'Watch a PE of the rectangle.',
      });
    }
  }

  begin(tables: Tables): void {
    this.tables = tables;
  }

  hop(cycle: number, link: number, color: number, word: number, id: number): void {
    if (this.wants(cycle, this.tables!.routers[Math.floor(link / PORT_COUNT)]!, color, id)) {
      this.keep(cycle, link, color, word, id);
    }
  }

  put(cycle: number, ce: number, color: number, word: number, id: number): void {
    const { routers, workers } = this.tables!;
    if (this.wants(cycle, workers[ce]!.at, color, id)) {
      this.keep(cycle, routers.length * PORT_COUNT + ce, color, word, id);
    }
  }

  take(cycle: number, ce: number, color: number, word: number, id: number): void {
    const { routers, workers, ces } = this.tables!;
    if (this.wants(cycle, workers[ce]!.at, color, id)) {
      this.keep(cycle, routers.length * PORT_COUNT + ces + ce, color, word, id);
    }
  }

  private keep(cycle: number, way: number, color: number, word: number, id: number): void {
    if (this.moveCount >= this.mostMoves) {
      throw new MachineError({
        what: 'trace',
        given: `more than ${this.mostMoves} moves of wavelets`,
        expected: `at most ${this.mostMoves}`,
        todo: 'Trace a smaller run, or watch one PE, color or wavelet.',
      });
    }
    const at = this.moveCount++ * MOVE_WORDS;
    if (at + MOVE_WORDS > this.moves.length) {
      const larger = new Uint32Array(this.moves.length * 2);
      larger.set(this.moves);
      this.moves = larger;
    }
    this.moves[at] = cycle;
    this.moves[at + 1] = way;
    this.moves[at + 2] = color;
    this.moves[at + 3] = word;
    this.moves[at + 4] = id;
    this.lastCycle = Math.max(this.lastCycle, cycle + 1);
  }

  span(pe: Pe, name: string, startCycle: number, endCycle: number, op: VectorSpan | null): void {
    if (!this.wantsSpan(pe, startCycle, endCycle)) return;
    let id = this.nameIds.get(name);
    if (id === undefined) {
      id = this.names.length;
      this.names.push(name);
      this.ops.push(op && { input: op.input, output: op.output, folds: op.folds });
      this.nameIds.set(name, id);
    }
    const lane = op === null ? 0 : op.thread + 1;
    this.spans.push({ ce: pe.ce, name: id, startCycle, endCycle, lane, words: op?.words ?? 0 });
    this.lastCycle = Math.max(this.lastCycle, endCycle);
  }

  private wantsSpan({ at }: Pe, startCycle: number, endCycle: number): boolean {
    const { watch } = this;
    if (watch === null) return true;
    if ('cycles' in watch) return endCycle > watch.cycles[0] && startCycle < watch.cycles[1];
    return 'pe' in watch && watch.pe.x === at.x && watch.pe.y === at.y;
  }

  private wants(cycle: number, at: Point, color: number, id: number): boolean {
    const { watch } = this;
    if (watch === null) return true;
    if ('cycles' in watch) return cycle >= watch.cycles[0] && cycle < watch.cycles[1];
    if ('color' in watch) return this.mesh.colors[color]!.name === watch.color;
    if ('wavelet' in watch) return id === watch.wavelet;
    return at.x === watch.pe.x && at.y === watch.pe.y;
  }

  /** What was recorded, in words, by cycle. */
  lines(): string[] {
    const { moves } = this;
    const { routers, workers, ces } = this.tables!;
    const links = routers.length * PORT_COUNT;
    const events: { readonly cycle: number; readonly text: string }[] = [];
    for (let m = 0; m < this.moveCount * MOVE_WORDS; m += MOVE_WORDS) {
      const [cycle, way, color, word, id] = moves.subarray(m, m + MOVE_WORDS) as unknown as [
        number,
        number,
        number,
        number,
        number,
      ];
      const payload = `0x${word.toString(16).padStart(8, '0')}`;
      const ce = way - links;
      const does =
        ce < 0
          ? `${formatPoint(routers[Math.floor(way / PORT_COUNT)]!)} to ${PORTS[way % PORT_COUNT]}`
          : ce < ces
            ? `put onto its ramp by ${formatPoint(workers[ce]!.at)}`
            : `taken by ${formatPoint(workers[ce - ces]!.at)}`;
      events.push({ cycle, text: `wavelet ${id} ${payload} ${does} on "${this.mesh.colors[color]!.name}"` });
    }
    const points = this.tables!.workers.map((pe) => formatPoint(pe.at));
    for (const { ce, name, startCycle, endCycle } of this.spans) {
      events.push({ cycle: startCycle, text: `PE ${points[ce]} ${this.names[name]} until ${endCycle}` });
    }
    return events.toSorted((a, b) => a.cycle - b.cycle).map(({ cycle, text }) => `cycle ${cycle}: ${text}`);
  }

  /**
   * Chrome trace events: rows of PEs as processes, the local work and each microthread of a PE as a thread, a microsecond
   * per cycle, link loads as counters. What one thread does never overlaps, so complete events (`X`) will do.
   */
  chromeJson(): string {
    const events: string[] = [];
    const add = (event: object): number => events.push(JSON.stringify(event));
    const pes = this.tables!.workers;
    // Perfetto keeps 0 for itself.
    const pidOf = ({ y }: Point): number => y + 1;
    const tidOf = ({ x }: Point, lane: number): number => x * LANES + lane + 1;
    for (const y of new Set(pes.map((pe) => pe.at.y))) {
      add({ name: 'process_name', ph: 'M', pid: y + 1, args: { name: `row ${y}` } });
      add({ name: 'process_sort_index', ph: 'M', pid: y + 1, args: { sort_index: y } });
    }
    const lanes = new Set(pes.map((_, ce) => ce * LANES));
    for (const { ce, lane } of this.spans) lanes.add(ce * LANES + lane);
    for (const key of lanes) {
      const { at } = pes[Math.floor(key / LANES)]!;
      const lane = key % LANES;
      const thread = { ph: 'M', pid: pidOf(at), tid: tidOf(at, lane) };
      const name = `PE ${formatPoint(at)}${lane === 0 ? '' : ` microthread ${lane - 1}`}`;
      add({ ...thread, name: 'thread_name', args: { name } });
      add({ ...thread, name: 'thread_sort_index', args: { sort_index: thread.tid } });
    }
    for (const { ce, name, startCycle, endCycle, lane, words } of this.spans) {
      const { at } = pes[ce]!;
      const op = this.ops[name] ?? null;
      const color =
        op === null ? null : [op.input?.name, op.output?.name].filter((each) => each !== undefined);
      add({
        name: this.names[name],
        cat: op === null ? 'work' : 'vector',
        ph: 'X',
        ts: startCycle,
        dur: endCycle - startCycle,
        pid: pidOf(at),
        tid: tidOf(at, lane),
        args: { pe: formatPoint(at), ...(color !== null && { color: color.join(' to '), words }) },
      });
    }
    const window = Math.max(1, Math.ceil(this.lastCycle / LOAD_WINDOWS));
    const loads = new Map<number, Float64Array>();
    const links = this.tables!.routers.length * PORT_COUNT;
    for (let h = 0; h < this.moveCount * MOVE_WORDS; h += MOVE_WORDS) {
      const link = this.moves[h + 1]!;
      const port = link % PORT_COUNT;
      if (link >= links || port === RAMP) continue;
      const { y } = this.tables!.routers[Math.floor(link / PORT_COUNT)]!;
      const key = y * PORT_COUNT + port;
      let counts = loads.get(key);
      if (counts === undefined) {
        counts = new Float64Array(LOAD_WINDOWS + 1);
        loads.set(key, counts);
      }
      counts[Math.floor(this.moves[h]! / window)]!++;
    }
    for (const [key, counts] of loads) {
      const name = `hops per cycle ${PORTS[key % PORT_COUNT]}`;
      for (let w = 0; w * window <= this.lastCycle; w++) {
        const value = counts[w]! / window;
        add({ name, ph: 'C', pid: Math.floor(key / PORT_COUNT) + 1, ts: w * window, args: { value } });
      }
    }
    return `{"displayTimeUnit":"ns","otherData":{"unit":"1 us is 1 cycle"},"traceEvents":[\n${events.join(',\n')}\n]}\n`;
  }

  /** The compact event log; its schema stands in docs/fabric-trace.md. */
  eventLog(): Uint8Array<ArrayBuffer> {
    const tables = this.tables!;
    const header = {
      version: EVENT_LOG_VERSION,
      machine: this.mesh.machine.name,
      width: this.mesh.width,
      height: this.mesh.height,
      cycles: this.lastCycle,
      colors: this.mesh.colors.map((color) => color.name),
      names: this.names,
      ops: this.ops.map((op) => op && [op.input?.id ?? -1, op.output?.id ?? -1, op.folds ? 1 : 0]),
      routers: tables.routers.map(({ x, y }) => [x, y]),
      pes: tables.workers.map(({ at }) => [at.x, at.y]),
      moves: this.moveCount,
      spans: this.spans.length,
    };
    const json = new TextEncoder().encode(JSON.stringify(header));
    const start = 12 + Math.ceil(json.length / 4) * 4;
    const bytes = new Uint8Array(start + (this.moveCount * MOVE_WORDS + this.spans.length * 4) * 4).fill(
      32,
      12,
      start,
    );
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode(EVENT_LOG_MAGIC));
    view.setUint32(8, start - 12, true);
    bytes.set(json, 12);
    let at = start;
    const put = (value: number): void => {
      view.setUint32(at, value, true);
      at += 4;
    };
    for (let i = 0; i < this.moveCount * MOVE_WORDS; i++) put(this.moves[i]!);
    for (const { ce, name, startCycle, endCycle } of this.spans) {
      put(ce);
      put(name);
      put(startCycle);
      put(endCycle);
    }
    return bytes;
  }
}
