/** One memory of an engine while layers are put into it. */
import { pageBytes } from '../../../kernels/attention/spec.js';
import { packedBytes } from '../../../kernels/pack/spec.js';
import { expertRowsOf, rowsOf } from '../../../models/graph.js';
import type { OpOf, RopeTable, WeightRef } from '../../../models/op.js';
import { weightParts } from '../../../models/weights.js';
import type { WeightInfo } from '../../formats/gguf.js';
import type { PlacedOp } from '../../placement/plan.js';
import { type Arena, aligned } from './arena.js';
import type { Frame } from './frame.js';

/** One matrix, or several of one shape behind each other: experts, heads. */
export interface PackedWeight {
  readonly ref: WeightRef;
  readonly info: WeightInfo;
  readonly address: number;
  readonly matrices: number;
  /** Of one matrix. */
  readonly rows: number;
  readonly columns: number;
  /** From one matrix to the next. */
  readonly stride: number;
}

export interface VectorWeight {
  readonly ref: WeightRef;
  readonly info: WeightInfo;
  readonly address: number;
}

/** One rotation's angles for all positions. */
export interface PlacedRope {
  readonly table: RopeTable;
  readonly address: number;
}

/** Records of `stride` bytes, one for each running sequence, then copies; a state lies at its offset in each of them. */
export interface States {
  readonly address: number;
  readonly stride: number;
  /** By the number of a state. */
  readonly offsets: readonly number[];
}

/** One memory. */
export interface Layout extends Frame {
  /** By {@link refKey}. */
  readonly weights: ReadonlyMap<string, PackedWeight>;
  readonly vectors: ReadonlyMap<string, VectorWeight>;
  readonly ropes: ReadonlyMap<string, PlacedRope>;
  /** Base of each cache's pages, of those that lie here. */
  readonly caches: readonly number[];
  /** Recurrent states: a record of those here for each running sequence. */
  readonly states: States;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly arena: Arena;
}

/** The name of a rotation: equal tables are one. */
export function ropeKey(table: RopeTable): string {
  return JSON.stringify(table);
}

/** Bytes of one page of an attention op's cache. */
export function pageBytesOf(
  { kvHeads, headDim, valueDim, v }: Pick<OpOf<'attention'>, 'kvHeads' | 'headDim' | 'valueDim' | 'v'>,
  valueBytes: number,
): number {
  return pageBytes(kvHeads, headDim, v === null ? 0 : valueDim, valueBytes);
}

/** Something that an op needs in its memory, with its bytes and what becomes of its address. */
interface Need {
  readonly purpose: 'weights' | 'activations' | 'KV cache';
  readonly bytes: number;
  place(address: number): void;
}

export class Shard {
  private readonly frame: Frame;
  private readonly tensors: ReadonlyMap<string, WeightInfo>;
  private readonly stateWords: readonly number[];
  private readonly arena: Arena;
  private readonly weights = new Map<string, PackedWeight>();
  private readonly vectors = new Map<string, VectorWeight>();
  private readonly ropes = new Map<string, PlacedRope>();
  private readonly caches: number[] = [];
  /** Of the states that lie here. */
  private readonly offsets: number[] = [];
  private stride = 0;

  /** `arena`: what the frame has left of the memory. */
  constructor(
    frame: Frame,
    tensors: ReadonlyMap<string, WeightInfo>,
    stateWords: readonly number[],
    arena: Arena,
  ) {
    this.frame = frame;
    this.tensors = tensors;
    this.stateWords = stateWords;
    this.arena = arena;
  }

  /** Whether all matrices of `ops`, of which there are some, lie here. */
  holdsMatricesOf(ops: readonly PlacedOp[]): boolean {
    const { matrices } = weightParts(ops);
    return matrices.size > 0 && [...matrices.keys()].every((key) => this.weights.has(key));
  }

  holdsCache(cache: number): boolean {
    return this.caches[cache] !== undefined;
  }

  /** Whether `ops` fit with what is here, and `spare` bytes. */
  hasRoomFor(ops: readonly PlacedOp[], spare: number): boolean {
    const bytes = this.needsOf(ops).reduce((sum, need) => sum + aligned(need.bytes), 0);
    const stride = this.statesOf(ops).reduce((sum, state) => sum + this.stateBytes(state), this.stride);
    return bytes + stride * this.records + spare <= this.arena.room;
  }

  /** What `ops` need lies here, too. */
  take(ops: readonly PlacedOp[]): void {
    for (const { bytes, purpose, place } of this.needsOf(ops)) place(this.arena.take(bytes, purpose));
    for (const state of this.statesOf(ops)) {
      this.offsets[state] = this.stride;
      this.stride += this.stateBytes(state);
    }
  }

  /** Nothing can be taken afterwards. */
  layout(): Layout {
    const { frame, arena, weights, vectors, ropes, caches, offsets, stride } = this;
    const address = arena.take(this.records * stride, 'states');
    return {
      ...frame,
      weights,
      vectors,
      ropes,
      caches,
      states: { address, stride, offsets },
      weightBytes: arena.bytesFor('weights'),
      kvBytes: arena.bytesFor('KV cache'),
      arena,
    };
  }

  private get records(): number {
    return this.frame.maxRunning + this.frame.stateCopies;
  }

  private stateBytes(state: number): number {
    return aligned(this.stateWords[state]! * 4);
  }

  private statesOf(ops: readonly PlacedOp[]): number[] {
    return ops.flatMap((op) => ('state' in op ? [op.state] : []));
  }

  /** What is not here yet. */
  private needsOf(ops: readonly PlacedOp[]): Need[] {
    const { frame, tensors, weights, vectors, ropes, caches } = this;
    const needs: Need[] = [];
    const need = (purpose: Need['purpose'], bytes: number, place: Need['place']): void => {
      needs.push({ purpose, bytes, place });
    };
    const parts = weightParts(ops);
    for (const [key, ref] of parts.vectors) {
      if (vectors.has(key)) continue;
      const bytes = 4 * (ref.rows ? rowsOf(ref) : ref.shape.reduce((a, b) => a * b, 1));
      need('weights', bytes, (address) => vectors.set(key, { ref, info: tensors.get(ref.name)!, address }));
    }
    for (const [key, ref] of parts.matrices) {
      if (weights.has(key)) continue;
      const info = tensors.get(ref.name)!;
      const isStack = ref.shape.length === 3;
      const matrices = isStack ? ref.shape[0]! : 1;
      const rows = isStack ? expertRowsOf(ref) : rowsOf(ref);
      const columns = ref.shape.at(-1)!;
      const stride = packedBytes({ type: info.type, rows, columns });
      need('weights', stride * matrices, (address) =>
        weights.set(key, { ref, info, address, matrices, rows, columns, stride }),
      );
    }
    const tables = ops.flatMap((op) => (op.kind === 'rope' ? [op.table] : []));
    for (const [key, table] of new Map(tables.map((table) => [ropeKey(table), table]))) {
      if (ropes.has(key)) continue;
      need('activations', frame.context * table.dims * 4, (address) => ropes.set(key, { table, address }));
    }
    for (const op of ops) {
      if (op.kind !== 'attention' || op.k === null) continue;
      need('KV cache', frame.pages * pageBytesOf(op, frame.kvValueBytes), (address) => {
        caches[op.cache] = address;
      });
    }
    return needs;
  }
}
