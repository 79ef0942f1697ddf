/**
 * How a mesh program is written down: a rectangle of PEs, colors with their routes, and on every PE buffers in
 * SRAM and a program. `layout`, PE program and host run stay apart; everything here is checked before it runs.
 */
import { MachineError } from '../core/errors.js';
import type { WaferMachine, WaferNumbers } from '../machine/wafers.js';
import { waferNumbers } from '../machine/wafers.js';
import type { Point, Port } from './geometry.js';
import { formatPoint, neighbour, opposite, PORT_COUNT, PORTS, portNumber, RAMP } from './geometry.js';
import { type Color, type MemoryViews, Pe, type Sram } from './pe.js';

/** What a router does with a color in one switch position: take from any of `rx`, give to all of `tx`. */
export interface Route {
  readonly rx: readonly Port[];
  readonly tx: readonly Port[];
}

/** A route with its switch positions, as ports and as bits of them; PEs that route alike share one. */
export interface RouteShape {
  readonly positions: readonly Route[];
  readonly rx: readonly number[];
  readonly tx: readonly number[];
  /** After the last position comes the first again; otherwise the last one stays. */
  readonly ring: boolean;
}

/** How far a search for circles has come with a route. */
const ON_WAY = 1;
const DONE = 2;

/** The largest ones, so that the message says what to make smaller. */
const SHOWN_BUFFERS = 4;

export class Mesh implements Sram {
  readonly machine: WaferMachine;
  readonly numbers: WaferNumbers;
  readonly width: number;
  readonly height: number;
  readonly colors: Color[] = [];
  readonly pes = new Map<number, Pe>();
  /** Data and code of the fullest PE; known once the layout has been checked. */
  sramHighWaterBytes = 0;
  /** Every route that differs from the others; one wafer has a few dozen. */
  readonly shapes: RouteShape[] = [];
  private readonly shapeIds = new Map<string | number, number>();
  /** By PE and color: the number of its shape + 1, 0 for none. */
  private readonly shapeAt: Uint16Array;
  /** By PE: its colors in the order in which the layout painted them, and how many. */
  private readonly painted: Uint8Array;
  private readonly paintedCount: Uint8Array;
  /** Routes painted so far. */
  routeCount = 0;
  private reserved = 0;
  private sram: ArrayBuffer | null = null;
  private views: MemoryViews | null = null;

  /** `MachineError` for a rectangle that is empty or larger than the machine's usable fabric. */
  constructor(machine: WaferMachine, size: { readonly width: number; readonly height: number }) {
    this.machine = machine;
    this.numbers = waferNumbers(machine);
    this.width = size.width;
    this.height = size.height;
    const { usableColumns, usableRows } = this.numbers;
    const fits = (n: number, limit: number): boolean => Number.isInteger(n) && n >= 1 && n <= limit;
    if (!fits(size.width, usableColumns) || !fits(size.height, usableRows)) {
      throw new MachineError({
        what: `rectangle on ${machine.name}`,
        given: `${size.width} x ${size.height} PEs`,
        expected: `1 x 1 to ${usableColumns} x ${usableRows} PEs`,
        todo: 'Choose a rectangle that fits the fabric, or a larger machine.',
      });
    }
    const pes = size.width * size.height;
    this.shapeAt = new Uint16Array(pes * this.numbers.colors);
    this.painted = new Uint8Array(pes * this.numbers.colors);
    this.paintedCount = new Uint8Array(pes);
  }

  /** The next free color; `MachineError` when the machine has no more. */
  color(name: string): Color {
    if (this.colors.length >= this.numbers.colors) {
      throw new MachineError({
        what: `color "${name}" on ${this.machine.name}`,
        given: `${this.colors.length + 1} colors (${this.colors.map((color) => color.name).join(', ')}, ${name})`,
        expected: `at most ${this.numbers.colors}`,
        todo: 'Share colors between phases that cannot overlap.',
      });
    }
    const color = { id: this.colors.length, name };
    this.colors.push(color);
    return color;
  }

  /** Paints a route. A color that already has another route at this PE is a conflict. */
  route(
    at: Point,
    color: Color,
    positions: Route | readonly Route[],
    options: { ring?: boolean } = {},
  ): void {
    const list = 'rx' in positions ? [positions] : positions;
    if (!this.inside(at)) throw this.outside(at, `route of color "${color.name}"`);
    const place = this.index(at);
    const key = place * this.numbers.colors + color.id;
    const shape = this.shapeOf(at, color, list, options.ring ?? false);
    const present = this.shapeAt[key]!;
    if (present === 0) {
      this.shapeAt[key] = shape + 1;
      this.routeCount++;
      this.painted[place * this.numbers.colors + this.paintedCount[place]!++] = color.id;
    } else if (present !== shape + 1) {
      throw this.wrongRoute(
        at,
        color,
        `a second route, ${formatRoutes(list)}, beside ${formatRoutes(this.shapes[present - 1]!.positions)}`,
        'one route per color and PE',
      );
    }
  }

