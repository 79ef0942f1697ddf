/**
 * How a mesh program is written down: a rectangle of PEs, colors with their routes, and on every PE buffers in
 * SRAM and a program. `layout`, PE program and host run stay apart; everything here is checked before it runs.
 */
import { MachineError } from '../core/errors.js';
import type { WaferMachine, WaferNumbers } from '../machine/wafers.js';
import { waferNumbers } from '../machine/wafers.js';
import type { Point, Port } from './geometry.js';
import { formatPoint, neighbour, opposite } from './geometry.js';
import { type Color, Pe, type Sram } from './pe.js';

/** What a router does with a color in one switch position: take from any of `rx`, give to all of `tx`. */
export interface Route {
  readonly rx: readonly Port[];
  readonly tx: readonly Port[];
}

/** The route of one color at one router, up to four switch positions advanced by control wavelets. */
export interface RouterColor {
  readonly at: Point;
  readonly color: Color;
  readonly positions: readonly Route[];
  /** After the last position comes the first again; otherwise the last one stays. */
  readonly ring: boolean;
  /** Number in the order in which the layout painted its routes. */
  readonly order: number;
}

/** The largest ones, so that the message says what to make smaller. */
const SHOWN_BUFFERS = 4;

export class Mesh implements Sram {
  readonly machine: WaferMachine;
  readonly numbers: WaferNumbers;
  readonly width: number;
  readonly height: number;
  readonly colors: Color[] = [];
  readonly pes = new Map<number, Pe>();
  readonly routes = new Map<number, RouterColor>();
  /** Data and code of the fullest PE; known once the layout has been checked. */
  sramHighWaterBytes = 0;
  private words = 0;
  private sram: ArrayBuffer | null = null;

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
    this.assertInside(at, `route of color "${color.name}"`);
    if (list.length < 1 || list.length > this.numbers.switchPositions) {
      throw this.wrongRoute(
        at,
        color,
        `${list.length} switch positions`,
        `1 to ${this.numbers.switchPositions}`,
      );
    }
    for (const { rx, tx } of list) {
      const back = rx.find((port) => tx.includes(port));
      if (back !== undefined || rx.length === 0 || tx.length === 0) {
        throw this.wrongRoute(at, color, `${rx.join('+')} to ${tx.join('+')}`, 'distinct inputs and outputs');
      }
    }
    const key = this.index(at) * this.numbers.colors + color.id;
    const present = this.routes.get(key);
    const route = { at, color, positions: list, ring: options.ring ?? false, order: this.routes.size };
    const same = (other: RouterColor): boolean =>
      other.ring === route.ring && JSON.stringify(other.positions) === JSON.stringify(list);
    if (present !== undefined && !same(present)) {
      throw this.wrongRoute(
        at,
        color,
        `a second route, ${formatRoutes(list)}, beside ${formatRoutes(present.positions)}`,
        'one route per color and PE',
      );
    }
    if (present === undefined) this.routes.set(key, route);
  }

  /** The PE at a point, made on first use; PEs never asked for cost nothing. */
  pe(at: Point): Pe {
    this.assertInside(at, 'PE');
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

  routeAt(at: Point, color: Color): RouterColor | undefined {
    return this.routes.get(this.index(at) * this.numbers.colors + color.id);
  }

  /** Takes words of the simulator's memory for a buffer; the budget of the PE is checked in `check`. */
  reserve(words: number): number {
    if (this.sram !== null) throw new RangeError('buffers are laid out before the host loads data');
    const offset = this.words;
    this.words += words;
    return offset;
  }

  /** The SRAM of all PEs, one after another; allocated once the layout has passed its checks. */
  get memory(): ArrayBuffer {
    if (this.sram === null) {
      this.check();
      this.sram = new ArrayBuffer(this.words * 4);
    }
    return this.sram;
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
    for (const route of this.routes.values()) {
      for (const { tx } of route.positions) {
        for (const port of tx) this.checkOutput(route, port);
      }
    }
    this.checkCircles();
  }

  /**
   * A wavelet in a circle of routes that no switch can open would run for ever. Each route is followed once; the way
   * to it is kept, so that the error can name the circle.
   */
  private checkCircles(): void {
    const done = new Set<RouterColor>();
    for (const start of this.routes.values()) {
      const way: { readonly route: RouterColor; readonly next: RouterColor[] }[] = [];
      const onWay = new Set<RouterColor>();
      const enter = (route: RouterColor): void => {
        if (done.has(route)) return;
        if (onWay.has(route)) {
          const circle = way
            .slice(way.findIndex((step) => step.route === route))
            .map((step) => step.route.at);
          throw this.wrongRoute(
            route.at,
            route.color,
            `a circle: ${[...circle, route.at].map((at) => formatPoint(at)).join(' to ')}`,
            'a way that ends at ramps',
          );
        }
        onWay.add(route);
        way.push({ route, next: this.onlyWaysOn(route) });
      };
      enter(start);
      for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
        const next = last.next.pop();
        if (next !== undefined) enter(next);
        else {
          way.pop();
          onWay.delete(last.route);
          done.add(last.route);
        }
      }
    }
  }

  /** Where a color goes on from a router, if no switch can ever change that. */
  private onlyWaysOn({ at, color, positions }: RouterColor): RouterColor[] {
    if (positions.length > 1) return [];
    return positions[0]!.tx.flatMap((port) => {
      const there = port === 'RAMP' ? undefined : this.routeAt(neighbour(at, port), color);
      return there === undefined ? [] : [there];
    });
  }

  private checkOutput({ at, color }: RouterColor, port: Port): void {
    if (port === 'RAMP') return;
    const next = neighbour(at, port);
    if (!this.inside(next)) {
      throw this.wrongRoute(
        at,
        color,
        `${port} to ${formatPoint(next)}`,
        `PEs of the ${this.width} x ${this.height} rectangle`,
      );
    }
    const there = this.routeAt(next, color);
    const from = opposite(port);
    if (there?.positions.some(({ rx }) => rx.includes(from)) !== true) {
      throw this.wrongRoute(
        at,
        color,
        `${port} to ${formatPoint(next)}, which does not take it from ${from}`,
        'a route that goes on',
      );
    }
  }

  private inside({ x, y }: Point): boolean {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  private assertInside(at: Point, what: string): void {
    if (Number.isInteger(at.x) && Number.isInteger(at.y) && this.inside(at)) return;
    throw new MachineError({
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

function formatRoutes(positions: readonly Route[]): string {
  return positions.map(({ rx, tx }) => `${rx.join('+')} to ${tx.join('+')}`).join(', then ');
}
