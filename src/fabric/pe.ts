/**
 * A processing element as a mesh program sees it: buffers in its SRAM, and a program that issues vector
 * operations over memory and fabric. The program is a generator: `yield` waits for what was issued, an operation
 * that is not waited for runs on a microthread beside it.
 */
import { MachineError } from '../core/errors.js';
import type { WaferNumbers } from '../machine/wafers.js';
import type { FoldCode, Mark } from './cores/core.js';
import { FOLD, MARK } from './cores/core.js';
import type { Point } from './geometry.js';
import { formatPoint } from './geometry.js';
import { floatToHalf, halfToFloat } from './local/f16.js';

/** A virtual channel: the same number all over the rectangle, with a route of its own at every router. */
export interface Color {
  readonly id: number;
  readonly name: string;
}

/** What a PE needs of the mesh it lies in: room in the simulator's memory, and the machine's numbers. */
export interface Sram {
  readonly numbers: WaferNumbers;
  readonly width: number;
  readonly height: number;
  readonly memory: ArrayBuffer;
  /** Room for `words` words; their first. */
  reserve(words: number): number;
}

/** How an arriving element meets the one in memory; `or` joins parts whose other bits are zero. */
export type FoldName = 'add' | 'max' | 'or';

/** What a program waits for. */
export class Pending {
  done = false;
  waiter: Task | null = null;
}

/** One flow of control on a CE. */
export interface Task {
  readonly pe: Pe;
  readonly name: string;
  readonly flow: Generator<Pending, void, void>;
  /** A task that serves others for ever, e.g. one per wavelet: the program may end while it waits. */
  readonly daemon: boolean;
  /** Settled when the flow ends. */
  readonly end: Pending;
}

export type Program = () => Generator<Pending, void, void>;

/** Elements of a type in a word, which is what a wavelet carries; `bytes` never travel. */
const ELEMENTS_PER_WORD = { f32: 1, f16: 2, bytes: 4 } as const;

export type ElementType = keyof typeof ELEMENTS_PER_WORD;

/** Local work of the CE: its cycles, and what they were spent on for the energy account. */
export interface Work {
  readonly cycles: number;
  readonly macs?: number;
  readonly sramBytes?: number;
}

/** A run of whole words of a buffer: what one vector operation walks over. */
export interface View {
  readonly buffer: Buffer;
  readonly firstWord: number;
  readonly words: number;
}

export class Buffer {
  readonly name: string;
  readonly type: ElementType;
  readonly length: number;
  /** First word in the simulator's memory. */
  readonly offset: number;
  readonly words: number;
  private readonly mesh: Sram;

  /** The PE it lies in, for errors. */
  private readonly at: Point;

  constructor(mesh: Sram, at: Point, name: string, type: ElementType, length: number) {
    this.mesh = mesh;
    this.at = at;
    this.name = name;
    this.type = type;
    this.length = length;
    this.words = Math.ceil(length / elementsPerWord(type));
    this.offset = mesh.reserve(this.words);
  }

  get bytes(): number {
    return this.words * 4;
  }

  /** The buffer itself as floats; only for `f32`. */
  get f32(): Float32Array {
    return new Float32Array(this.mesh.memory, this.offset * 4, this.length);
  }

  get u8(): Uint8Array {
    return new Uint8Array(this.mesh.memory, this.offset * 4, this.bytes);
  }

  private get u16(): Uint16Array {
    return new Uint16Array(this.mesh.memory, this.offset * 4, this.words * 2);
  }

  /** A copy of the elements, widened to f32. */
  read(): Float32Array {
    return this.type === 'f16'
      ? Float32Array.from(this.u16.subarray(0, this.length), halfToFloat)
      : this.f32.slice();
  }

  /** Stores elements from `first` on, rounded to the type; `MachineError` where they do not fit. */
  write(values: ArrayLike<number>, first = 0): void {
    this.assertWithin('a write of', first, values.length);
    const target = this.type === 'f16' ? this.u16 : this.f32;
    for (let i = 0; i < values.length; i++) {
      target[first + i] = this.type === 'f16' ? floatToHalf(values[i]!) : values[i]!;
    }
  }

  /**
   * `count` elements from `first` on: whole words, of which only the buffer's last may be partly used. `MachineError`
   * for elements that the buffer does not have, and for a part of a word.
   */
  view(first = 0, count = this.length - first): View {
    this.assertWithin('a view of', first, count);
    const per = ELEMENTS_PER_WORD[this.type];
    if (first % per !== 0 || (count % per !== 0 && first + count !== this.length)) {
      throw this.wrongPart(
        `a view of ${count} elements from ${first}`,
        `whole words: ${per} elements of ${this.type} share one`,
      );
    }
    return { buffer: this, firstWord: first / per, words: Math.ceil(count / per) };
  }

  private assertWithin(what: string, first: number, count: number): void {
    if (Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0) {
      if (first + count <= this.length) return;
    }
    throw this.wrongPart(`${what} ${count} elements from ${first}`, `a part of its ${this.length} elements`);
  }

  private wrongPart(given: string, expected: string): MachineError {
    return new MachineError({
      what: `buffer "${this.name}" of PE ${formatPoint(this.at)}`,
      given,
      expected,
      todo: 'Correct the mesh program.',
    });
  }
}

export function elementsPerWord(type: ElementType): number {
  return ELEMENTS_PER_WORD[type];
}

/** One vector operation as a program asks for it: from a color or memory, to a color or memory or both. */
export interface Operation {
  readonly input: Color | null;
  readonly output: Color | null;
  readonly view: View;
  readonly fold: FoldCode;
  /** Whether the results stay in memory. */
  readonly store: boolean;
  readonly lastMark: Mark;
}

