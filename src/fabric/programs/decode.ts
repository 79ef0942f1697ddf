/**
 * One decode step of one transformer layer on P x P PEs, laid out as WaferLLM's decode (He et al., OSDI 2025): the
 * hidden vector is cut along y and repeated along x; matrix-vector products reduce along y and along x by turns,
 * so nothing is ever transposed; K and V lie with their dims along x and their positions along y. Exactly ten
 * all-reduces. As in that paper's benchmark there is one head of the full width.
 */
import { column, inTurn, type Part, row } from '../collectives/line.js';
import type { Point } from '../geometry.js';
import { expF32, matvec, rmsScale, scaleBy, sumSquares, swiglu } from '../local/arithmetic.js';
import { elementWork, matvecWork } from '../local/work.js';
import type { Mesh } from '../mesh.js';
import type { Buffer, Pe, Pending } from '../pe.js';
import { type ByLines, bothAxes, cyclesByLines, layLine, type Phase, phasesOf } from './by-lines.js';
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

/** The parts of every dimension that the PE at a point has. */
function spansOf(
  { x, y }: Point,
  { hidden, ffn, context }: LayerShape,
  { width, height }: { readonly width: number; readonly height: number },
): Pick<LayerPe, 'hiddenX' | 'hiddenY' | 'ffnX' | 'positionsY'> {
  return {
    hiddenX: spanOf(hidden, width, x),
    hiddenY: spanOf(hidden, height, y),
    ffnX: spanOf(ffn, width, x),
    positionsY: spanOf(context, height, y),
  };
}

function buffersOf(
  pe: Pe,
  shape: LayerShape,
  width: number,
  height: number,
  type: ProgramSize['type'],
): LayerPe {
  const spans = spansOf(pe.at, shape, { width, height });
  const { hiddenX, hiddenY, ffnX, positionsY } = spans;
  const [nx, ny, fx, sy] = [hiddenX, hiddenY, ffnX, positionsY].map(lengthOf) as [
    number,
    number,
    number,
    number,
  ];
  const make = (name: string, length: number): Buffer => pe.buffer(name, type, length);
  return {
    ...spans,
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

interface Along {
  readonly sumX: Part;
  readonly sumY: Part;
  readonly maxY: Part;
}

/** The all-reduces of the whole rectangle, along x and along y. */
function allreduces(mesh: Mesh): Along {
  const axes = bothAxes(mesh, mesh);
  for (let y = 0; y < mesh.height; y++) layLine(row(mesh, y), 'x', axes);
  for (let x = 0; x < mesh.width; x++) layLine(column(mesh, x), 'y', axes);
  return { sumX: inTurn(axes.moves.x), sumY: inTurn(axes.moves.y), maxY: inTurn(axes.maxima.y) };
}

/** Cycles without numbers: PEs whose parts are as large do the same local work. */
function cycles(size: ProgramSize): ByLines {
  const mesh = meshOf(size);
  const shape = layerShape(size);
  const known = new Map<string, Phase[]>();
  return cyclesByLines(size.machine, size, (at) => {
    const pe = mesh.pe(at);
    const spans = spansOf(at, shape, size);
    const isLast = spans.positionsY.end === shape.context;
    const key = [...Object.values(spans).map(lengthOf), isLast].join();
    let phases = known.get(key);
    if (phases === undefined) {
      const own = buffersOf(pe, shape, size.width, size.height, size.type);
      phases = phasesOf(pe, (meet) => {
        const along = (axis: 'x' | 'y'): Part =>
          // biome-ignore lint/correctness/useYield: an all-reduce is only written down here.
          function* (_, __, view) {
            meet(axis, view.words);
          };
        return decodeLayer(
          pe,
          own,
          shape,
          { sumX: along('x'), sumY: along('y'), maxY: along('y') },
          size.type,
        );
      });
      known.set(key, phases);
    }
    return phases;
  });
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
  const { x, y } = pe.at;
  const sumY = (buffer: Buffer) => along.sumY(pe, y, buffer.view());
  const maxY = (buffer: Buffer) => along.maxY(pe, y, buffer.view());
  const sumX = (buffer: Buffer) => along.sumX(pe, x, buffer.view());

  function* norm(which: 0 | 1): Generator<Pending, void, void> {
    yield pe.compute(elements(ny, 1), () => own.scalar.write([sumSquares(own.x.read())]), 'sum of squares');
    yield* sumY(own.scalar);
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
  yield* sumY(own.qkv);

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
  yield* sumX(own.scores);
  yield pe.compute(
    elements(sy, 2),
    () => {
      const scaled = own.scores.read().map((score) => score * Math.fround(1 / Math.sqrt(shape.hidden)));
      own.scores.write(scaled);
      own.scalar.write([scaled.reduce((top, score) => Math.max(top, score), LOWEST)]);
    },
    'max',
  );
  yield* maxY(own.scalar);
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
  yield* sumY(own.scalar);
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
  yield* sumY(own.attention);
  yield product('o', own.oWeights, own.attention, own.h, ny);
  yield* sumX(own.h);
  yield addTo(own.h);

  yield* norm(1);
  yield product('gate and up', own.gateUpWeights, own.h, own.gateUp, 2 * fx);
  yield* sumY(own.gateUp);
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
  yield* sumX(own.h);
  yield addTo(own.h);
}

/** Less than any score, and finite in f16. */
const LOWEST = -60000;
/** Vector operations in the polynomial exp: reduction, five multiply-adds, scaling. */
export const EXP_PASSES = 10;

function prepare(size: ProgramSize): Prepared {
  const mesh = meshOf(size);
  const { width, height } = mesh;
  const shape = layerShape(size);
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
function loadPe(own: LayerPe, { hidden, ffn }: LayerShape, weights: LayerWeights): void {
  const { hiddenX, hiddenY, ffnX, positionsY } = own;
  const vectors = (buffer: Buffer, parts: readonly Float64Array[], { first, end }: Span): void => {
    for (const [i, part] of parts.entries()) buffer.writePart(part, first, end, i * (end - first));
  };
  const tiles = (
    buffer: Buffer,
    matrices: readonly ArrayLike<number>[],
    columns: number,
    rows: Span,
    cut: Span,
  ): void => {
    let at = 0;
    for (const matrix of matrices) {
      for (let r = rows.first; r < rows.end; r++) {
        buffer.writePart(matrix, r * columns + cut.first, r * columns + cut.end, at);
        at += lengthOf(cut);
      }
    }
  };
  vectors(own.x, [weights.x], hiddenY);
  vectors(own.norms, [weights.norm1, weights.norm2], hiddenY);
  tiles(own.qkvWeights, [weights.q, weights.k, weights.v], hidden, hiddenX, hiddenY);
  tiles(own.oWeights, [weights.o], hidden, hiddenY, hiddenX);
  tiles(own.gateUpWeights, [weights.gate, weights.up], hidden, ffnX, hiddenY);
  tiles(own.downWeights, [weights.down], ffn, hiddenY, ffnX);
  tiles(own.keys, [weights.keys], hidden, positionsY, hiddenX);
  tiles(own.values, [weights.values], hidden, positionsY, hiddenX);
}

export const DECODE_LAYER: FabricProgram = {
  name: 'decode-layer',
  title: 'One decode step of one transformer layer, ten all-reduces',
  elementsAre: 'hidden size and context',
  prepare,
  cycles,
};
