/** One PE's share of a model: its tiles of every op of the plan, and what it does with them in one step. */
import type { LlamaConfig } from '../../../models/llama.js';
import { dequantize } from '../../formats/quantize.js';
import { tensorType } from '../../formats/tensor-types.js';
import type {
  PlacedAttention,
  PlacedEmbedding,
  PlacedMatmul,
  PlacedNorm,
  Reduce,
  Region,
} from '../../placement/plan.js';
import { rmsScale, scaleBy, sumSquares, swiglu } from '../local/arithmetic.js';
import { elementWork, matvecWork } from '../local/work.js';
import type { Buffer, Pe, Pending } from '../pe.js';
import { HeadsPe } from './heads.js';
import { type Cut, cutOf, Handover, type Lines, type StepInput } from './lines.js';
import type { ModelSource } from './source.js';
import { lengthOf, type Span, WeightTile } from './tile.js';

type Flow = Generator<Pending, void, void>;

/** A matmul's tiles in this PE, one per weight, and how its input gets here. */
interface MatmulTiles {
  readonly op: PlacedMatmul;
  readonly tiles: readonly WeightTile[];
  readonly rows: readonly Span[];
  readonly columns: Span;
  readonly input: Handover;
}

/** Vector operations of SwiGLU with its exp. */
const SWIGLU_PASSES = 10;

export class ModelPe {
  readonly pe: Pe;
  private readonly config: LlamaConfig;
  private readonly region: Region;
  private readonly lines: Lines;
  private readonly matmuls = new Map<PlacedMatmul, MatmulTiles>();
  private readonly norms = new Map<PlacedNorm, Buffer>();
  private readonly heads = new Map<PlacedAttention, HeadsPe>();
  /** The hidden vector's part along y, and what comes of it. */
  private readonly x: Buffer;
  private readonly h: Buffer;
  private readonly scalar: Buffer;
  private readonly input: Buffer;
  private readonly output: Buffer;
  private readonly attention: Buffer;
  private readonly whole: Buffer;
  private readonly hidden: Span;
  private readonly embedding: Handover | null;

  constructor(
    pe: Pe,
    config: LlamaConfig,
    region: Region,
    lines: Lines,
    source: ModelSource,
    context: number,
  ) {
    this.pe = pe;
    this.config = config;
    this.region = region;
    this.lines = lines;
    const norms = region.ops.filter((op) => op.kind === 'rmsnorm');
    const matmuls = region.ops.filter((op) => op.kind === 'matmul');
    const hiddenCut = cutOf(norms[0]!.columns);
    this.hidden = hiddenCut(pe.at.y);
    const scratch = new Map<string, Buffer>();
    let wholeWords = 0;
    let cut: Cut = hiddenCut;
    for (const [number, op] of region.ops.entries()) {
      if (op.kind === 'rmsnorm') {
        this.norms.set(op, pe.buffer(op.weight, 'f32', lengthOf(this.hidden)));
        cut = hiddenCut;
      } else if (op.kind === 'attention') {
        const before = region.ops[number - 1] as PlacedMatmul;
        const heads = new HeadsPe(pe, config, op, before, context, scratch);
        this.heads.set(op, heads);
        wholeWords = Math.max(wholeWords, heads.wholeWords(lines));
        cut = heads.outputCut;
      } else if (op.kind === 'matmul') {
        const tiles = this.tilesOf(op, cut, source);
        this.matmuls.set(op, tiles);
        wholeWords = Math.max(wholeWords, tiles.input.words);
        cut = op.name === 'gateUp' ? cutOf(op.rows[0]!) : hiddenCut;
      }
    }
    const head = matmuls.at(-1)!;
    const embedding = region.ops.find((op) => op.kind === 'embedding');
    this.embedding =
      embedding === undefined
        ? null
        : new Handover(lines, { ...norms[0]!.reduce }, cutOf(head.columns), hiddenCut);
    wholeWords = Math.max(wholeWords, this.embedding?.words ?? 0);
    const longest = (of: (tiles: MatmulTiles) => number): number =>
      Math.max(...[...this.matmuls.values()].map(of));
    this.x = pe.buffer('x', 'f32', lengthOf(this.hidden));
    this.h = pe.buffer('h', 'f32', lengthOf(this.hidden));
    this.scalar = pe.buffer('scalar', 'f32', 1);
    this.input = pe.buffer(
      'input',
      'f32',
      longest(({ columns }) => lengthOf(columns)),
    );
    this.output = pe.buffer(
      'output',
      'f32',
      longest(({ rows }) => rows.reduce((sum, span) => sum + lengthOf(span), 0)),
    );
    this.attention = pe.buffer(
      'attention',
      'f32',
      Math.max(0, ...[...this.heads.values()].map(({ outputs }) => outputs)),
    );
    this.whole = pe.buffer('whole', 'f32', wholeWords);
  }

