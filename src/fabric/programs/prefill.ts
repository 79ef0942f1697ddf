/**
 * Prefill of one transformer layer on P x P PEs, laid out as WaferLLM's prefill (He et al., OSDI 2025): tokens are cut
 * along y, features along x, weights along both. Matrix products are MeshGEMMs, scores are GEMM-T, norms and the
 * softmax reduce along the rows of PEs. One causal head of the full width; as many tokens as features.
 */
import { reduceAlong } from '../../placement/reduce.js';
import { allreduce, allreduceColors } from '../collectives/allreduce.js';
import type { Part } from '../collectives/line.js';
import { column, row } from '../collectives/line.js';
import type { Shift, TilePair } from '../collectives/shift.js';
import { interleavedRing, ringShift, shiftAndMultiply, shiftColors } from '../collectives/shift.js';
import { expF32, rmsScale, sumSquares, swiglu } from '../local/arithmetic.js';
import { elementWork, matmulWork } from '../local/work.js';
import type { Buffer, FoldName, Pe, Pending } from '../pe.js';
import { EXP_PASSES } from './decode.js';
import { decodeWeights, type LayerShape, type LayerWeights, layerShape, prefillReference } from './layer.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { largestDifference, meshOf, waveletsOf } from './program.js';
import type { TileShape } from './tiles.js';
import { assertSquare, multiplyTiles } from './tiles.js';

/** Scores that a token may not see; finite in f16. */
const HIDDEN_SCORE = -60000;

/** One PE's share: `t` tokens and features, `f` intermediate features; ring coordinates name its tiles. */
interface PrefillPe {
  readonly pe: Pe;
  readonly ringRow: number;
  readonly ringColumn: number;
  readonly x: Buffer;
  readonly norms: Buffer;
  readonly weights: {
    readonly qkv: TilePair;
    readonly o: TilePair;
    readonly gateUp: TilePair;
    readonly down: TilePair;
  };
  readonly h: TilePair;
  readonly qkv: Buffer;
  readonly q: Buffer;
  readonly k: TilePair;
  readonly v: TilePair;
  readonly partial: Buffer;
  readonly scores: TilePair;
  readonly out: Buffer;
  readonly gateUp: Buffer;
  readonly gated: TilePair;
  readonly perToken: Buffer;
  readonly tokens: { readonly a: Buffer; readonly b: Buffer };
}

/** What all PEs share: sizes and the ways along which tiles and sums travel. */
interface Stage {
  readonly shape: LayerShape;
  readonly type: ProgramSize['type'];
  readonly pes: number;
  readonly t: number;
  readonly f: number;
  readonly ring: readonly number[];
  readonly alongRow: readonly Shift[];
  readonly alongColumn: readonly Shift[];
  readonly sums: readonly Part[];
  readonly maxima: readonly Part[];
}

