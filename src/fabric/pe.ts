/**
 * A processing element as a mesh program sees it: buffers in its SRAM, and a program that issues vector
 * operations over memory and fabric. The program is a generator: `yield` waits for what was issued, an operation
 * that is not waited for runs on a microthread beside it.
 */
import { MachineError } from '../core/errors.js';
import type { WaferNumbers } from '../machine/wafers.js';
import type { FoldCode, Mark } from './cores/core.js';
import { FOLD, MARK } from './cores/core.js';
import { ELEMENTS_PER_WORD, type ElementType, elementsPerWord, INTEGERS } from './element.js';
import type { Point } from './geometry.js';
import { formatPoint } from './geometry.js';
import { floatToHalf, halfToFloat } from './local/f16.js';
import { type FoldName, foldOf } from './local/folds.js';

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
  /** All of the memory, as words and as halves of words. */
  readonly words: MemoryViews;
  /** Room for `words` words; their first. */
  reserve(words: number): number;
}

/** One memory, read as each type. */
export interface MemoryViews {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
}

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

export { type ElementType, elementsPerWord } from './element.js';
export type { FoldName } from './local/folds.js';

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

  /** The buffer itself as floats; `MachineError` for another type than `f32`. */
  get f32(): Float32Array {
    this.assertType('f32');
    return new Float32Array(this.mesh.memory, this.offset * 4, this.length);
  }

  /** The buffer itself as integers; `MachineError` for another type than `i32`. */
  get i32(): Int32Array {
    this.assertType('i32');
    return new Int32Array(this.mesh.memory, this.offset * 4, this.length);
  }

  /** The buffer itself as integers; `MachineError` for another type than `u32`. */
  get u32(): Uint32Array {
    this.assertType('u32');
    return new Uint32Array(this.mesh.memory, this.offset * 4, this.length);
  }

  /** All bytes of the buffer, whatever its type. */
  get u8(): Uint8Array {
    return new Uint8Array(this.mesh.memory, this.offset * 4, this.bytes);
  }

  /** A copy of the elements as f32; `MachineError` for types that f32 does not hold exactly. */
  read(): Float32Array {
    const { offset, length } = this;
    const into = new Float32Array(length);
    const { f32, u16, i16 } = this.mesh.words;
    switch (this.type) {
      case 'f32':
        for (let i = 0; i < length; i++) into[i] = f32[offset + i]!;
        return into;
      case 'f16':
        for (let i = 0; i < length; i++) into[i] = halfToFloat(u16[offset * 2 + i]!);
        return into;
      case 'i16':
        for (let i = 0; i < length; i++) into[i] = i16[offset * 2 + i]!;
        return into;
      case 'u16':
        for (let i = 0; i < length; i++) into[i] = u16[offset * 2 + i]!;
        return into;
      default:
        throw this.wrongPart(
          `a copy in f32 of its ${this.type}`,
          'f32, f16, i16 or u16: take `.i32`, `.u32` or `.u8`',
        );
    }
  }

  /** Stores elements from `first` on, floats rounded to the type; `MachineError` for what does not fit. */
  write(values: ArrayLike<number>, first = 0): void {
    this.assertWithin('a write of', first, values.length);
    this.store(values, 0, values.length, first);
  }

  /** Stores `values[from, end)` from `first` on, as `write` does. */
  writePart(values: ArrayLike<number>, from: number, end: number, first: number): void {
    this.assertWithin('a write of', first, end - from);
    this.store(values, from, end, first);
  }

  private store(values: ArrayLike<number>, from: number, end: number, first: number): void {
    const range = INTEGERS[this.type];
    if (range !== undefined) this.assertIntegers(values, from, end, range);
    const { f32, i32, u16 } = this.mesh.words;
    switch (this.type) {
      case 'f32': {
        const at = this.offset + first - from;
        for (let i = from; i < end; i++) f32[at + i] = values[i]!;
        return;
      }
      case 'i32':
      case 'u32': {
        const at = this.offset + first - from;
        for (let i = from; i < end; i++) i32[at + i] = values[i]!;
        return;
      }
      case 'bytes':
        throw this.wrongPart('a write of numbers', 'bytes, written through `.u8`');
      default: {
        const at = this.offset * 2 + first - from;
        const half = this.type === 'f16';
        for (let i = from; i < end; i++) u16[at + i] = half ? floatToHalf(values[i]!) : values[i]!;
      }
    }
  }

  private assertIntegers(
    values: ArrayLike<number>,
    from: number,
    end: number,
    [least, greatest]: readonly [number, number],
  ): void {
    for (let i = from; i < end; i++) {
      const value = values[i]!;
      if (Number.isInteger(value) && value >= least && value <= greatest) continue;
      throw this.wrongPart(`a write of ${value}`, `a whole number from ${least} to ${greatest}`);
    }
  }

  private assertType(type: ElementType): void {
    if (this.type === type) return;
    throw this.wrongPart(`a look at it as ${type}`, `its own type, ${this.type}`);
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
  readonly cycle: number;
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
      fold: codeOf(view, fold),
      store: true,
      lastMark: MARK.none,
    });
  }

  /** Sends `view (fold) wavelets` on while they arrive: one link of a chain. Memory stays as it is. */
  relayFold(input: Color, view: View, output: Color, fold: FoldName, lastMark: Mark = MARK.none): Pending {
    return this.issue({ input, output, view, fold: codeOf(view, fold), store: false, lastMark });
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

  /** The cycle counter: how many cycles the run has taken up to now. */
  get cycle(): number {
    return this.running().cycle;
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

/** The code of a fold into a view; `MachineError` for one that the machine or the type does not have. */
function codeOf({ buffer }: View, fold: FoldName): FoldCode {
  const known = foldOf(buffer.type);
  const code = Object.hasOwn(known, fold) ? known[fold] : undefined;
  if (code !== undefined) return code;
  throw new MachineError({
    what: `fold into buffer "${buffer.name}"`,
    given: `${JSON.stringify(fold)} of ${buffer.type}`,
    expected: `one of ${Object.keys(known).join(', ')}`,
    todo: 'Choose one of them, or receive into a buffer of its own and compute.',
  });
}