  /** The number of a route's shape, which is checked when it is seen first. */
  private shapeOf(at: Point, color: Color, list: readonly Route[], ring: boolean): number {
    const codes = list.map(({ rx, tx }) => (bitsOf(rx) << PORT_COUNT) | bitsOf(tx));
    const key = codes.length === 1 ? codes[0]! : `${codes.join()}${ring ? ' ring' : ''}`;
    const known = this.shapeIds.get(key);
    if (known !== undefined) return known;
    if (list.length < 1 || list.length > this.numbers.switchPositions) {
      throw this.wrongRoute(
        at,
        color,
        `${list.length} switch positions`,
        `1 to ${this.numbers.switchPositions}`,
      );
    }
    for (const { rx, tx } of list) {
      const stranger = [...rx, ...tx].find((port) => !PORTS.includes(port));
      if (stranger !== undefined)
        throw this.wrongRoute(at, color, `port ${JSON.stringify(stranger)}`, PORTS.join(', '));
      const back = rx.find((port) => tx.includes(port));
      if (back !== undefined || rx.length === 0 || tx.length === 0) {
        throw this.wrongRoute(at, color, `${rx.join('+')} to ${tx.join('+')}`, 'distinct inputs and outputs');
      }
    }
    const positions = list.map(({ rx, tx }) => ({ rx: [...rx], tx: [...tx] }));
    const [rx, tx] = [positions.map((route) => bitsOf(route.rx)), positions.map((route) => bitsOf(route.tx))];
    const id = this.shapes.push({ positions, rx, tx, ring }) - 1;
    this.shapeIds.set(key, id);
    return id;
  }

  /** The PE at a point, made on first use; PEs never asked for cost nothing. */
  pe(at: Point): Pe {
    if (!this.inside(at)) throw this.outside(at, 'PE');
    const index = this.index(at);
    let pe = this.pes.get(index);
    if (pe === undefined) {
      pe = new Pe(this, at);
      this.pes.set(index, pe);
    }
    return pe;
  }

  /** The PEs that have a program, numbered for a run; the others cost it nothing. */
  workers(): Pe[] {
    const workers: Pe[] = [];
    for (const pe of this.pes.values()) pe.ce = pe.main === null ? -1 : workers.push(pe) - 1;
    return workers;
  }

  index({ x, y }: Point): number {
    return y * this.width + x;
  }

  routeAt(at: Point, { id }: Color): RouteShape | undefined {
    return this.shapes[this.shapeNumber(this.index(at), id)];
  }

  /** The number of a color's shape at the PE with that index, -1 for none. */
  shapeNumber(place: number, color: number): number {
    return this.shapeAt[place * this.numbers.colors + color]! - 1;
  }

  /** The colors that have a route at the PE with that index, in the order of the layout. */
  colorsAt(place: number): Uint8Array {
    const first = place * this.numbers.colors;
    return this.painted.subarray(first, first + this.paintedCount[place]!);
  }

  /** Takes words of the simulator's memory for a buffer; the budget of the PE is checked in `check`. */
  reserve(words: number): number {
    if (this.sram !== null) throw new RangeError('buffers are laid out before the host loads data');
    const offset = this.reserved;
    this.reserved += words;
    return offset;
  }

  /** The SRAM of all PEs, one after another; allocated once the layout has passed its checks. */
  get memory(): ArrayBuffer {
    if (this.sram === null) {
      this.check();
      this.sram = new ArrayBuffer(this.reserved * 4);
    }
    return this.sram;
  }

  get words(): MemoryViews {
    if (this.views === null) {
      const { memory } = this;
      this.views = {
        f32: new Float32Array(memory),
        i32: new Int32Array(memory),
        u32: new Uint32Array(memory),
        u16: new Uint16Array(memory),
        i16: new Int16Array(memory),
      };
    }
    return this.views;
  }

  /** `MachineError` for a PE over its SRAM, a route that leaves the rectangle, or one that leads nowhere. */
  check(): void {
    const have = this.numbers.sramBytesPerPe;
    for (const pe of this.pes.values()) {
      const need = pe.sramBytes;
      this.sramHighWaterBytes = Math.max(this.sramHighWaterBytes, need);
      if (need <= have) continue;
      const largest = pe.buffers.toSorted((a, b) => b.bytes - a.bytes).slice(0, SHOWN_BUFFERS);
      const more = pe.buffers.length - largest.length;
      const parts = largest.map((buffer) => `${buffer.name} ${buffer.bytes} B`).join(', ');
      throw new MachineError({
        what: `SRAM of PE ${formatPoint(pe.at)}`,
        given: `a need of ${need} B (${parts}${more > 0 ? `, ${more} more` : ''}, code ${this.numbers.reservedBytesPerPe} B)`,
        expected: `at most the ${have} B it has on ${this.machine.name}`,
        todo: 'Use more PEs, smaller tiles or a smaller element type.',
      });
    }
    const places = this.width * this.height;
    const colors = this.numbers.colors;
    for (let place = 0; place < places; place++) {
      for (let k = 0; k < this.paintedCount[place]!; k++) {
        const color = this.painted[place * colors + k]!;
        for (const tx of this.shapes[this.shapeNumber(place, color)]!.tx) {
          for (let port = 0; port < RAMP; port++) if (tx & (1 << port)) this.checkOutput(place, color, port);
        }
      }
    }
    this.checkCircles();
  }