  private tilesOf(op: PlacedMatmul, from: Cut, source: ModelSource): MatmulTiles {
    const along = op.reduce.axis;
    const [across, at] = along === 'x' ? [this.pe.at.y, this.pe.at.x] : [this.pe.at.x, this.pe.at.y];
    const columns = cutOf(op.columns)(at);
    const rows = op.rows.map((split) => cutOf(split)(across));
    const tiles = op.weights.map(
      (name, i) =>
        new WeightTile(this.pe, name, source.weight(name).type, lengthOf(rows[i]!), lengthOf(columns)),
    );
    return { op, tiles, rows, columns, input: new Handover(this.lines, op.reduce, from, cutOf(op.columns)) };
  }

  /** Copies this PE's tiles out of the stored weights. */
  load(source: ModelSource): void {
    for (const { op, tiles, rows, columns } of this.matmuls.values()) {
      for (const [i, name] of op.weights.entries()) tiles[i]!.load(source.weight(name), rows[i]!, columns);
    }
    for (const [op, buffer] of this.norms) {
      const { bytes, type } = source.weight(op.weight);
      const values = dequantize(bytes, type);
      buffer.write(values.subarray(this.hidden.first, this.hidden.end));
    }
  }

  /** The ops of the plan, in order. */
  *step(input: StepInput): Flow {
    for (const op of this.region.ops) {
      switch (op.kind) {
        case 'embedding':
          yield* this.embed(op, input.token);
          break;
        case 'rmsnorm':
          yield* this.norm(op);
          break;
        case 'attention':
          yield* this.heads.get(op)!.attend(this.lines, this.output, this.attention, this.whole, input);
          break;
        case 'matmul':
          yield* this.matmul(this.matmuls.get(op)!);
          break;
      }
    }
  }

  private elements(count: number, passes: number) {
    return elementWork(this.pe.mesh.numbers, count, passes, 'f32');
  }

  /**
   * The token's row lies with the rows of the head, which the embedding shares, in one column of PEs: all others
   * give zeros, and the rows of PEs join them.
   */
  private *embed(op: PlacedEmbedding, token: number): Flow {
    const { tiles, rows, columns, op: head } = this.lookup(op);
    const at = rows[0]!;
    const count = lengthOf(columns);
    yield this.pe.compute(
      this.elements(count, 1),
      () => {
        this.input.f32.fill(0, 0, count);
        if (token >= at.first && token < at.end) this.input.write(tiles[0]!.row(token - at.first));
      },
      'embedding',
    );
    const alongRow: Reduce = { ...head.reduce, axis: 'x', parts: this.pe.mesh.width };
    yield* this.lines.fold(this.pe, alongRow, this.input, count, 'or');
    yield* this.embedding!.run(this.pe, this.input, this.x, this.whole);
  }

  private lookup(op: PlacedEmbedding): MatmulTiles {
    return [...this.matmuls.values()].find((tiles) => tiles.op.weights.includes(op.weight))!;
  }

  private *norm(op: PlacedNorm): Flow {
    const count = lengthOf(this.hidden);
    yield this.pe.compute(
      this.elements(count, 1),
      () => this.scalar.write([sumSquares(this.x.f32)]),
      'sum of squares',
    );
    yield* this.lines.fold(this.pe, op.reduce, this.scalar, 1);
    yield this.pe.compute(
      this.elements(count, 2),
      () => {
        const scale = rmsScale(this.scalar.f32[0]!, this.config.hiddenSize, this.config.rmsNormEps);
        this.h.write(scaleBy(this.x.f32, scale, this.norms.get(op)!.f32));
      },
      'norm',
    );
  }

  private *matmul({ op, tiles, rows, columns, input }: MatmulTiles): Flow {
    const { pe } = this;
    const from = op.name === 'o' ? this.attention : op.name === 'down' ? this.output : this.h;
    yield* input.run(pe, from, this.input, this.whole);
    const count = rows.reduce((sum, span) => sum + lengthOf(span), 0);
    const half = tensorType(tiles[0]!.type).name !== 'F32';
    const work = matvecWork(pe.mesh.numbers, count, lengthOf(columns), half ? 'f16' : 'f32');
    yield pe.compute(
      work,
      () => {
        const x = this.input.f32.slice(0, lengthOf(columns));
        let at = 0;
        for (const tile of tiles) {
          this.output.write(tile.times(x), at);
          at += tile.rows;
        }
      },
      op.name,
    );
    yield* this.lines.fold(pe, op.reduce, this.output, count);
    if (op.name === 'o' || op.name === 'down') {
      yield pe.compute(
        this.elements(count, 1),
        () => {
          const delta = this.output.f32;
          this.x.write(this.x.f32.map((value, i) => value + delta[i]!));
        },
        'residual',
      );
    } else if (op.name === 'gateUp') {
      const gates = lengthOf(rows[0]!);
      yield pe.compute(
        this.elements(gates, SWIGLU_PASSES),
        () => {
          const both = this.output.f32;
          for (let i = 0; i < gates; i++) both[i] = swiglu(both[i]!, both[gates + i]!);
        },
        'SwiGLU',
      );
    }
  }

  /** Puts this PE's part of the logits where it belongs; the head is the last op, so they are its output. */
  copyLogits(logits: Float32Array): void {
    const { rows } = [...this.matmuls.values()].at(-1)!;
    logits.set(this.output.f32.subarray(0, lengthOf(rows[0]!)), rows[0]!.first);
  }
}
