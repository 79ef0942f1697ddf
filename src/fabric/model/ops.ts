/** What a PE does for every kind of op: lays out its part once, and returns the step. `null`: the fabric has no such kind yet. */
import type { OpKind, WeightRef } from '../../../models/op.js';
import { MachineError } from '../../core/errors.js';
import { tensorType } from '../../formats/tensor-types.js';
import type { PlacedOf, PlacedOp, Split } from '../../placement/plan.js';
import { activationOf } from '../local/activations.js';
import { rmsScale, rotate, rotateHalves, scaleBy, sumCentred, sumSquares } from '../local/arithmetic.js';
import { matvecWork } from '../local/work.js';
import { HeadsPe } from './heads.js';
import { cutOf } from './lines.js';
import type { Flow, ModelPe, Step } from './model-pe.js';
import { bufferOf, partOf } from './slots.js';
import { smallTensor } from './source.js';
import { lengthOf, type Span } from './tile.js';

/** Vector operations of an activation with its exp, and its product with another vector. */
const ACTIVATION_PASSES = 10;

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
  const scale = Math.fround(op.scale);
  const spread = { ...op.columns, unit: 1 };
  const row = own.shared('input', count);
  const x = own.slots.take([[op.out, lengthOf(own.span(spread)), cutOf(spread)]])[0]!;
  const hand = own.handover('y', cutOf(op.columns), x.cut);
  const { index } = op;
  return function* ({ token, position }) {
    const id = index === 'token' ? token : index === 'position' ? position : Number(index);
    const buffer = row();
    yield pe.compute(
      own.elements(count, 1),
      () => {
        buffer.f32.fill(0, 0, count);
        if (id < rows.first || id >= rows.end) return;
        const values = tile.row(id - rows.first);
        buffer.write(scale === 1 ? values : values.map((value) => value * scale));
      },
      'embedding',
    );
    yield* lines.fold(pe, alongRow, buffer, count, 'or');
    yield* hand(buffer, 0, bufferOf(x), x.at);
  };
}

function norm(op: PlacedOf<'norm'>, own: ModelPe): Step {
  if (op.headCut !== null) return headNorm(op, op.headCut, own);
  const { pe, lines } = own;
  const from = own.slots.place(op.in);
  const [to] = own.slots.take([[op.out, from.length, from.cut]]);
  const [weight, bias] = [op.weight, op.bias].map((ref, i) =>
    normVector(ref, op, own.span(op.columns), own, 1 - i),
  );
  const scalar = own.shared('scalar', 1);
  function* sumOf(name: string, term: () => number): Flow {
    yield pe.compute(own.elements(from.length, 1), () => scalar().write([term()]), name);
    yield* lines.fold(pe, op.reduce, scalar(), 1);
  }
  return function* () {
    const isCentred = op.how === 'layer';
    if (isCentred) yield* sumOf('sum', () => sumCentred(partOf(from), 0, false));
    let mean = 0;
    yield* sumOf('sum of squares', () => {
      if (!isCentred) return sumSquares(partOf(from));
      mean = Math.fround(scalar().f32[0]! / op.per);
      return sumCentred(partOf(from), mean, true);
    });
    yield pe.compute(
      own.elements(from.length, isCentred ? 4 : 2),
      () => {
        const scale = rmsScale(scalar().f32[0]!, op.per, op.eps);
        const x = isCentred ? partOf(from).map((value) => value - mean) : partOf(from);
        const y = scaleBy(x, scale, weight!(0, from.length));
        const shift = bias!(0, from.length);
        bufferOf(to!).write(op.bias === null ? y : y.map((value, i) => value + shift[i]!), to!.at);
      },
      'norm',
    );
  };
}

/** A norm of every head by itself: whole heads lie in one PE. */
function headNorm(op: PlacedOf<'norm'>, headCut: Split, own: ModelPe): Step {
  const { pe } = own;
  const span = own.span(headCut);
  const from = own.slots.place(op.in);
  const [to] = own.slots.take([[op.out, lengthOf(span), cutOf(headCut)]]);
  const hand = own.handover(headCut.axis, from.cut, to!.cut);
  const weight = normVector(op.weight, op, span, own, 1);
  return function* () {
    yield* hand(bufferOf(from), from.at, bufferOf(to!), to!.at);
    yield pe.compute(
      own.elements(to!.length, 3),
      () => {
        const part = partOf(to!);
        for (let at = 0; at < part.length; at += op.per) {
          const head = part.subarray(at, at + op.per);
          head.set(scaleBy(head, rmsScale(sumSquares(head), op.per, op.eps), weight(at, op.per)));
        }
      },
      'norm',
    );
  };
}