  /** The index of the PE behind a port, -1 for one outside the rectangle. */
  indexBehind(place: number, port: number): number {
    const x = place % this.width;
    switch (port) {
      case NORTH:
        return place >= this.width ? place - this.width : -1;
      case EAST:
        return x + 1 < this.width ? place + 1 : -1;
      case SOUTH:
        return place + this.width < this.width * this.height ? place + this.width : -1;
      case WEST:
        return x > 0 ? place - 1 : -1;
      default:
        return place;
    }
  }

  private pointAt(place: number): Point {
    return { x: place % this.width, y: Math.floor(place / this.width) };
  }

  /**
   * A wavelet in a circle of routes that no switch can open would run for ever. Each route is followed once; the way
   * to it is kept, so that the error can name the circle.
   */
  private checkCircles(): void {
    const colors = this.numbers.colors;
    const state = new Uint8Array(this.shapeAt.length);
    const way: number[] = [];
    const ports: number[] = [];
    for (let start = 0; start < state.length; start++) {
      if (this.shapeAt[start] === 0 || state[start] !== 0) continue;
      state[start] = ON_WAY;
      way.push(start);
      ports.push(0);
      while (way.length > 0) {
        const key = way.at(-1)!;
        const [place, color] = [Math.floor(key / colors), key % colors];
        const { tx } = this.shapes[this.shapeAt[key]! - 1]!;
        const port = ports[ports.length - 1]!++;
        if (port === RAMP || tx.length > 1) {
          state[key] = DONE;
          way.pop();
          ports.pop();
          continue;
        }
        if ((tx[0]! & (1 << port)) === 0) continue;
        const next = this.indexBehind(place, port) * colors + color;
        if (state[next] === ON_WAY) {
          const circle = [...way.slice(way.indexOf(next)), next].map((each) =>
            this.pointAt(Math.floor(each / colors)),
          );
          throw this.wrongRoute(
            circle[0]!,
            this.colors[color]!,
            `a circle: ${circle.map((at) => formatPoint(at)).join(' to ')}`,
            'a way that ends at ramps',
          );
        }
        if (state[next] === DONE) continue;
        state[next] = ON_WAY;
        way.push(next);
        ports.push(0);
      }
    }
  }

  private checkOutput(place: number, color: number, port: number): void {
    const next = this.indexBehind(place, port);
    const from = opposite(PORTS[port]!);
    const bit = 1 << portNumber(from);
    const shape = next < 0 ? -1 : this.shapeNumber(next, color);
    if (shape >= 0 && this.shapes[shape]!.rx.some((rx) => rx & bit)) return;
    const at = this.pointAt(place);
    const there = `${PORTS[port]} to ${formatPoint(neighbour(at, PORTS[port]!))}`;
    throw next < 0
      ? this.wrongRoute(at, this.colors[color]!, there, `PEs of the ${this.width} x ${this.height} rectangle`)
      : this.wrongRoute(
          at,
          this.colors[color]!,
          `${there}, which does not take it from ${from}`,
          'a route that goes on',
        );
  }

  private inside({ x, y }: Point): boolean {
    return (
      Number.isInteger(x) && Number.isInteger(y) && x >= 0 && y >= 0 && x < this.width && y < this.height
    );
  }

  private outside(at: Point, what: string): MachineError {
    return new MachineError({
      what,
      given: formatPoint(at),
      expected: `a PE of the ${this.width} x ${this.height} rectangle`,
      todo: 'Correct the layout of the mesh program.',
    });
  }

  private wrongRoute(at: Point, color: Color, given: string, expected: string): MachineError {
    return new MachineError({
      what: `route of color "${color.name}" at PE ${formatPoint(at)}`,
      given,
      expected,
      todo: 'Correct the layout of the mesh program.',
    });
  }
}

const [NORTH, EAST, SOUTH, WEST] = [0, 1, 2, 3];

/** Negative, like no real one, if there is no such port. */
function bitsOf(ports: readonly Port[]): number {
  let bits = 0;
  for (const port of ports) {
    const number = portNumber(port);
    if (number < 0) return -1;
    bits |= 1 << number;
  }
  return bits;
}

function formatRoutes(positions: readonly Route[]): string {
  return positions.map(({ rx, tx }) => `${rx.join('+')} to ${tx.join('+')}`).join(', then ');
}