function* prefillLayer(own: PrefillPe, stage: Stage): Generator<Pending, void, void> {
  const { pe, ringRow, ringColumn } = own;
  const { shape, type, pes, t, f, ring } = stage;
  const { numbers } = pe.mesh;
  const { x, y } = pe.at;
  const elements = (count: number, passes: number) => elementWork(numbers, count, passes, type);
  const shiftRow = (tiles: TilePair) => () => stage.alongRow[y]!(pe, x, tiles, own.tokens.a);
  const shiftColumn = (tiles: TilePair) => () => stage.alongColumn[x]!(pe, y, tiles, own.tokens.b);

  /** `into = a b`, MeshGEMM. */
  function* multiply(
    name: string,
    a: TilePair,
    b: TilePair,
    into: Buffer,
    tile: TileShape,
  ): Generator<Pending, void, void> {
    const work = matmulWork(numbers, tile.m, tile.k, tile.n, type);
    into.write(new Float32Array(into.length));
    yield* shiftAndMultiply(pe, { ringRow, ringColumn, pes }, shiftRow(a), shiftColumn(b), () => {
      const [left, right] = [a.current, b.current];
      return pe.compute(work, () => multiplyTiles(left, right, into, tile), name);
    });
  }
  /** One number per token, folded along the row of PEs. */
  function* perToken(
    name: string,
    count: number,
    passes: number,
    of: (token: number) => number,
    fold: FoldName,
  ): Generator<Pending, void, void> {
    yield pe.compute(
      elements(count, passes),
      () => own.perToken.write(Array.from({ length: t }, (_, i) => of(i))),
      name,
    );
    yield* (fold === 'max' ? stage.maxima : stage.sums)[y]!(pe, x, own.perToken.view());
  }
  function* norm(which: 0 | 1): Generator<Pending, void, void> {
    yield* perToken(
      'sum of squares',
      t * t,
      1,
      (i) => sumSquares(own.x.read().subarray(i * t, i * t + t)),
      'add',
    );
    yield pe.compute(
      elements(t * t, 2),
      () => {
        const [values, sums, weight] = [own.x.read(), own.perToken.read(), own.norms.read()];
        own.h.current.write(
          values.map((value, i) => {
            const scale = rmsScale(sums[Math.floor(i / t)]!, shape.hidden, shape.eps);
            return Math.fround(Math.fround(value * scale) * weight[which * t + (i % t)]!);
          }),
        );
      },
      'norm',
    );
  }
  const addToX = (delta: Buffer): Pending =>
    pe.compute(
      elements(t * t, 1),
      () => {
        const change = delta.read();
        own.x.write(own.x.read().map((value, i) => value + change[i]!));
      },
      'residual',
    );

  yield* norm(0);
  yield* multiply('qkv', own.h, own.weights.qkv, own.qkv, { m: t, k: t, n: 3 * t });
  yield pe.compute(
    elements(t * t, 3),
    () => {
      const all = own.qkv.read();
      for (const [part, buffer] of [own.q, own.k.current, own.v.current].entries()) {
        buffer.write(
          Array.from({ length: t * t }, (_, i) => all[Math.floor(i / t) * 3 * t + part * t + (i % t)]!),
        );
      }
    },
    'split',
  );

  // Scores, GEMM-T: in step s the K that passes by is that of ring row `ringRow - s`.
  for (let step = 0; step < pes; step++) {
    const { current: keys } = own.k;
    yield pe.compute(
      matmulWork(numbers, t, t, t, type),
      () => {
        own.partial.write(new Float32Array(t * t));
        multiplyTiles(own.q, keys, own.partial, { m: t, k: t, n: t }, true);
      },
      'Q K^T',
    );
    const shifted = step < pes - 1 ? pe.fork('shift K', shiftColumn(own.k)) : null;
    yield* stage.sums[y]!(pe, x, own.partial.view());
    if (x === ring[(ringRow - step + pes) % pes]!) {
      yield pe.compute(
        elements(t * t, 2),
        () => {
          const scale = Math.fround(1 / Math.sqrt(shape.hidden));
          own.scores.current.write(
            own.partial.read().map((score, i) => {
              const query = ringRow * t + Math.floor(i / t);
              const key = ringColumn * t + (i % t);
              return key <= query && key < shape.hidden ? score * scale : HIDDEN_SCORE;
            }),
          );
        },
        'scale and mask',
      );
    }
    if (shifted !== null) yield shifted;
  }
  const rowOfScores = (i: number): Float32Array => own.scores.current.read().subarray(i * t, i * t + t);
  yield* perToken(
    'max',
    t * t,
    1,
    (i) => rowOfScores(i).reduce((top, score) => Math.max(top, score), HIDDEN_SCORE),
    'max',
  );
  yield pe.compute(
    elements(t * t, EXP_PASSES),
    () => {
      const top = own.perToken.read();
      own.scores.current.write(
        own.scores.current.read().map((score, i) => expF32(score - top[Math.floor(i / t)]!)),
      );
    },
    'exp',
  );
  yield* perToken(
    'sum',
    t * t,
    1,
    (i) => rowOfScores(i).reduce((sum, weight) => Math.fround(sum + weight), 0),
    'add',
  );
  yield pe.compute(
    elements(t * t, 1),
    () => {
      const total = own.perToken.read();
      own.scores.current.write(
        own.scores.current.read().map((weight, i) => weight / total[Math.floor(i / t)]!),
      );
    },
    'divide',
  );

  yield* multiply('P V', own.scores, own.v, own.out, { m: t, k: t, n: t });
  yield pe.compute(elements(t * t, 1), () => own.h.current.write(own.out.read()), 'copy');
  yield* multiply('o', own.h, own.weights.o, own.out, { m: t, k: t, n: t });
  yield addToX(own.out);

  yield* norm(1);
  yield* multiply('gate and up', own.h, own.weights.gateUp, own.gateUp, { m: t, k: t, n: 2 * f });
  yield pe.compute(
    elements(t * f, EXP_PASSES),
    () => {
      const both = own.gateUp.read();
      own.gated.current.write(
        Array.from({ length: t * f }, (_, i) => {
          const at = Math.floor(i / f) * 2 * f + (i % f);
          return swiglu(both[at]!, both[at + f]!);
        }),
      );
    },
    'SwiGLU',
  );
  yield* multiply('down', own.gated, own.weights.down, own.out, { m: t, k: f, n: t });
  yield addToX(own.out);
}