/** What the product's local work is called in traces. */
export function nameOfLinear({ weights }: PlacedOf<'linear'>): string {
  return weights.map((ref) => ref.name.replace(/^blk\.\d+\.|\.weight$/g, '')).join(' ');
}

/** `count` of a norm's weights or biases from `at` of the PE's part on; those of one head where all have the same. */
function normVector(
  ref: WeightRef | null,
  { per, in: from }: PlacedOf<'norm'>,
  span: Span,
  own: ModelPe,
  none: number,
): (at: number, count: number) => Float32Array {
  if (ref === null) return (_, count) => new Float32Array(count).fill(none);
  const isShared = ref.shape.reduce((product, side) => product * side, 1) !== from.features;
  const buffer = own.vector(ref, isShared ? { first: 0, end: per } : span, (each) =>
    smallTensor(own.source, each),
  );
  return (at, count) => buffer.f32.subarray(isShared ? 0 : at, (isShared ? 0 : at) + count);
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
  const biases = op.biases.map(
    (ref, i) => ref && own.vector(ref, rows[i]!, (each) => smallTensor(own.source, each)),
  );
  const biased = biases.reduce((sum, bias) => sum + (bias?.length ?? 0), 0);
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
    if (biased === 0) return;
    yield pe.compute(
      own.elements(biased, 1),
      () => {
        for (const [i, bias] of biases.entries()) {
          const part = partOf(places[i]!);
          for (const [k, value] of (bias?.f32 ?? []).entries()) part[k]! += value;
        }
      },
      'bias',
    );
  };
}

function rope(op: PlacedOf<'rope'>, own: ModelPe): Step {
  const { pe } = own;
  const size = op.in.features / op.heads;
  const from = own.slots.place(op.in);
  const [to] = own.slots.take([[op.out, lengthOf(own.span(op.headCut)), cutOf(op.headCut)]]);
  const hand = own.handover(op.headCut.axis, from.cut, to!.cut);
  const turn = op.order === 'pairs' ? rotate : rotateHalves;
  return function* ({ position }) {
    yield* hand(bufferOf(from), from.at, bufferOf(to!), to!.at);
    yield pe.compute(
      own.elements(to!.length, 3),
      () => {
        const angles = own.source.angles(op.table, position);
        const part = partOf(to!);
        for (let at = op.first; at < part.length; at += size)
          turn(part.subarray(at, at + op.table.dims), angles);
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
  const [gate, by] = [own.slots.place(op.in), op.by && own.slots.place(op.by)];
  const to = own.slots.inPlaceOf(op.in, op.out);
  const act = activationOf(op.act)!;
  const times = Math.fround(op.times);
  return function* () {
    yield pe.compute(
      own.elements(to.length, ACTIVATION_PASSES),
      () => {
        const [g, u] = [partOf(gate), by && partOf(by)];
        bufferOf(to).write(
          g.map((value, i) => Math.fround(act(value) * (u?.[i] ?? 1)) * times),
          to.at,
        );
      },
      op.act.name,
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
      return unless(op.index !== 'adapter', 'an embedding of adapters');
    case 'norm':
      return unless(
        op.how !== 'l2' && (op.headCut === null || (op.how === 'rms' && op.bias === null)),
        'a norm by length, or of heads with a mean or a bias',
      );
    case 'linear':
      return unless(
        op.weights.every(({ plus, isInverse }) => !plus && !isInverse),
        'a product with a weight that is changed as it is read',
      );
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
        activationOf(op.act) !== null && (op.by ?? op.in).features === op.in.features,
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
    expected: 'norms, products, RoPE, plain attention and activations, as Llama, Qwen 3 and GPT-2 have them',
    todo: 'Take such a model, or run this one with `waferflow run`.',
  });
}

/** This PE's part of an op. */
export function layOutOp(op: PlacedOp, own: ModelPe): Step {
  return (STEPS[op.kind] as unknown as (op: PlacedOp, own: ModelPe) => Step)(op, own);
}
