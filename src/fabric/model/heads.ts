/** One PE's share of attention: some KV heads with their query heads, and every n-th position of the KV cache. */
import type { LlamaConfig } from '../../../models/llama.js';
import type { PlacedAttention, PlacedMatmul, Reduce } from '../../placement/plan.js';
import { rotate, softmaxWeight } from '../local/arithmetic.js';
import { elementWork, matvecWork } from '../local/work.js';
import type { Buffer, Pe, Pending } from '../pe.js';
import { type Cut, cutOf, Handover, type Lines, type StepInput } from './lines.js';
import { lengthOf, type Span } from './tile.js';

type Flow = Generator<Pending, void, void>;

/** Vector operations of the polynomial exp. */
const EXP_PASSES = 10;

export class HeadsPe {
  readonly outputCut: Cut;
  /** Elements of this PE's attention output. */
  readonly outputs: number;
  private readonly pe: Pe;
  private readonly config: LlamaConfig;
  private readonly op: PlacedAttention;
  private readonly alongX: Reduce;
  /** How q, k and v come from the matmul's row tiles to the heads' tiles; the buffer holds them side by side. */
  private readonly cuts: readonly { readonly from: Cut; readonly to: Cut }[];
  private readonly keys: Buffer;
  private readonly values: Buffer;
  private readonly parts: readonly [q: Buffer, k: Buffer, v: Buffer];
  private readonly scores: Buffer;
  private readonly tops: Buffer;
  private readonly sums: Buffer;
  private readonly kvHeads: number;
  private readonly group: number;

  /** `scratch` is shared by the layers, which follow one another. */
  constructor(
    pe: Pe,
    config: LlamaConfig,
    op: PlacedAttention,
    qkv: PlacedMatmul,
    context: number,
    scratch: Map<string, Buffer>,
  ) {
    this.pe = pe;
    this.config = config;
    this.op = op;
    const { headDim } = config;
    this.group = config.numAttentionHeads / config.numKeyValueHeads;
    const heads = cutOf(op.kvHeads);
    const scaled =
      (by: number): Cut =>
      (i) => ({ first: heads(i).first * by, end: heads(i).end * by });
    this.outputCut = scaled(this.group * headDim);
    const wanted = [this.outputCut, scaled(headDim), scaled(headDim)];
    this.cuts = wanted.map((to, i) => ({ from: cutOf(qkv.rows[i]!), to }));
    this.alongX = { ...op.reduce, axis: 'x', parts: pe.mesh.width };
    this.kvHeads = lengthOf(heads(pe.at.x));
    this.outputs = this.kvHeads * this.group * headDim;
    const rows = Math.ceil(context / op.reduce.parts);
    const name = (what: string): string => `layer ${op.layer} ${what}`;
    this.keys = pe.buffer(name('K cache'), 'f32', rows * this.kvHeads * headDim);
    this.values = pe.buffer(name('V cache'), 'f32', rows * this.kvHeads * headDim);
    const shared = (what: string, length: number): Buffer => {
      const buffer = scratch.get(what) ?? pe.buffer(what, 'f32', length);
      scratch.set(what, buffer);
      return buffer;
    };
    const own = (what: string, cut: Cut): Buffer => shared(what, lengthOf(cut(pe.at.x)));
    this.parts = [own('q', wanted[0]!), own('k', wanted[1]!), own('v', wanted[2]!)];
    const queries = this.kvHeads * this.group;
    this.scores = shared('scores', rows * queries);
    this.tops = shared('maxima', queries);
    this.sums = shared('sums', queries * (headDim + 1));
  }

  private handovers(lines: Lines): Handover[] {
    return this.cuts.map(({ from, to }) => new Handover(lines, this.alongX, from, to));
  }

  wholeWords(lines: Lines): number {
    return Math.max(...this.handovers(lines).map(({ words }) => words));
  }

