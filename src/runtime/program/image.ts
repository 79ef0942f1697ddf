/**
 * A program image (kernels/program/instructions.ts) being written: a flat list of instructions. Barriers follow from who
 * reads and writes what: an op says which share of a value a worker touches.
 */
import {
  OP_BARRIER,
  OP_END,
  OP_QUANTIZE,
  OP_VISIT,
  ROWS_ALL,
  ROWS_LOGITS,
  ROWS_PICKED,
  WORDS,
} from '../../../kernels/program/instructions.js';
import type { Value, WeightRef } from '../../../models/op.js';
import { refKey } from '../../../models/weights.js';
import { tensorType } from '../../formats/tensor-types.js';
import { type Plan, type Reduce, type Split, tileStart } from '../../placement/plan.js';
import { foldPairs, foldRoot } from '../../placement/reduce.js';
import type { Layout, PackedWeight } from './shard.js';

/** Makes the address of a table of i32 words in the engine's memory. */
export type PutWords = (words: readonly number[]) => number;

/** f32 bits as an i32 operand. */
export function floatBits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0]!;
}

/**
 * Which part of a value a worker touches. Two ops whose shares are equal need no barrier between them: what a worker reads
 * it has written itself. `all`: any part, so that it waits for whoever wrote.
 */
export type Share = 'all' | 'tokens' | 'runs' | `features ${number}` | `heads ${number}`;

/** What happened to one place in memory since all workers last met. */
interface Touched {
  readonly reads: Set<Share>;
  readonly writes: Set<Share>;
}

export class Image {
  readonly plan: Plan;
  readonly layout: Layout;
  private readonly put: PutWords;
  private readonly words: number[] = [];
  private readonly tables = new Map<string, number>();
  private readonly touched = new Map<string, Touched>();
  /** The value whose quantised form lies in the activation, and in how many runs. */
  private quantised: string | null = null;

  constructor(plan: Plan, layout: Layout, put: PutWords) {
    this.plan = plan;
    this.layout = layout;
    this.put = put;
  }

  end(): number[] {
    this.emit(OP_END);
    return this.words;
  }

  emit(...instruction: number[]): void {
    if (instruction.length > WORDS) throw new Error(`an instruction of ${instruction.length} words`);
    for (let i = 0; i < WORDS; i++) this.words.push(instruction[i] ?? 0);
  }

  /** The address of a table, the same for equal ones. */
  table(words: readonly number[]): number {
    const key = words.join();
    const address = this.tables.get(key) ?? this.put(words);
    this.tables.set(key, address);
    return address;
  }

  isDirect({ id }: Value): boolean {
    return this.layout.direct.has(id);
  }

  /** Address and stride of a value's buffer. */
  buffer({ id }: Value): [number, number] {
    const { address, stride } = this.layout.buffers[this.layout.bufferOf[id]!]!;
    return [address, stride];
  }

  private place(value: Value): string {
    return `buffer ${this.layout.bufferOf[value.id]}`;
  }

  /** All workers are done with what is above. */
  meet(): void {
    this.emit(OP_BARRIER);
    this.touched.clear();
  }

  /** Copies into another shard, and the image there, if any, which ends with a meeting. */
  visit(shard: number, image: number, copies: readonly number[]): void {
    if (this.touched.size > 0) this.meet();
    this.emit(OP_VISIT, shard, image, this.table(copies));
  }

  private at(place: string): Touched {
    let touched = this.touched.get(place);
    if (touched === undefined) {
      touched = { reads: new Set(), writes: new Set() };
      this.touched.set(place, touched);
    }
    return touched;
  }

  /**
   * The next instruction reads `reads` and writes `writes`, each with the share of it that one worker touches: all meet
   * first where another worker may not be done with one of them.
   */
  touch(
    reads: readonly (readonly [Value | string, Share])[],
    writes: readonly (readonly [Value | string, Share])[],
  ): void {
    const place = (of: Value | string): string => (typeof of === 'string' ? of : this.place(of));
    const others = (shares: ReadonlySet<Share>, own: Share): boolean =>
      [...shares].some((share) => share !== own || share === 'all');
    const waits = [
      ...reads.map(([of, share]) => others(this.at(place(of)).writes, share)),
      ...writes.map(([of, share]) => {
        const { reads: read, writes: written } = this.at(place(of));
        return others(read, share) || others(written, share);
      }),
    ];
    if (waits.some(Boolean)) this.meet();
    for (const [of, share] of reads) this.at(place(of)).reads.add(share);
    for (const [of, share] of writes) this.at(place(of)).writes.add(share);
  }

  /**
   * The next instruction puts a value into the activation, of which a worker that is alone with a row has its own copy and
   * which all others share: it ends with a meeting of its own, so that who reads it need not wait.
   */
  fillActivation(value: Value, isQuantised: boolean, runs = 1): void {
    this.touch([], [['activation', 'tokens']]);
    this.at('activation').writes.clear();
    this.quantised = isQuantised ? `${value.id}/${runs}` : null;
  }

  /**
   * Makes sure that the products of `weights` find their input, `runs` vectors side by side; where from they read it, if it
   * is not the activation.
   */
  input(value: Value, weights: readonly WeightRef[], runs = 1): [number, number] {
    const needsQuantised = weights.some((weight) => this.isQuantised(weight));
    if (this.isDirect(value)) {
      this.touch([['activation', 'all']], []);
      return [0, 0];
    }
    if (needsQuantised && this.quantised !== `${value.id}/${runs}`) {
      this.touch([[value, 'all']], []);
      this.fillActivation(value, true, runs);
      this.emit(OP_QUANTIZE, ...this.buffer(value), value.features / runs, this.rows(value), runs);
    }
    if (needsQuantised) this.touch([['activation', 'all']], []);
    if (weights.some((weight) => !this.isQuantised(weight))) this.touch([[value, 'all']], []);
    return this.buffer(value);
  }

  weight(ref: WeightRef): PackedWeight {
    return this.layout.weights.get(refKey(ref))!;
  }

  /** The address of a small weight; 0 for none. */
  vector(ref: WeightRef | null): number {
    return ref === null ? 0 : this.layout.vectors.get(refKey(ref))!.address;
  }

  /** The place of a state among those of its sequence. */
  state(number: number): number {
    return this.layout.states.offsets[number]!;
  }

  /** Whether a product with it takes quantised activations. */
  isQuantised(ref: WeightRef): boolean {
    return tensorType(this.weight(ref).info.type).blockElements > 1;
  }

  /** Which rows an op writes. */
  rows(out: Value, from: Value = out): number {
    if (out.rows === 'all') return ROWS_ALL;
    return from.rows === 'all' ? ROWS_PICKED : ROWS_LOGITS;
  }

  /** The address of the fold table of sums cut by `columns`, with tile ends in `unit` elements; 0 for one tile. */
  folds(reduce: Reduce, columns: Split | null, unit: number): number {
    if (reduce.parts === 1) return 0;
    const ends = Array.from({ length: reduce.parts }, (_, tile) =>
      columns === null ? 0 : tileStart(columns, tile + 1) / unit,
    );
    const pairs = foldPairs(reduce);
    const steps = pairs.flatMap(({ into, from }) => [into, from]);
    return this.table([reduce.parts, ...ends, pairs.length, ...steps, foldRoot(reduce)]);
  }
}
