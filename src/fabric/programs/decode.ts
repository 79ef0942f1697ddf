/**
 * One decode step of one transformer layer on P x P PEs, laid out as WaferLLM's decode (He et al., OSDI 2025): the
 * hidden vector is cut along y and repeated along x; matrix-vector products reduce along y and along x by turns,
 * so nothing is ever transposed; K and V lie with their dims along x and their positions along y. Exactly ten
 * all-reduces. As in that paper's benchmark there is one head of the full width.
 */
import { reduceAlong } from '../../placement/reduce.js';
import { allreduce, allreduceColors } from '../collectives/allreduce.js';
import type { Part } from '../collectives/line.js';
import { column, row } from '../collectives/line.js';
import { expF32, matvec, rmsScale, scaleBy, sumSquares, swiglu } from '../local/arithmetic.js';
import { elementWork, matvecWork } from '../local/work.js';
import type { Mesh } from '../mesh.js';
import type { Buffer, FoldName, Pe, Pending } from '../pe.js';
import { decodeReference, decodeWeights, type LayerShape, type LayerWeights, layerShape } from './layer.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { largestDifference, meshOf, waveletsOf, worstOf } from './program.js';

/** Where part t of n elements starts when cut into `parts`. */
const partStart = (n: number, parts: number, t: number): number => Math.floor((t * n) / parts);

/** First and end of a part. */
interface Span {
  readonly first: number;
  readonly end: number;
}

const spanOf = (n: number, parts: number, t: number): Span => ({
  first: partStart(n, parts, t),
  end: partStart(n, parts, t + 1),
});

const lengthOf = ({ first, end }: Span): number => end - first;

/** What one PE holds; the names in `Span`s are the parts of each dimension that are its own. */
interface LayerPe {
  readonly hiddenX: Span;
  readonly hiddenY: Span;
  readonly ffnX: Span;
  readonly positionsY: Span;
  readonly x: Buffer;
  readonly h: Buffer;
  readonly norms: Buffer;
  readonly qkvWeights: Buffer;
  readonly oWeights: Buffer;
  readonly gateUpWeights: Buffer;
  readonly downWeights: Buffer;
  readonly qkv: Buffer;
  readonly keys: Buffer;
  readonly values: Buffer;
  readonly scores: Buffer;
  readonly attention: Buffer;
  readonly gateUp: Buffer;
  readonly scalar: Buffer;
}

function buffersOf(
  pe: Pe,
  shape: LayerShape,
  width: number,
  height: number,
  type: ProgramSize['type'],
): LayerPe {
  const { x, y } = pe.at;
  const hiddenX = spanOf(shape.hidden, width, x);
  const hiddenY = spanOf(shape.hidden, height, y);
  const ffnX = spanOf(shape.ffn, width, x);
  const positionsY = spanOf(shape.context, height, y);
  const [nx, ny, fx, sy] = [hiddenX, hiddenY, ffnX, positionsY].map(lengthOf) as [
    number,
    number,
    number,
    number,
  ];
  const make = (name: string, length: number): Buffer => pe.buffer(name, type, length);
  return {
    hiddenX,
    hiddenY,
    ffnX,
    positionsY,
    x: make('x', ny),
    h: make('h', ny),
    norms: make('norm weights', 2 * ny),
    qkvWeights: make('qkv weights', 3 * nx * ny),
    oWeights: make('o weights', ny * nx),
    gateUpWeights: make('gate and up weights', 2 * fx * ny),
    downWeights: make('down weights', ny * fx),
    qkv: make('qkv', 3 * nx),
    keys: make('K cache', sy * nx),
    values: make('V cache', sy * nx),
    scores: make('scores', sy),
    attention: make('attention', nx),
    gateUp: make('gate and up', 2 * fx),
    scalar: pe.buffer('scalar', type, 1),
  };
}

type Along = (axis: 'x' | 'y', fold?: FoldName) => (pe: Pe, view: Buffer) => Generator<Pending, void, void>;

