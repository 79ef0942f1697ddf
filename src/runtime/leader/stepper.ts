/** Worker 0's hand on the kernels: a batch of rows in, logits out. */
import {
  CTL_ADAPTERS,
  CTL_ARGMAX,
  CTL_IMAGE,
  CTL_LOGIT_INDEX,
  CTL_LOGIT_ROWS,
  CTL_LONG_WAITS_US,
  CTL_PAGES,
  CTL_POSITIONS,
  CTL_ROWS,
  CTL_STATES,
  CTL_TOKENS,
} from '../../../kernels/program/instructions.js';
import { EngineError } from '../../core/errors.js';
import type { EmbeddingProgram, Images, PlacedRows } from '../program/images.js';
import { instantiateShards, type Shared } from '../program/instances.js';
import type { KernelExports } from '../program/kernels.js';
import { CrewSize } from './crew-size.js';
import { Profiler } from './profiler.js';

/** Where the leader finds what it needs in the engine's memories; addresses are the same in all but for states. */
export interface StepperInit extends Shared {
  readonly workers: number;
  /** Rows of one step. */
  readonly maxRows: number;
  readonly images: Images;
  readonly vocabSize: number;
  /** Page tables of the slots of running sequences, one behind the other. */
  readonly pageTable: number;
  readonly pagesPerSequence: number;
  /** Of each shard: records of recurrent states, one for each slot, then copies. A stride of 0: it has none. */
  readonly states: readonly { readonly address: number; readonly stride: number }[];
  readonly isProfiled: boolean;
}

/** Rows (tokens of sequences) are collected with `add`, computed with `run`, and their logits read by row. */
export class Stepper {
  readonly maxRows: number;
  readonly profiler: Profiler | null;
  private readonly init: StepperInit;
  /** By shard, as the next. */
  private readonly kernels: readonly KernelExports[];
  private readonly words: readonly Int32Array[];
  private readonly logits: PlacedRows;
  private readonly tokens: number;
  private readonly positions: number;
  private readonly adapters: number;
  private readonly pages: number;
  private readonly states: number;
  private readonly logitIndex: number;
  private readonly argmax: number;
  private rows = 0;
  private logitRows = 0;
  private readonly crew: CrewSize;
  /** Workers that took part in the last step. */
  private workers = 0;

  constructor(init: StepperInit) {
    this.init = init;
    this.maxRows = init.maxRows;
    this.crew = new CrewSize(init.workers);
    this.profiler = init.isProfiled ? new Profiler(init.memories, init.control) : null;
    this.kernels = instantiateShards(init, 0);
    this.words = init.memories.map(({ buffer }) => new Int32Array(buffer));
    this.logits = init.images.answers?.logits ?? { shard: 0, address: 0, stride: 0, features: 0 };
    const at = (name: number): number => this.words[0]![init.control / 4 + name]! >>> 2;
    this.tokens = at(CTL_TOKENS);
    this.positions = at(CTL_POSITIONS);
    this.adapters = at(CTL_ADAPTERS);
    this.pages = at(CTL_PAGES);
    this.states = at(CTL_STATES);
    this.logitIndex = at(CTL_LOGIT_INDEX);
    this.argmax = at(CTL_ARGMAX);
  }

  /** Rows that still fit into the step. */
  get room(): number {
    return this.maxRows - this.rows;
  }

  get count(): number {
    return this.rows;
  }

  /** Copies all states of one record to another. */
  copyStates(from: number, to: number): void {
    for (const [shard, { address, stride }] of this.init.states.entries()) {
      const start = address + from * stride;
      const bytes = new Uint8Array(this.init.memories[shard]!.buffer);
      bytes.copyWithin(address + to * stride, start, start + stride);
    }
  }

  /** Page `index` of the sequence in `slot` is `page`. */
  setPage(slot: number, index: number, page: number): void {
    const at = this.init.pageTable / 4 + slot * this.init.pagesPerSequence + index;
    for (const words of this.words) words[at] = page;
  }

  /** Adds a row; returns its logits row if its logits are wanted, else -1. */
  add(slot: number, id: number, position: number, wantsLogits: boolean, adapter = 0): number {
    const { rows, init } = this;
    for (const [shard, words] of this.words.entries()) {
      const { address, stride } = init.states[shard]!;
      words[this.tokens + rows] = id;
      words[this.adapters + rows] = adapter;
      words[this.positions + rows] = position;
      words[this.pages + rows] = init.pageTable + 4 * slot * init.pagesPerSequence;
      words[this.states + rows] = address + slot * stride;
      if (wantsLogits) words[this.logitIndex + this.logitRows] = rows;
    }
    this.rows = rows + 1;
    return wantsLogits ? this.logitRows++ : -1;
  }

  /** Computes the rows that were added by `image`; afterwards there are none. @throws EngineError if a worker has ended */
  run(image: number): void {
    const { rows, init } = this;
    const control = init.control / 4;
    const [main] = this.words;
    main![control + CTL_IMAGE] = image;
    for (const words of this.words) {
      words[control + CTL_ROWS] = rows;
      words[control + CTL_LOGIT_ROWS] = this.logitRows;
    }
    this.rows = 0;
    this.logitRows = 0;
    this.workers = this.crew.size;
    this.profiler?.begin();
    const startMs = performance.now();
    const isDone = this.kernels[0]!.step(this.workers) === 0;
    const longWaitsUs = this.words.reduce((sum, words) => (sum + words[control + CTL_LONG_WAITS_US]!) | 0, 0);
    this.crew.note(rows, performance.now() - startMs, longWaitsUs);
    this.profiler?.end(rows);
    if (isDone) return;
    throw new EngineError({
      what: 'step',
      given: 'a worker that ended',
      expected: `${init.workers} workers`,
      todo: 'Load the model again; if it happens again, please report it.',
    });
  }

  /** The most likely token of a logits row: the best of the workers' bests, the lowest id among equals. */
  best(row: number): number {
    const { workers } = this;
    const words = this.words[this.logits.shard]!;
    const logits = this.logitsRow(row);
    let best = -1;
    for (let worker = 0; worker < workers; worker++) {
      const id = words[this.argmax + row * workers + worker]!;
      if (id >= 0 && (best < 0 || logits[id]! > logits[best]!)) best = id;
    }
    return best;
  }

  /** The logits [vocabSize] of a row; good until the next step. */
  logitsRow(row: number): Float32Array {
    return this.floats(this.logits, row);
  }

  /** Row `row` of those that the program of embeddings left; good until the next step. */
  embeddingRow(row: number): Float32Array {
    return this.floats(this.init.images.embeddings.rows, row);
  }

  /** What the model makes of a pooled vector. */
  finish(vector: Float32Array): Float32Array {
    const { tail }: EmbeddingProgram = this.init.images.embeddings;
    if (tail === null) return vector;
    this.floats(tail.in, 0).set(vector);
    this.add(0, 0, 0, true);
    this.run(tail.image);
    return this.floats(tail.out, 0).slice();
  }

  private floats({ shard, address, stride, features }: PlacedRows, row: number): Float32Array {
    return new Float32Array(this.init.memories[shard]!.buffer, address + row * stride, features);
  }

  /** ln of the sum of e^logit of a row. */
  logSumExp(row: number): number {
    const { shard, address, stride, features } = this.logits;
    return this.kernels[shard]!.logSumExp(address + row * stride, features);
  }
}
