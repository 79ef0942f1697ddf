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
import { instantiateKernels, type KernelExports } from '../program/kernels.js';
import { CrewSize } from './crew-size.js';

/** Where the leader finds what it needs in the engine's memory. */
export interface StepperInit {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
  readonly workers: number;
  /** Rows of one step. */
  readonly maxRows: number;
  readonly images: Images;
  readonly vocabSize: number;
  readonly logits: number;
  readonly logitsStride: number;
  /** Page tables of the slots of running sequences, one behind the other. */
  readonly pageTable: number;
  readonly pagesPerSequence: number;
  /** Records of recurrent states: one for each slot, then copies. A stride of 0: the model has none. */
  readonly states: number;
  readonly stateStride: number;
}

/** Rows (tokens of sequences) are collected with `add`, computed with `run`, and their logits read by row. */
export class Stepper {
  readonly maxRows: number;
  private readonly init: StepperInit;
  private readonly kernels: KernelExports;
  private readonly words: Int32Array;
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
    this.kernels = instantiateKernels(init.module, init.memory);
    this.kernels.attach(init.control, 0);
    this.words = new Int32Array(init.memory.buffer);
    const at = (name: number): number => this.words[init.control / 4 + name]! >>> 2;
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
    const { memory, states, stateStride } = this.init;
    const start = states + from * stateStride;
    new Uint8Array(memory.buffer).copyWithin(states + to * stateStride, start, start + stateStride);
  }

  /** Page `index` of the sequence in `slot` is `page`. */
  setPage(slot: number, index: number, page: number): void {
    this.words[this.init.pageTable / 4 + slot * this.init.pagesPerSequence + index] = page;
  }

  /** Adds a row; returns its logits row if its logits are wanted, else -1. */
  add(slot: number, id: number, position: number, wantsLogits: boolean, adapter = 0): number {
    const { words, rows } = this;
    words[this.tokens + rows] = id;
    words[this.adapters + rows] = adapter;
    words[this.positions + rows] = position;
    words[this.pages + rows] = this.init.pageTable + 4 * slot * this.init.pagesPerSequence;
    words[this.states + rows] = this.init.states + slot * this.init.stateStride;
    this.rows = rows + 1;
    if (!wantsLogits) return -1;
    words[this.logitIndex + this.logitRows] = rows;
    return this.logitRows++;
  }

  /** Computes the rows that were added by `image`; afterwards there are none. @throws EngineError if a worker has ended */
  run(image: number): void {
    const { words, init } = this;
    const control = init.control / 4;
    words[control + CTL_IMAGE] = image;
    const { rows } = this;
    words[control + CTL_ROWS] = rows;
    words[control + CTL_LOGIT_ROWS] = this.logitRows;
    this.rows = 0;
    this.logitRows = 0;
    this.workers = this.crew.size;
    const startMs = performance.now();
    const isDone = this.kernels.step(this.workers) === 0;
    this.crew.note(rows, performance.now() - startMs, words[control + CTL_LONG_WAITS_US]!);
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
    const logits = this.logitsRow(row);
    let best = -1;
    for (let worker = 0; worker < workers; worker++) {
      const id = this.words[this.argmax + row * workers + worker]!;
      if (id >= 0 && (best < 0 || logits[id]! > logits[best]!)) best = id;
    }
    return best;
  }

  /** The logits [vocabSize] of a row; good until the next step. */
  logitsRow(row: number): Float32Array {
    const { logits, logitsStride, memory, vocabSize } = this.init;
    return new Float32Array(memory.buffer, logits + row * logitsStride, vocabSize);
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

  private floats({ address, stride, features }: PlacedRows, row: number): Float32Array {
    return new Float32Array(this.init.memory.buffer, address + row * stride, features);
  }

  /** ln of the sum of e^logit of a row. */
  logSumExp(row: number): number {
    const { logits, logitsStride, vocabSize } = this.init;
    return this.kernels.logSumExp(logits + row * logitsStride, vocabSize);
  }
}
