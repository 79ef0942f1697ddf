/**
 * Cycles of a program whose PEs meet only in all-reduces along rows and columns, without numbers and without the whole
 * wafer. Between two of them every PE is by itself, and a line is by itself during one. So each line is simulated, with
 * the cycles in which its PEs get there, on the cycle-level core; lines that start alike end alike and are simulated
 * once. A test holds the cycles equal to those of the whole rectangle.
 */
import type { WaferMachine } from '../../machine/wafers.js';
import type { Axis } from '../../placement/plan.js';
import { reduceAlong } from '../../placement/reduce.js';
import {
  type AllreduceColors,
  allreduceColors,
  allreduceMoves,
  layAllreduce,
} from '../collectives/allreduce.js';
import { column, type Line, type Moves, row } from '../collectives/line.js';
import type { Point } from '../geometry.js';
import { neighbour, opposite } from '../geometry.js';
import { Mesh } from '../mesh.js';
import type { Executor, Pe, Pending, Program } from '../pe.js';
import { Pending as Done } from '../pe.js';
import { simulate } from '../simulate.js';

/** Local work of a PE, and the all-reduce after it. */
export interface Phase {
  readonly cycles: number;
  /** Null after the last one. */
  readonly axis: Axis | null;
  readonly words: number;
}

/** All-reduces of both axes over one rectangle: their colors and moves, and their routes once they are laid. */
export interface BothAxes {
  readonly moves: Readonly<Record<Axis, Moves>>;
  readonly maxima: Readonly<Record<Axis, Moves>>;
  readonly colors: Readonly<Record<Axis, AllreduceColors>>;
}

/** Takes the colors of the all-reduces along both axes of a rectangle of that size. */
export function bothAxes(mesh: Mesh, size: Size): BothAxes {
  const colors = { x: allreduceColors(row(mesh, 0), 'x'), y: allreduceColors(column(mesh, 0), 'y') };
  const of = (axis: Axis, fold: 'add' | 'max'): Moves => {
    const length = axis === 'x' ? size.width : size.height;
    return allreduceMoves(length, reduceAlong(axis, length), colors[axis], fold);
  };
  return {
    colors,
    moves: { x: of('x', 'add'), y: of('y', 'add') },
    maxima: { x: of('x', 'max'), y: of('y', 'max') },
  };
}