  /** `qkv` holds this PE's rows of q, k and v; the heads' outputs go to `out`. */
  *attend(lines: Lines, qkv: Buffer, out: Buffer, whole: Buffer, { position, angles }: StepInput): Flow {
    const { pe, op, parts, group, kvHeads } = this;
    const { headDim } = this.config;
    const { numbers } = pe.mesh;
    const tiles = op.reduce.parts;
    const queries = kvHeads * group;
    // Positions y, y + n, ... lie here, in this order.
    const held = position < pe.at.y ? 0 : Math.floor((position - pe.at.y) / tiles) + 1;
    const elements = (count: number, passes: number) => elementWork(numbers, count, passes, 'f32');

    let first = 0;
    const rows: Span[] = this.cuts.map(({ from }) => {
      const count = lengthOf(from(pe.at.x));
      first += count;
      return { first: first - count, end: first };
    });
    const staged = qkv.f32.slice(0, first);
    for (const [i, handover] of this.handovers(lines).entries()) {
      qkv.write(staged.subarray(rows[i]!.first, rows[i]!.end));
      yield* handover.run(pe, qkv, parts[i]!, whole);
    }
    const [q, k, v] = parts;
    yield pe.compute(
      elements(q.length + k.length, 3),
      () => {
        for (const buffer of [q, k]) {
          for (let at = 0; at < buffer.length; at += headDim)
            rotate(buffer.f32.subarray(at, at + headDim), angles);
        }
      },
      'RoPE',
    );
    if (position % tiles === pe.at.y) {
      yield pe.compute(
        elements(2 * k.length, 1),
        () => {
          this.keys.write(k.f32, (held - 1) * k.length);
          this.values.write(v.f32, (held - 1) * v.length);
        },
        'KV append',
      );
    }

    yield pe.compute(matvecWork(numbers, held * queries, headDim, 'f32'), () => this.score(held), 'score');
    yield* lines.fold(pe, op.reduce, this.tops, queries, 'max');
    yield pe.compute(elements(held * queries, EXP_PASSES), () => this.exponentials(held), 'exp');
    yield pe.compute(matvecWork(numbers, queries * headDim, held, 'f32'), () => this.weigh(held), 'P V');
    yield* lines.fold(pe, op.reduce, this.sums, queries * (headDim + 1));
    yield pe.compute(
      elements(queries * headDim, 1),
      () => {
        const sums = this.sums.f32;
        for (let head = 0; head < queries; head++) {
          const at = head * (headDim + 1);
          for (let d = 0; d < headDim; d++) out.f32[head * headDim + d] = sums[at + 1 + d]! / sums[at]!;
        }
      },
      'divide',
    );
  }

  /** q.k over dims, scaled after the dot; each head's greatest score. */
  private score(held: number): void {
    const { headDim } = this.config;
    const scale = Math.fround(1 / Math.sqrt(headDim));
    const [q, keys, scores, tops] = [this.parts[0].f32, this.keys.f32, this.scores.f32, this.tops.f32];
    const width = this.kvHeads * headDim;
    for (let head = 0; head < tops.length; head++) {
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
    const [scores, tops] = [this.scores.f32, this.tops.f32];
    for (let i = 0; i < tops.length * held; i++)
      scores[i] = softmaxWeight(scores[i]!, tops[Math.floor(i / held)]!);
  }

  /**
   * Per head: the sum of the weights, then the weighted sum of V, positions in order. On a single tile the weights are
   * summed as the SIMD lanes of the kernels do: every fourth into one, then (0 + 1) + (2 + 3).
   */
  private weigh(held: number): void {
    const { headDim } = this.config;
    const [scores, values, sums] = [this.scores.f32, this.values.f32, this.sums.f32];
    const width = this.kvHeads * headDim;
    const lanes = new Float32Array(4);
    const mask = this.op.reduce.parts === 1 ? 3 : 0;
    sums.fill(0);
    for (let head = 0; head < this.tops.length; head++) {
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
