/** One PE's share of attention: some KV heads with their query heads, and every n-th position of the KV cache. */
import type { PlacedOf } from '../../placement/plan.js';
import { softmaxWeight } from '../local/arithmetic.js';
import { matvecWork } from '../local/work.js';
import type { Buffer } from '../pe.js';
import { type Cut, cutOf, type StepInput } from './lines.js';
import type { Flow, ModelPe } from './model-pe.js';
import { bufferOf, type Place, partOf } from './slots.js';
import { lengthOf } from './tile.js';

/** Vector operations of the polynomial exp. */
const EXP_PASSES = 10;

export class HeadsPe {
  private readonly own: ModelPe;
  private readonly op: PlacedOf<'attention'>;
  private readonly keys: Buffer;
  private readonly values: Buffer;
  /** q, k and v in the heads' cut: where they lie already, or in buffers of their own. */
  private readonly parts: readonly [q: () => Float32Array, k: () => Float32Array, v: () => Float32Array];
  private readonly fetches: readonly (() => Flow)[];
  private readonly scores: () => Buffer;
  private readonly tops: () => Buffer;
  private readonly sums: () => Buffer;
  private readonly out: Place;
  private readonly kvHeads: number;
  private readonly group: number;

  constructor(own: ModelPe, op: PlacedOf<'attention'>) {
    this.own = own;
    this.op = op;
    const { pe } = own;
    const { headDim } = op;
    this.group = op.heads / op.kvHeads;
    const heads = cutOf(op.kvCut);
    const scaled =
      (by: number): Cut =>
      (i) => ({ first: heads(i).first * by, end: heads(i).end * by });
    const cuts = [scaled(this.group * headDim), scaled(headDim), scaled(headDim)];
    const fetches: (() => Flow)[] = [];
    const parts = [op.q, op.k!, op.v!].map((value, i) => {
      const place = own.slots.place(value);
      const count = lengthOf(cuts[i]!(pe.at.x));
      if (!own.moves(op.kvCut.axis, place.cut, cuts[i]!)) return () => partOf(place);
      const buffer = own.shared(`part ${i} of attention`, count);
      const hand = own.handover(op.kvCut.axis, place.cut, cuts[i]!);
      fetches.push(() => hand(bufferOf(place), place.at, buffer(), 0));
      return () => buffer().f32.subarray(0, count);
    });
    this.parts = [parts[0]!, parts[1]!, parts[2]!];
    this.fetches = fetches;
    this.kvHeads = lengthOf(heads(pe.at.x));
    const rows = Math.ceil(own.context / op.reduce.parts);
    const name = (what: string): string => `cache ${op.cache} ${what}`;
    this.keys = pe.buffer(name('K'), 'f32', rows * this.kvHeads * headDim);
    this.values = pe.buffer(name('V'), 'f32', rows * this.kvHeads * headDim);
    const queries = this.kvHeads * this.group;
    this.scores = own.shared('scores', rows * queries);
    this.tops = own.shared('maxima', queries);
    this.sums = own.shared('sums', queries * (headDim + 1));
    this.out = own.slots.take([[op.out, queries * headDim, cuts[0]!]])[0]!;
  }

  *attend({ position }: StepInput): Flow {
    const { own, op, group, kvHeads } = this;
    const { headDim } = op;
    const { pe, lines } = own;
    const { numbers } = pe.mesh;
    const tiles = op.reduce.parts;
    const queries = kvHeads * group;
    // Positions y, y + n, ... lie here, in this order.
    const held = position < pe.at.y ? 0 : Math.floor((position - pe.at.y) / tiles) + 1;
    for (const fetch of this.fetches) yield* fetch();
    if (position % tiles === pe.at.y) {
      const width = kvHeads * headDim;
      yield pe.compute(
        own.elements(2 * width, 1),
        () => {
          this.keys.write(this.parts[1](), (held - 1) * width);
          this.values.write(this.parts[2](), (held - 1) * width);
        },
        'KV append',
      );
    }

    yield pe.compute(matvecWork(numbers, held * queries, headDim, 'f32'), () => this.score(held), 'score');
    yield* lines.fold(pe, op.reduce, this.tops(), queries, 'max');
    yield pe.compute(own.elements(held * queries, EXP_PASSES), () => this.exponentials(held), 'exp');
    yield pe.compute(matvecWork(numbers, queries * headDim, held, 'f32'), () => this.weigh(held), 'P V');
    yield* lines.fold(pe, op.reduce, this.sums(), queries * (headDim + 1));
    yield pe.compute(
      own.elements(queries * headDim, 1),
      () => {
        const sums = this.sums().f32;
        const out = bufferOf(this.out).f32;
        for (let head = 0; head < queries; head++) {
          const at = head * (headDim + 1);
          const to = this.out.at + head * headDim;
          for (let d = 0; d < headDim; d++) out[to + d] = sums[at + 1 + d]! / sums[at]!;
        }
      },
      'divide',
    );
  }

  private get queries(): number {
    return this.kvHeads * this.group;
  }

  /** q.k over dims, scaled after the dot; each head's greatest score. */
  private score(held: number): void {
    const { headDim } = this.op;
    const scale = Math.fround(this.op.scale);
    const [q, keys] = [this.parts[0](), this.keys.f32];
    const [scores, tops] = [this.scores().f32, this.tops().f32];
    const width = this.kvHeads * headDim;
    for (let head = 0; head < this.queries; head++) {
      const kv = Math.floor(head / this.group) * headDim;
      let top = Number.NEGATIVE_INFINITY;
      for (let p = 0; p < held; p++) {
        let sum = 0;
        for (let d = 0; d < headDim; d++) {
          sum = Math.fround(sum + Math.fround(q[head * headDim + d]! * keys[p * width + kv + d]!));
        }
        const score = Math.fround(sum * scale);
        scores[head * held + p] = score;
        top = Math.max(top, score);
      }
      tops[head] = top;
    }
  }

  private exponentials(held: number): void {
    const [scores, tops] = [this.scores().f32, this.tops().f32];
    for (let i = 0; i < this.queries * held; i++)
      scores[i] = softmaxWeight(scores[i]!, tops[Math.floor(i / held)]!);
  }

  /**
   * Per head: the sum of the weights, then the weighted sum of V, positions in order. On a single tile the weights are
   * summed as the SIMD lanes of the kernels do: every fourth into one, then (0 + 1) + (2 + 3).
   */
  private weigh(held: number): void {
    const { headDim } = this.op;
    const [scores, values, sums] = [this.scores().f32, this.values.f32, this.sums().f32];
    const width = this.kvHeads * headDim;
    const lanes = new Float32Array(4);
    const mask = this.op.reduce.parts === 1 ? 3 : 0;
    sums.fill(0);
    for (let head = 0; head < this.queries; head++) {
      const at = head * (headDim + 1);
      const kv = Math.floor(head / this.group) * headDim;
      for (let p = 0; p < held; p++) {
        const weight = scores[head * held + p]!;
        lanes[p & mask]! += weight;
        for (let d = 0; d < headDim; d++) {
          sums[at + 1 + d] = sums[at + 1 + d]! + Math.fround(weight * values[p * width + kv + d]!);
        }
      }
      sums[at] = Math.fround(lanes[0]! + lanes[1]!) + Math.fround(lanes[2]! + lanes[3]!);
      lanes.fill(0);
    }
  }
}