/** Lays the routes of one line. */
export function layLine(line: Line, axis: Axis, { colors }: BothAxes): void {
  layAllreduce(line, reduceAlong(axis, line.length), colors[axis]);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a PE program does, written down and not done: `program` runs at once, all-reduces call `meet`. */
export function phasesOf(
  pe: Pe,
  program: (meet: (axis: Axis, words: number) => void) => ReturnType<Program>,
): Phase[] {
  const phases: Phase[] = [];
  let cycles = 0;
  const executor: Executor = {
    cycle: 0,
    issue: unexpected,
    spawn: unexpected,
    turn: unexpected,
    compute(_, work) {
      cycles += Math.ceil(work.cycles);
      const pending = new Done();
      pending.done = true;
      return pending;
    },
  };
  pe.attach(executor);
  try {
    const flow = program((axis, words) => {
      phases.push({ cycles, axis, words });
      cycles = 0;
    });
    while (flow.next().done !== true);
  } finally {
    pe.attach(null);
  }
  return [...phases, { cycles, axis: null, words: 0 }];
}

function unexpected(): never {
  throw new RangeError('a program by lines has local work and all-reduces alone');
}

/** How a line ends, in cycles after its first PE began. */
interface Ends {
  readonly after: Int32Array;
  /** No word ever gave way to another: the same at every cycle. */
  readonly isFree: boolean;
}

/** One line of the rectangle with the routers as they are there, ready to be simulated again and again. */
interface Stage {
  readonly mesh: Mesh;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  words: number;
}

/** Routers and threads have their turns in rounds of so many cycles. */
const ROUND = 32;

export interface ByLines {
  readonly cycles: number;
  /** Lines in all all-reduces, and how many of them had to be simulated. */
  readonly lines: number;
  readonly simulated: number;
}

/** The cycles of a rectangle whose PE at a point goes through `phases(point)`. */
export function cyclesByLines(
  machine: WaferMachine,
  size: Size,
  phases: (at: Point) => readonly Phase[],
): ByLines {
  return new LineTimes(machine, size).run(phases);
}

class LineTimes {
  private readonly machine: WaferMachine;
  private readonly size: Size;
  /** One row and one column with their routes, to see what routers there do besides. */
  private readonly alone: Readonly<Record<Axis, Mesh>>;
  private readonly stages = new Map<string, Stage>();
  private readonly known = new Map<string, Ends>();
  private simulated = 0;

  constructor(machine: WaferMachine, size: Size) {
    this.machine = machine;
    this.size = size;
    const alone = (axis: Axis): Mesh => {
      const mesh = new Mesh(machine, axis === 'x' ? { ...size, height: 1 } : { ...size, width: 1 });
      layLine(axis === 'x' ? row(mesh, 0) : column(mesh, 0), axis, bothAxes(mesh, size));
      return mesh;
    };
    this.alone = { x: alone('x'), y: alone('y') };
  }

  run(phases: (at: Point) => readonly Phase[]): ByLines {
    const { width, height } = this.size;
    const all = Array.from({ length: width * height }, (_, i) =>
      phases({ x: i % width, y: Math.floor(i / width) }),
    );
    const times = new Int32Array(all.length);
    let lines = 0;
    for (let k = 0; ; k++) {
      for (let i = 0; i < all.length; i++) times[i]! += all[i]![k]!.cycles;
      const { axis } = all[0]![k]!;
      if (axis === null) break;
      const [count, length] = axis === 'x' ? [height, width] : [width, height];
      for (let line = 0; line < count; line++) {
        const at = (i: number): number => (axis === 'x' ? line * width + i : i * width + line);
        const starts = Int32Array.from({ length }, (_, i) => times[at(i)]!);
        const ends = this.endsOf(axis, line, all[at(0)]![k]!.words, starts);
        for (let i = 0; i < length; i++) times[at(i)] = ends[i]!;
      }
      lines += count;
    }
    return {
      cycles: times.reduce((last, time) => Math.max(last, time), 0),
      lines,
      simulated: this.simulated,
    };
  }

  private endsOf(axis: Axis, line: number, words: number, starts: Int32Array): Int32Array {
    if (words === 0 || starts.length === 1) return starts;
    const first = starts.reduce((least, start) => Math.min(least, start));
    const stage = this.stageOf(axis, line);
    const free = `${stage} ${words} ${starts.map((start) => start - first).join()}`;
    const bound = `${free} ${first % ROUND}`;
    let ends = this.known.get(free) ?? this.known.get(bound);
    if (ends === undefined) {
      ends = this.simulate(stage, words, starts, first);
      this.known.set(ends.isFree ? free : bound, ends);
    }
    return ends.after.map((after) => first + after);
  }

  /** The lines of an axis differ in what their routers do for the other axis: the name of those that do not. */
  private stageOf(axis: Axis, line: number): string {
    const cross = this.alone[axis === 'x' ? 'y' : 'x'];
    const name = `${axis} ${[...cross.colorsAt(line)].map((color) => `${color}:${cross.shapeNumber(line, color)}`).join()}`;
    if (!this.stages.has(name)) this.stages.set(name, this.lay(axis, line));
    return name;
  }

  private lay(axis: Axis, across: number): Stage {
    const { size } = this;
    const length = axis === 'x' ? size.width : size.height;
    // Beside the line lie routers that take what leaves it.
    const mesh = new Mesh(
      this.machine,
      axis === 'x' ? { width: length, height: 3 } : { width: 3, height: length },
    );
    const axes = bothAxes(mesh, size);
    const line = axis === 'x' ? row(mesh, 1) : column(mesh, 1);
    // The layout of the whole rectangle paints rows first.
    if (axis === 'x') layLine(line, axis, axes);
    for (let i = 0; i < length; i++) this.copyCross(mesh, axis, across, line.at(i));
    if (axis === 'y') layLine(line, axis, axes);
    const stage: Stage = { mesh, starts: new Int32Array(length), ends: new Int32Array(length), words: 0 };
    for (let i = 0; i < length; i++) {
      const pe = mesh.pe(line.at(i));
      const data = pe.buffer('data', 'f32', MOST_WORDS);
      pe.main = function* (): Generator<Pending, void, void> {
        yield pe.compute({ cycles: stage.starts[i]! });
        const view = data.view(0, stage.words);
        for (const move of axes.moves[axis][i]!) yield move(pe, view);
        stage.ends[i] = pe.cycle;
      };
    }
    return stage;
  }

  private copyCross(mesh: Mesh, axis: Axis, across: number, at: Point): void {
    const cross = this.alone[axis === 'x' ? 'y' : 'x'];
    for (const id of cross.colorsAt(across)) {
      const { positions } = cross.shapes[cross.shapeNumber(across, id)]!;
      const color = mesh.colors[id]!;
      mesh.route(at, color, positions);
      for (const port of positions.flatMap(({ tx }) => tx)) {
        if (port !== 'RAMP') mesh.route(neighbour(at, port), color, { rx: [opposite(port)], tx: ['RAMP'] });
      }
    }
  }

  private simulate(name: string, words: number, starts: Int32Array, first: number): Ends {
    this.simulated++;
    const stage = this.stages.get(name)!;
    const shift = first % ROUND;
    stage.words = words;
    for (const [i, start] of starts.entries()) stage.starts[i] = start - first + shift;
    let isFree = true;
    simulate(stage.mesh, {
      contended: () => {
        isFree = false;
      },
    });
    return { after: stage.ends.map((end) => end - shift), isFree };
  }
}

/** What an all-reduce of a layer moves at most; a PE's SRAM holds no more. */
const MOST_WORDS = 10_000;
