/** What the tour of one token may ask of its worker, and the facts that it answers with: all of them read from the simulated PEs. */
import type { Point } from '../../../fabric/geometry.js';
import type { Fold } from '../../../placement/reduce.js';
import type { Answered } from '../record/api.js';
import type { RecordedRun } from '../record/run.js';

export interface TourToken {
  readonly id: number;
  readonly text: string;
}

export interface TourModel {
  readonly name: string;
  readonly parameters: number;
  /** Of all its weights, as they are stored. */
  readonly bytes: number;
  readonly layers: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly width: number;
  readonly height: number;
  /** Tokens that the KV cache of this layout holds. */
  readonly context: number;
  /** What the fullest PE holds. */
  readonly sramBytes: number;
}

/** When the steps of the first product end, in cycles: a picture may go from one to the next. */
export interface TourMoments {
  readonly embedded: number;
  readonly spread: number;
  readonly normed: number;
  readonly multiplies: number;
  readonly multiplied: number;
  readonly summed: number;
}

/** One row of one tile against its part of the activation. */
export interface TourRow {
  /** The weights and the activation as they are multiplied: integers, or floats where the file has those. */
  readonly weights: readonly number[];
  readonly x: readonly number[];
  /** A factor per block of columns, of the weights and of the activation; empty for floats. */
  readonly weightScales: readonly number[];
  readonly xScales: readonly number[];
  /** Columns under one factor. */
  readonly block: number;
}

/** The PE whose multiply-add is shown, and the column of PEs in which its sum is made. */
export interface TourFocus {
  readonly at: Point;
  /** The tensor, and which of its rows and columns lie in the PE's tile. */
  readonly tensor: string;
  readonly rows: readonly [first: number, end: number];
  readonly columns: readonly [first: number, end: number];
  /** The tile, row by row, as integers or floats. */
  readonly tile: readonly (readonly number[])[];
  readonly row: TourRow;
  /** What the PE read before the norm, and after it. */
  readonly embedding: readonly number[];
  readonly normed: readonly number[];
  /** The accumulators of the tile's first tensor when the PE has multiplied, row by row. */
  readonly accumulators: readonly number[];
  /** The same row's accumulator in every PE of the column, north first. */
  readonly partials: readonly number[];
  /** The order in which they meet, and what comes out. */
  readonly folds: readonly Fold[];
  readonly sum: number;
}

/** The last token of a prompt up to its first sum. */
export interface TourLook {
  readonly tokens: readonly TourToken[];
  readonly model: TourModel;
  readonly run: RecordedRun;
  readonly moments: TourMoments;
  /** The column of PEs that holds the token's row of the table. */
  readonly tableColumn: number;
  readonly focus: TourFocus;
  /** Weights of the PEs as brightness, `texels.width * width` by `texels.height * height`. */
  readonly texture: { readonly width: number; readonly height: number; readonly values: Uint8Array };
}

/** Local work of one PE: a step of the plan. */
export interface TourPhase {
  readonly name: string;
  readonly layer: number | null;
  readonly startCycle: number;
}

export interface TourCandidate extends TourToken {
  readonly logit: number;
  readonly probability: number;
}

/** The whole step: what comes next, and what it took. */
export interface TourEnd {
  /** Most likely first. */
  readonly candidates: readonly TourCandidate[];
  readonly logits: Float32Array;
  readonly phases: readonly TourPhase[];
  readonly cycles: number;
  readonly hops: number;
  readonly clockHz: number;
}

export interface TourApi {
  /** Lays out the model of a GGUF file, or of one at an address, in place of the last one. */
  load(model: string | Blob): Promise<Answered<TourModel>>;
  /** The last token of a prompt, up to its first sum. */
  look(prompt: string): Promise<Answered<TourLook>>;
  /** All of the prompt through all layers; `onToken` counts the tokens that are done. Null: another look came in between. */
  finish(onToken: (done: number, of: number) => void): Promise<Answered<TourEnd | null>>;
}
