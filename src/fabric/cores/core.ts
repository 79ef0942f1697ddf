/**
 * What every fabric core offers, whichever way it keeps its state. The plain core reads like the block diagram,
 * the fast one keeps everything in typed arrays; a test holds them equal, wavelet by wavelet.
 */

/** How an arriving word meets the one in memory; 16-bit types go in pairs. */
export const FOLD = {
  copy: 0,
  addF32: 1,
  maxF32: 2,
  addF16: 3,
  maxF16: 4,
  or: 5,
  and: 6,
  xor: 7,
  subF32: 8,
  mulF32: 9,
  minF32: 10,
  subF16: 11,
  mulF16: 12,
  minF16: 13,
  add32: 14,
  sub32: 15,
  mul32: 16,
  maxI32: 17,
  minI32: 18,
  maxU32: 19,
  minU32: 20,
  add16: 21,
  sub16: 22,
  mul16: 23,
  maxI16: 24,
  minI16: 25,
  maxU16: 26,
  minU16: 27,
} as const;

export type FoldCode = (typeof FOLD)[keyof typeof FOLD];

/** Marks on a wavelet: `control` advances the switch of every router it passes, `depart` only the first. */
export const MARK = { none: 0, control: 1, depart: 2 } as const;

export type Mark = (typeof MARK)[keyof typeof MARK];

/**
 * One vector operation of a CE, one word per cycle: take a word from the fabric (if `input`), fold it with the
 * word in memory, keep the result (if `store`) and pass it on (if `output`). Without input, words are sent.
 */
export interface VectorOp {
  /** Node (router and color) whose ramp feeds the operation, or -1. */
  readonly input: number;
  /** Node onto which results go, or -1. */
  readonly output: number;
  /** First word in memory, and how many. */
  readonly offset: number;
  readonly count: number;
  readonly fold: FoldCode;
  readonly store: boolean;
  /** Mark on the last wavelet sent. */
  readonly lastMark: Mark;
}

/** Totals since the start, in wavelets. */
export interface Counters {
  /** Pushed by CEs onto the fabric. */
  readonly injected: number;
  /** Copies made by multicast, beyond the first. */
  readonly copied: number;
  /** Taken from the fabric by CEs. */
  readonly delivered: number;
  /** Over links between PEs. */
  readonly hops: number;
}

/** A wavelet that waits, for messages and tests. */
export interface QueueContent {
  readonly node: number;
  /** Router input port, or `CE` for the queue between ramp and compute element. */
  readonly where: number | 'CE';
  readonly words: readonly number[];
}

/**
 * Sees every wavelet leave a router through `link`, which is `router * 5 + port`; `id` is `number of
 * the wavelet on its CE * CEs + CE`, and copies made by multicast keep it.
 */
export interface HopObserver {
  hop(cycle: number, link: number, color: number, word: number, id: number): void;
  /** A CE puts a wavelet onto its ramp. */
  put?(cycle: number, ce: number, color: number, word: number, id: number): void;
  /** A CE takes a wavelet out of the queue behind its ramp. */
  take?(cycle: number, ce: number, color: number, word: number, id: number): void;
}

export interface CoreOptions {
  /**
   * Called when the fast core lets a word wait because another had its link, ramp or arithmetic in that cycle. Only then
   * does it matter in which order colors and threads have their turns, and so at which cycle a run begins.
   */
  readonly contended?: (() => void) | undefined;
  readonly observer?: HopObserver | undefined;
  /** Changes the order in which routers and CEs are visited in place, to show that it does not matter. */
  readonly reorder?: ((visits: Int32Array) => void) | undefined;
}

export interface FabricCore {
  /** The cycle that the next `step` computes. */
  now: number;
  /** Nothing can become ready after this cycle unless something moves. */
  readonly lastReady: number;
  /** Slots whose operation ended in the last step. */
  readonly ended: readonly number[];
  /** Puts an operation on a microthread: `slot` is `ce * 8 + thread`. */
  start(slot: number, op: VectorOp): void;
  /** Turns a node's switch to its next position: the CE writes its router's configuration. */
  turn(node: number): void;
  /** One cycle of every router and CE with work; the number of wavelets and words that moved. */
  step(): number;
  /** Steps over up to `most` cycles at once if they repeat the last one; how many, 0 for none. */
  leap(most: number): number;
  /** Cycles in which a CE's arithmetic was used by vector operations, so far. */
  aluCycles(ce: number): number;
  counters(): Counters;
  /** Wavelets on the fabric now, counted queue by queue. */
  inFlight(): number;
  contents(): QueueContent[];
  /** Words still to move in the slot's operation; 0 for none. */
  remaining(slot: number): number;
  /** Wavelets that crossed each link so far, by `router * 5 + port`. */
  linkLoads(): Float64Array;
}

export const THREADS = 8;