function prepare(size: ProgramSize): Prepared {
  assertSquare(size);
  const mesh = meshOf(size);
  const pes = mesh.width;
  const shape = layerShape({ ...size, context: size.elements });
  const t = Math.ceil(shape.hidden / pes);
  const f = Math.ceil(shape.ffn / pes);
  const ring = interleavedRing(pes);
  const place = ring.map((_, i) => ring.indexOf(i));

  // ── Layout ──
  const rowShifts = shiftColors(row(mesh, 0), ring, 'A');
  const columnShifts = shiftColors(column(mesh, 0), ring, 'B');
  const sumColors = allreduceColors(row(mesh, 0), 'sum');
  const reduce = reduceAlong('x', pes);
  const each = <T>(make: (i: number) => T): T[] => Array.from({ length: pes }, (_, i) => make(i));
  const stage: Stage = {
    shape,
    type: size.type,
    pes,
    t,
    f,
    ring,
    alongRow: each((y) => ringShift(row(mesh, y), ring, rowShifts)),
    alongColumn: each((x) => ringShift(column(mesh, x), ring, columnShifts)),
    sums: each((y) => allreduce(row(mesh, y), reduce, sumColors)),
    maxima: each((y) => allreduce(row(mesh, y), reduce, sumColors, 'max')),
  };
  const all: PrefillPe[] = [];
  for (let y = 0; y < pes; y++) {
    for (let x = 0; x < pes; x++) {
      const pe = mesh.pe({ x, y });
      const make = (name: string, length: number): Buffer => pe.buffer(name, size.type, length);
      const pair = (name: string, length: number): TilePair => ({
        current: make(name, length),
        spare: make(`${name} spare`, length),
      });
      const own: PrefillPe = {
        pe,
        ringRow: place[y]!,
        ringColumn: place[x]!,
        x: make('x', t * t),
        norms: make('norm weights', 2 * t),
        weights: {
          qkv: pair('qkv weights', 3 * t * t),
          o: pair('o weights', t * t),
          gateUp: pair('gate and up weights', 2 * t * f),
          down: pair('down weights', f * t),
        },
        h: pair('h', t * t),
        qkv: make('qkv', 3 * t * t),
        q: make('q', t * t),
        k: pair('k', t * t),
        v: pair('v', t * t),
        partial: make('partial scores', t * t),
        scores: pair('scores', t * t),
        out: make('out', t * t),
        gateUp: make('gate and up', 2 * t * f),
        gated: pair('gated', t * f),
        perToken: make('per token', t),
        tokens: { a: pe.buffer('A credit', 'f32', 2), b: pe.buffer('B credit', 'f32', 2) },
      };
      all.push(own);
      pe.main = () => prefillLayer(own, stage);
    }
  }

  // ── Host run ──
  let wanted = new Float64Array(0);
  return {
    mesh,
    wavelets: waveletsOf(t * t, size.type),
    load(rng) {
      const weights = decodeWeights(shape, rng, size.type);
      for (const own of all) loadPe(own, stage, weights);
      wanted = prefillReference(shape, weights);
    },
    maxAbsError() {
      const found = new Float64Array(wanted.length);
      for (const { x, ringRow, ringColumn } of all) {
        const values = x.read();
        for (let i = 0; i < t * t; i++) {
          const [token, feature] = [ringRow * t + Math.floor(i / t), ringColumn * t + (i % t)];
          if (token < shape.hidden && feature < shape.hidden)
            found[token * shape.hidden + feature] = values[i]!;
        }
      }
      return largestDifference(found, wanted);
    },
  };
}

/** Copies a PE's tiles out of the whole matrices; weights [out, in] become tiles [in, out]. */
function loadPe(own: PrefillPe, { shape, t, f }: Stage, weights: LayerWeights): void {
  const { ringRow, ringColumn } = own;
  const { hidden, ffn } = shape;
  const at = (matrix: Float32Array | Float64Array, columns: number, r: number, c: number): number =>
    r < matrix.length / columns && c < columns ? matrix[r * columns + c]! : 0;
  const transposed = (matrices: readonly Float32Array[], inputs: number, k: number, n: number): number[] =>
    Array.from({ length: k * n * matrices.length }, (_, i) => {
      const [input, rest] = [Math.floor(i / (n * matrices.length)), i % (n * matrices.length)];
      return at(matrices[Math.floor(rest / n)]!, inputs, ringColumn * n + (rest % n), ringRow * k + input);
    });
  own.weights.qkv.current.write(transposed([weights.q, weights.k, weights.v], hidden, t, t));
  own.weights.o.current.write(transposed([weights.o], hidden, t, t));
  own.weights.gateUp.current.write(transposed([weights.gate, weights.up], hidden, t, f));
  own.weights.down.current.write(transposed([weights.down], ffn, f, t));
  own.norms.write(
    [weights.norm1, weights.norm2].flatMap((norm) =>
      Array.from({ length: t }, (_, i) => norm[ringColumn * t + i] ?? 0),
    ),
  );
  // The tokens' activations: the matrix that serves the decode layer as its keys.
  own.x.write(
    Array.from({ length: t * t }, (_, i) =>
      at(weights.keys, hidden, ringRow * t + Math.floor(i / t), ringColumn * t + (i % t)),
    ),
  );
}

export const PREFILL_LAYER: FabricProgram = {
  name: 'prefill-layer',
  title: 'Prefill of one transformer layer: MeshGEMM, GEMM-T, causal softmax',
  elementsAre: 'hidden size and tokens',
  prepare,
};