/** What a running simulation does for a PE; set when the run starts. */
export interface Executor {
  issue(pe: Pe, operation: Operation): Pending;
  compute(pe: Pe, work: Work, action: (() => void) | undefined, name: string): Pending;
  /** Starts a flow of control; `now` is one that is running already, forked off another. */
  spawn(pe: Pe, name: string, program: Program, how: 'now' | 'task' | 'daemon'): Pending;
  turn(pe: Pe, color: Color): void;
}

export class Pe {
  readonly mesh: Sram;
  readonly at: Point;
  /** Number among the PEs of a run that have a program; -1 for none. */
  ce = -1;
  readonly buffers: Buffer[] = [];
  private dataBytes = 0;
  /** What runs from cycle 0. */
  main: Program | null = null;
  private executor: Executor | null = null;

  constructor(mesh: Sram, at: Point) {
    this.mesh = mesh;
    this.at = at;
  }

  /** Room in SRAM for `length` elements. */
  buffer(name: string, type: ElementType, length: number): Buffer {
    if (!Number.isInteger(length) || length < 0 || length > 2 ** 30) {
      throw new MachineError({
        what: `buffer "${name}" of PE ${formatPoint(this.at)}`,
        given: `${length} elements`,
        expected: 'a whole number of elements',
        todo: 'Correct the sizes of the mesh program.',
      });
    }
    if (!Object.hasOwn(ELEMENTS_PER_WORD, type)) {
      throw new MachineError({
        what: `type of buffer "${name}" of PE ${formatPoint(this.at)}`,
        given: JSON.stringify(type),
        expected: `one of ${Object.keys(ELEMENTS_PER_WORD).join(', ')}`,
        todo: 'Choose one of them.',
      });
    }
    const buffer = new Buffer(this.mesh, this.at, name, type, length);
    this.buffers.push(buffer);
    this.dataBytes += buffer.bytes;
    return buffer;
  }

  /** Data and code, in bytes. */
  get sramBytes(): number {
    return this.dataBytes + this.mesh.numbers.reservedBytesPerPe;
  }

  attach(executor: Executor | null): void {
    this.executor = executor;
  }

  /** Sends a view onto a color, one word per cycle; `lastMark` lets the last wavelet advance switches. */
  send(output: Color, view: View, lastMark: Mark = MARK.none): Pending {
    return this.issue({ input: null, output, view, fold: FOLD.copy, store: false, lastMark });
  }

  /** Fills a view from a color. */
  receive(input: Color, view: View): Pending {
    return this.issue({ input, output: null, view, fold: FOLD.copy, store: true, lastMark: MARK.none });
  }

  /** `view = view (fold) wavelets`, element by element. */
  receiveFold(input: Color, view: View, fold: FoldName): Pending {
    return this.issue({
      input,
      output: null,
      view,
      fold: foldCode(view, fold),
      store: true,
      lastMark: MARK.none,
    });
  }

  /** Sends `view (fold) wavelets` on while they arrive: one link of a chain. Memory stays as it is. */
  relayFold(input: Color, view: View, output: Color, fold: FoldName, lastMark: Mark = MARK.none): Pending {
    return this.issue({ input, output, view, fold: foldCode(view, fold), store: false, lastMark });
  }

  /** Keeps what arrives and passes it on. */
  relay(input: Color, view: View, output: Color): Pending {
    return this.issue({ input, output, view, fold: FOLD.copy, store: true, lastMark: MARK.none });
  }

  /** Local work on memory; `action` computes the real numbers. */
  compute(work: Work, action?: () => void, name = 'compute'): Pending {
    return this.running().compute(this, work, action, name);
  }

  /** Starts another task of this CE, which takes the machine's task start to begin. */
  activate(name: string, program: Program): void {
    this.running().spawn(this, name, program, 'task');
  }

  /** Lets `program` run beside what follows; waiting for the answer waits for its end. */
  fork(name: string, program: Program): Pending {
    return this.running().spawn(this, name, program, 'now');
  }

  /** Turns this router's switch for a color; nothing may be on its way through it. */
  turn(color: Color): void {
    this.running().turn(this, color);
  }

  /** Runs `program` for every wavelet of a color, the wavelet's word in `cell`. */
  onWavelet(input: Color, cell: Buffer, program: Program): void {
    const { mesh } = this;
    const serve = function* (this: Pe): Generator<Pending, void, void> {
      for (;;) {
        yield this.receive(input, cell.view(0, elementsPerWord(cell.type)));
        yield this.compute({ cycles: mesh.numbers.taskStartCycles });
        yield* program();
      }
    };
    this.running().spawn(this, `on ${input.name}`, serve.bind(this), 'daemon');
  }

  private issue(operation: Operation): Pending {
    return this.running().issue(this, operation);
  }

  private running(): Executor {
    if (this.executor === null) throw new RangeError('a PE works only while its mesh program runs');
    return this.executor;
  }
}

const FOLDS: Readonly<Record<FoldName, { readonly f32: FoldCode; readonly f16: FoldCode }>> = {
  add: { f32: FOLD.addF32, f16: FOLD.addF16 },
  max: { f32: FOLD.maxF32, f16: FOLD.maxF16 },
  or: { f32: FOLD.or, f16: FOLD.or },
};

function foldCode({ buffer }: View, fold: FoldName): FoldCode {
  if (!Object.hasOwn(FOLDS, fold)) {
    throw new MachineError({
      what: `fold into buffer "${buffer.name}"`,
      given: JSON.stringify(fold),
      expected: `one of ${Object.keys(FOLDS).join(', ')}`,
      todo: 'Choose one of them, or receive into a buffer of its own and compute.',
    });
  }
  return FOLDS[fold][buffer.type === 'f16' ? 'f16' : 'f32'];
}
