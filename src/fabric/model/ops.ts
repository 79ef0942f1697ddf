/** What a PE does for every kind of op: lays out its part once, and returns the step. `null`: the fabric has no such kind yet. */
import type { OpKind } from '../../../models/op.js';
import { MachineError } from '../../core/errors.js';
import { dequantize } from '../../formats/quantize.js';
import { tensorType } from '../../formats/tensor-types.js';
import type { PlacedOf, PlacedOp } from '../../placement/plan.js';
import { rmsScale, rotate, scaleBy, sumSquares, swiglu } from '../local/arithmetic.js';
import { matvecWork } from '../local/work.js';
import { HeadsPe } from './heads.js';
import { cutOf } from './lines.js';
import type { ModelPe, Step } from './model-pe.js';
import { bufferOf, partOf } from './slots.js';
import { lengthOf } from './tile.js';

/** Vector operations of SwiGLU with its exp. */
const SWIGLU_PASSES = 10;

/**
 * The token's row lies with its tile of the table in one column of PEs: all others give zeros, and the rows of PEs join
 * them.
 */
function embedding(op: PlacedOf<'embedding'>, own: ModelPe): Step {
  const { pe, lines } = own;
  const rows = own.span(op.rows);
  const columns = own.span(op.columns);
  const tile = own.tile(op.weight, rows, columns);
  const count = lengthOf(columns);
  const alongRow = own.reduceAlong('x');
  const spread = { ...op.columns, unit: 1 };
  const row = own.shared('input', count);
  const x = own.slots.take([[op.out, lengthOf(own.span(spread)), cutOf(spread)]])[0]!;
  const hand = own.handover('y', cutOf(op.columns), x.cut);
  return function* ({ token }) {
    const buffer = row();
    yield pe.compute(
      own.elements(count, 1),
      () => {
        buffer.f32.fill(0, 0, count);
        if (token >= rows.first && token < rows.end) buffer.write(tile.row(token - rows.first), 0);
      },
      'embedding',
    );
    yield* lines.fold(pe, alongRow, buffer, count, 'or');
    yield* hand(buffer, 0, bufferOf(x), x.at);
  };
}

function norm(op: PlacedOf<'norm'>, own: ModelPe): Step {
  const { pe, lines } = own;
  const from = own.slots.place(op.in);
  const [to] = own.slots.take([[op.out, from.length, from.cut]]);
  const weight = own.vector(op.weight!, own.span(op.columns), readFloats(own));
  const scalar = own.shared('scalar', 1);
  return function* () {
    yield pe.compute(
      own.elements(from.length, 1),
      () => scalar().write([sumSquares(partOf(from))]),
      'sum of squares',
    );
    yield* lines.fold(pe, op.reduce, scalar(), 1);
    yield pe.compute(
      own.elements(from.length, 2),
      () => {
        const scale = rmsScale(scalar().f32[0]!, op.per, op.eps);
        bufferOf(to!).write(scaleBy(partOf(from), scale, weight.f32), to!.at);
      },
      'norm',
    );
  };
}

/** Small tensors as they are read. */
function readFloats(own: ModelPe): (name: string) => Float32Array {
  return (name) => {
    const { bytes, type } = own.source.weight(name);
    return dequantize(bytes, type);
  };
}

/** What the product's local work is called in traces. */
export function nameOfLinear({ weights }: PlacedOf<'linear'>): string {
  return weights.map((ref) => ref.name.replace(/^blk\.\d+\.|\.weight$/g, '')).join(' ');
}

function linear(op: PlacedOf<'linear'>, own: ModelPe): Step {
  const { pe, lines } = own;
  const columns = own.span(op.columns);
  const rows = op.rows.map((split) => own.span(split));
  const tiles = op.weights.map((ref, i) => own.tile(ref, rows[i]!, columns));
  const input = own.shared('input', lengthOf(columns));
  const from = own.slots.place(op.in);
  const hand = own.handover(op.columns.axis, from.cut, cutOf(op.columns));
  const places = own.slots.take(op.outs.map((out, i) => [out, lengthOf(rows[i]!), cutOf(op.rows[i]!)]));
  const count = rows.reduce((sum, span) => sum + lengthOf(span), 0);
  const half = tensorType(tiles[0]!.type).name !== 'F32';
  const name = nameOfLinear(op);
  return function* () {
    yield* hand(bufferOf(from), from.at, input(), 0);
    const output = bufferOf(places[0]!);
    yield pe.compute(
      matvecWork(pe.mesh.numbers, count, lengthOf(columns), half ? 'f16' : 'f32'),
      () => {
        const x = input().f32.slice(0, lengthOf(columns));
        for (const [i, tile] of tiles.entries()) output.write(tile.times(x), places[i]!.at);
      },
      name,
    );
    yield* lines.fold(pe, op.reduce, output, count);
  };
}