/** The all-reduces of the whole rectangle, along x and along y. */
function allreduces(mesh: Mesh): Along {
  const { width, height } = mesh;
  const colors = { x: allreduceColors(row(mesh, 0), 'x'), y: allreduceColors(column(mesh, 0), 'y') };
  const parts = new Map<string, Part>();
  const part = (axis: 'x' | 'y', line: number, fold: FoldName): Part => {
    const key = `${axis} ${line} ${fold}`;
    let found = parts.get(key);
    if (found === undefined) {
      const length = axis === 'x' ? width : height;
      const reduce = reduceAlong(axis, length);
      found = allreduce(axis === 'x' ? row(mesh, line) : column(mesh, line), reduce, colors[axis], fold);
      parts.set(key, found);
    }
    return found;
  };
  // Routes are laid before the run; which fold travels over them does not change them.
  for (let y = 0; y < height; y++) part('x', y, 'add');
  for (let x = 0; x < width; x++) for (const fold of ['add', 'max'] as const) part('y', x, fold);
  return (axis, fold = 'add') =>
    function* (pe, buffer) {
      const { x, y } = pe.at;
      yield* part(axis, axis === 'x' ? y : x, fold)(pe, axis === 'x' ? x : y, buffer.view());
    };
}

/** The program of one PE; every line with `yield*` is one of the ten all-reduces. */
function* decodeLayer(
  pe: Pe,
  own: LayerPe,
  shape: LayerShape,
  along: Along,
  type: ProgramSize['type'],
): Generator<Pending, void, void> {
  const { numbers } = pe.mesh;
  const [nx, ny, fx, sy] = [own.hiddenX, own.hiddenY, own.ffnX, own.positionsY].map(lengthOf) as [
    number,
    number,
    number,
    number,
  ];
  const elements = (count: number, passes: number) => elementWork(numbers, count, passes, type);
  const sumY = along('y');
  const maxY = along('y', 'max');
  const sumX = along('x');

  function* norm(which: 0 | 1): Generator<Pending, void, void> {
    yield pe.compute(elements(ny, 1), () => own.scalar.write([sumSquares(own.x.read())]), 'sum of squares');
    yield* sumY(pe, own.scalar);
    yield pe.compute(
      elements(ny, 2),
      () => {
        const scale = rmsScale(own.scalar.read()[0]!, shape.hidden, shape.eps);
        own.h.write(scaleBy(own.x.read(), scale, own.norms.read().subarray(which * ny, which * ny + ny)));
      },
      'norm',
    );
  }
  const product = (name: string, weights: Buffer, from: Buffer, into: Buffer, rows: number): Pending =>
    pe.compute(
      matvecWork(numbers, rows, from.length, type),
      () => into.write(matvec(weights.read(), from.read(), rows)),
      name,
    );
  const addTo = (delta: Buffer): Pending =>
    pe.compute(
      elements(ny, 1),
      () => {
        const change = delta.read();
        own.x.write(own.x.read().map((value, i) => value + change[i]!));
      },
      'residual',
    );

  yield* norm(0);
  yield product('qkv', own.qkvWeights, own.h, own.qkv, 3 * nx);
  yield* sumY(pe, own.qkv);

  // The new token is the last position; its K and V go to the row of PEs that holds it.
  if (own.positionsY.end === shape.context && sy > 0) {
    yield pe.compute(
      elements(nx, 2),
      () => {
        own.keys.write(own.qkv.read().subarray(nx, 2 * nx), (sy - 1) * nx);
        own.values.write(own.qkv.read().subarray(2 * nx, 3 * nx), (sy - 1) * nx);
      },
      'KV append',
    );
  }
  yield pe.compute(
    matvecWork(numbers, sy, nx, type),
    () => own.scores.write(matvec(own.keys.read(), own.qkv.read().subarray(0, nx), sy)),
    'score',
  );
  yield* sumX(pe, own.scores);
  yield pe.compute(
    elements(sy, 2),
    () => {
      const scaled = own.scores.read().map((score) => score * Math.fround(1 / Math.sqrt(shape.hidden)));
      own.scores.write(scaled);
      own.scalar.write([scaled.reduce((top, score) => Math.max(top, score), LOWEST)]);
    },
    'max',
  );
  yield* maxY(pe, own.scalar);
  yield pe.compute(
    elements(sy, EXP_PASSES),
    () => {
      const top = own.scalar.read()[0]!;
      const weights = own.scores.read().map((score) => expF32(score - top));
      own.scores.write(weights);
      own.scalar.write([weights.reduce((sum, weight) => Math.fround(sum + weight), 0)]);
    },
    'exp',
  );
  yield* sumY(pe, own.scalar);
  yield pe.compute(
    matvecWork(numbers, nx, sy, type),
    () => {
      const [weights, values] = [own.scores.read(), own.values.read()];
      const sums = new Float32Array(nx);
      for (let p = 0; p < sy; p++) {
        for (let d = 0; d < nx; d++) sums[d] = sums[d]! + Math.fround(weights[p]! * values[p * nx + d]!);
      }
      const total = own.scalar.read()[0]!;
      own.attention.write(sums.map((sum) => sum / total));
    },
    'P V',
  );
  yield* sumY(pe, own.attention);
  yield product('o', own.oWeights, own.attention, own.h, ny);
  yield* sumX(pe, own.h);
  yield addTo(own.h);

  yield* norm(1);
  yield product('gate and up', own.gateUpWeights, own.h, own.gateUp, 2 * fx);
  yield* sumY(pe, own.gateUp);
  yield pe.compute(
    elements(fx, EXP_PASSES),
    () => {
      const both = own.gateUp.read();
      own.gateUp.write(both.subarray(0, fx).map((gate, i) => swiglu(gate, both[fx + i]!)));
    },
    'SwiGLU',
  );
  yield pe.compute(
    matvecWork(numbers, ny, fx, type),
    () => own.h.write(matvec(own.downWeights.read(), own.gateUp.read().subarray(0, fx), ny)),
    'down',
  );
  yield* sumX(pe, own.h);
  yield addTo(own.h);
}