function rope(op: PlacedOf<'rope'>, own: ModelPe): Step {
  const { pe } = own;
  const size = op.in.features / op.heads;
  const from = own.slots.place(op.in);
  const [to] = own.slots.take([[op.out, lengthOf(own.span(op.headCut)), cutOf(op.headCut)]]);
  const hand = own.handover(op.headCut.axis, from.cut, to!.cut);
  return function* ({ position }) {
    yield* hand(bufferOf(from), from.at, bufferOf(to!), to!.at);
    yield pe.compute(
      own.elements(to!.length, 3),
      () => {
        const angles = own.source.angles(op.table, position);
        const part = partOf(to!);
        for (let at = op.first; at < part.length; at += size)
          rotate(part.subarray(at, at + op.table.dims), angles);
      },
      'RoPE',
    );
  };
}

function attention(op: PlacedOf<'attention'>, own: ModelPe): Step {
  const heads = new HeadsPe(own, op);
  return (input) => heads.attend(input);
}

function activation(op: PlacedOf<'activation'>, own: ModelPe): Step {
  const { pe } = own;
  const [gate, by] = [own.slots.place(op.in), own.slots.place(op.by!)];
  const to = own.slots.inPlaceOf(op.in, op.out);
  return function* () {
    yield pe.compute(
      own.elements(to.length, SWIGLU_PASSES),
      () => {
        const [g, u] = [partOf(gate), partOf(by)];
        bufferOf(to).write(
          g.map((value, i) => swiglu(value, u[i]!)),
          to.at,
        );
      },
      'SwiGLU',
    );
  };
}

function add(op: PlacedOf<'add'>, own: ModelPe): Step {
  const { pe } = own;
  const [x, delta] = [own.slots.place(op.to), own.slots.place(op.from)];
  const to = own.slots.inPlaceOf(op.to, op.out);
  return function* () {
    yield pe.compute(
      own.elements(to.length, 1),
      () => {
        const d = partOf(delta);
        bufferOf(to).write(
          partOf(x).map((value, i) => value + Math.fround(op.times * d[i]!)),
          to.at,
        );
      },
      'residual',
    );
  };
}

const STEPS: { readonly [K in OpKind]: ((op: PlacedOf<K>, own: ModelPe) => Step) | null } = {
  embedding,
  norm,
  linear,
  rope,
  attention,
  activation,
  add,
  // Where the logits lie is all that the host wants to know.
  logits: () => function* () {},
  headLinear: null,
  scale: null,
  arrange: null,
  route: null,
  expertLinear: null,
  mix: null,
  conv: null,
  shift: null,
  scan: null,
  linearAttention: null,
  wkv: null,
  weighStreams: null,
  writeStreams: null,
  select: null,
  pool: null,
};

/** What of an op the steps here do not compute; null for nothing. */
function missingOf(op: PlacedOp): string | null {
  const unless = (isThere: boolean, what: string): string | null => (isThere ? null : what);
  switch (op.kind) {
    case 'embedding':
      return unless(op.index === 'token' && op.scale === 1, 'a scaled embedding or one of positions');
    case 'norm':
      return unless(
        op.how === 'rms' && op.per === op.in.features && !op.bias && !!op.weight,
        'a norm other than RMSNorm of a whole vector',
      );
    case 'linear':
      return unless(
        op.biases.every((bias) => !bias) && op.weights.every(({ rows }) => !rows),
        'a product with a bias or a fused tensor',
      );
    case 'rope':
      return unless(op.order === 'pairs', 'RoPE in halves');
    case 'attention': {
      const shaping = [op.window, op.softcap, op.sinks, op.alibi, op.temperature, op.positions];
      const isPlain = op.k && op.v && op.causal && op.headDim === op.valueDim;
      return unless(
        !!isPlain && shaping.every((fact) => fact === null),
        'attention with a window, caps or sinks',
      );
    }
    case 'activation':
      return unless(
        op.act.name === 'silu' && op.by?.features === op.in.features && op.times === 1,
        `the activation ${op.act.name}`,
      );
    default:
      return STEPS[op.kind] === null ? op.kind : null;
  }
}

/** @throws MachineError with what of a model's ops the fabric does not execute */
export function requireSteps(ops: readonly PlacedOp[]): void {
  const missing = new Set(ops.map(missingOf).filter((what) => what !== null));
  if (missing.size === 0) return;
  throw new MachineError({
    what: 'model on the fabric',
    given: [...missing].join(', '),
    expected: 'what Llama models are made of',
    todo: 'Take a Llama model, or run this one with `waferflow run`.',
  });
}

/** This PE's part of an op. */
export function layOutOp(op: PlacedOp, own: ModelPe): Step {
  return (STEPS[op.kind] as unknown as (op: PlacedOp, own: ModelPe) => Step)(op, own);
}