/** Less than any score, and finite in f16. */
const LOWEST = -60000;
/** Vector operations in the polynomial exp: reduction, five multiply-adds, scaling. */
export const EXP_PASSES = 10;

function prepare(size: ProgramSize): Prepared {
  const mesh = meshOf(size);
  const { width, height } = mesh;
  const shape = layerShape(size.elements);
  const along = allreduces(mesh);
  const pes = new Map<Pe, LayerPe>();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pe = mesh.pe({ x, y });
      const own = buffersOf(pe, shape, width, height, size.type);
      pes.set(pe, own);
      pe.main = () => decodeLayer(pe, own, shape, along, size.type);
    }
  }
  let wanted = new Float64Array(0);
  return {
    mesh,
    wavelets: waveletsOf(Math.ceil(shape.hidden / height), size.type),
    load(rng) {
      const weights = decodeWeights(shape, rng, size.type);
      for (const own of pes.values()) loadPe(own, shape, weights);
      wanted = decodeReference(shape, weights);
    },
    maxAbsError: () =>
      worstOf(pes.values(), ({ x, hiddenY }) =>
        largestDifference(x.read(), wanted.subarray(hiddenY.first, hiddenY.end)),
      ),
  };
}

/** Copies the tiles of one PE out of the whole matrices. */
function loadPe(own: LayerPe, shape: LayerShape, weights: LayerWeights): void {
  const { hiddenX, hiddenY, ffnX, positionsY } = own;
  const tile = (matrix: Float64Array, columns: number, rows: Span, cut: Span): number[] => {
    const values: number[] = [];
    for (let r = rows.first; r < rows.end; r++)
      values.push(...matrix.subarray(r * columns + cut.first, r * columns + cut.end));
    return values;
  };
  const { hidden, ffn } = shape;
  const pieces: [Buffer, number[]][] = [
    [own.x, [...weights.x.subarray(hiddenY.first, hiddenY.end)]],
    [
      own.norms,
      [
        ...weights.norm1.subarray(hiddenY.first, hiddenY.end),
        ...weights.norm2.subarray(hiddenY.first, hiddenY.end),
      ],
    ],
    [
      own.qkvWeights,
      [weights.q, weights.k, weights.v].flatMap((matrix) => tile(matrix, hidden, hiddenX, hiddenY)),
    ],
    [own.oWeights, tile(weights.o, hidden, hiddenY, hiddenX)],
    [own.gateUpWeights, [weights.gate, weights.up].flatMap((matrix) => tile(matrix, hidden, ffnX, hiddenY))],
    [own.downWeights, tile(weights.down, ffn, hiddenY, ffnX)],
    [own.keys, tile(weights.keys, hidden, positionsY, hiddenX)],
    [own.values, tile(weights.values, hidden, positionsY, hiddenX)],
  ];
  for (const [buffer, values] of pieces) buffer.write(values);
}

export const DECODE_LAYER: FabricProgram = {
  name: 'decode-layer',
  title: 'One decode step of one transformer layer, ten all-reduces',
  elementsAre: 'hidden size and context',
  prepare,
};
