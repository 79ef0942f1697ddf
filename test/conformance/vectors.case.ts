/** Cases of the kernels that work on activations: norms, RoPE, attention, elementwise ones, the vocabulary's best. */
import { argmax, logSumExp } from '#kernels/argmax/reference.js';
import { logSumExp as logSumExpSpec } from '#kernels/argmax/spec.js';
import { attention } from '#kernels/attention/reference.js';
import {
  attentionOfInt16 as attentionOfInt16Spec,
  attention as attentionSpec,
} from '#kernels/attention/spec.js';
import { fromInt16, QUERY_MOST, toInt16 } from '#kernels/kv/reference.js';
import { residual } from '#kernels/residual/reference.js';
import { residual as residualSpec } from '#kernels/residual/spec.js';
import { rmsnorm } from '#kernels/rmsnorm/reference.js';
import { rmsnorm as rmsnormSpec } from '#kernels/rmsnorm/spec.js';
import {
  type Llama3Scaling,
  llama3Factors,
  rope,
  type YarnScaling,
  yarnFactors,
} from '#kernels/rope/reference.js';
import { rope as ropeSpec } from '#kernels/rope/spec.js';
import { Rng } from '#src/core/rng.js';
import { fillKv, type KernelMachine, type KvShape, normals } from '../helpers/kernels.js';
import { type Case, exactly, result } from './case.js';

type Values = (rng: Rng) => Float32Array<ArrayBuffer>;

export function rmsnormCase(name: string, values: Values, seed: number): Case {
  return {
    kernel: 'rmsnorm',
    shape: name,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = values(rng);
      const weight = normals(rng, x.length);
      const eps = Math.fround(1e-5);
      const y = machine.output('y', x.length * 4);
      machine.kernels.rmsnorm(machine.input('x', x), machine.input('weight', weight), y, x.length, eps, 0, 0);
      const expected = rmsnorm(x, weight, eps);
      const shape = { columns: x.length };
      return [result('y', machine.floats(y, x.length), expected, rmsnormSpec.tolerance, shape)];
    },
  };
}

const llama3: Llama3Scaling = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 };

export function ropeCase(
  dim: number,
  theta: number,
  scaling: Llama3Scaling | YarnScaling | null,
  seed: number,
): Case {
  const isLlama3 = scaling !== null && 'lowFreqFactor' in scaling;
  const name = isLlama3 ? ', Llama 3 scaling' : ', YaRN';
  return {
    kernel: 'rope',
    shape: `dim ${dim}, theta ${theta}${scaling === null ? '' : name}`,
    seed,
    run: (machine) => {
      const { kernels } = machine;
      const positions = 130;
      const factors = machine.output('factors', dim * 2, new Float32Array(dim / 2).fill(1));
      let expectedFactors: Float64Array = new Float64Array(dim / 2).fill(1);
      if (isLlama3) {
        expectedFactors = llama3Factors(dim, theta, scaling);
        const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
        kernels.ropeLlama3Factors(
          factors,
          dim,
          theta,
          factor,
          lowFreqFactor,
          highFreqFactor,
          originalContext,
        );
      } else if (scaling !== null) {
        expectedFactors = yarnFactors(dim, theta, scaling);
        kernels.ropeYarnFactors(factors, dim, theta, scaling.factor, scaling.originalContext, 32, 1);
      }
      machine.freeze(factors);
      const actualFactors = machine.floats(factors, dim / 2);
      const table = machine.output('table', positions * dim * 4);
      kernels.ropeTable(table, positions, dim, theta, factors, 1);
      machine.freeze(table);
      const x = normals(new Rng(seed), dim);
      const turned = [0, 1, 2, 63, positions - 1].flatMap((position) => {
        const head = machine.output('x', dim * 4, x);
        kernels.rope(head, dim, table + position * dim * 4);
        const expected = rope(x, position, theta, actualFactors);
        const name = `x at position ${position}`;
        // The same pairs, apart by half the head.
        const apart = x.map((_, i) => x[2 * (i % (dim / 2)) + Math.floor(i / (dim / 2))]!);
        const halves = machine.output('halves', dim * 4, apart);
        kernels.ropeHalves(halves, dim, table + position * dim * 4);
        const turnedHalves = machine.floats(halves, dim);
        const together = x.map((_, i) => turnedHalves[(i >> 1) + (i & 1) * (dim / 2)]!);
        return [
          result(name, machine.floats(head, dim), expected, ropeSpec.tolerance, { dim }),
          result(`${name}, in halves`, together, expected, ropeSpec.tolerance, { dim }),
        ];
      });
      const reference = { values: expectedFactors, magnitudes: expectedFactors };
      return [
        { name: 'factors', actual: actualFactors, expected: reference, maxError: 2 ** -23, nmse: 2 ** -48 },
        ...turned,
      ];
    },
  };
}

export interface AttentionCase extends KvShape {
  readonly seed: number;
  /** Query heads per KV head. */
  readonly groupSize?: number;
  /** Changes q, k or v before the cache is filled. */
  readonly spoil?: (q: Float32Array, k: Float32Array, v: Float32Array) => void;
  readonly name?: string;
}

/** All heads of one token, like the engine's attention op. */
export function attentionCase(of: AttentionCase): Case {
  const { kvHeads, dim, length, kvValueBytes, seed } = of;
  const kvType = kvValueBytes === 4 ? 'f32' : 'int16';
  return {
    kernel: 'attention',
    shape: `dim ${dim}, length ${length}, ${kvHeads} KV heads, ${kvType}${of.name ? `, ${of.name}` : ''}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const heads = kvHeads * (of.groupSize ?? 1);
      const q = normals(rng, heads * dim);
      const k = normals(rng, length * kvHeads * dim);
      const v = normals(rng, length * kvHeads * dim);
      of.spoil?.(q, k, v);
      const actual = attend(machine, of, q, k, v);
      const scale = Math.fround(1 / Math.sqrt(dim));
      const held = (x: Float32Array, most?: number): Float32Array =>
        kvValueBytes === 4 ? x : fromInt16(toInt16(x, most));
      const stored = (x: Float32Array, kvHead: number): Float64Array =>
        Float64Array.from(
          Array.from({ length }, (_, p) => {
            const at = (p * kvHeads + kvHead) * dim;
            return [...held(x.subarray(at, at + dim))];
          }).flat(),
        );
      const { tolerance } = kvValueBytes === 4 ? attentionSpec : attentionOfInt16Spec;
      return Array.from({ length: heads }, (_, head) => {
        const kvHead = Math.floor((head * kvHeads) / heads);
        const at = head * dim;
        const query = held(q.subarray(at, at + dim), QUERY_MOST);
        const [keys, values] = [stored(k, kvHead), stored(v, kvHead)];
        const expected = attention(query, keys, values, scale);
        if (kvValueBytes === 2) {
          // Errors of weights are shared by all dims of V.
          const largest = Float64Array.from(values, (_, i) =>
            values.subarray(i - (i % dim), i - (i % dim) + dim).reduce((m, x) => Math.max(m, Math.abs(x)), 0),
          );
          expected.magnitudes.set(attention(query, keys, largest, scale).magnitudes);
        }
        const shape = { dim, length, kvValueBytes, scoreMagnitude: expected.scoreMagnitude };
        const out = actual.subarray(at, at + dim);
        return result(`head ${head}`, out, expected, tolerance, shape);
      });
    },
  };
}

function attend(
  machine: KernelMachine,
  { kvHeads, dim, length, kvValueBytes }: KvShape,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
): Float32Array {
  const cache = fillKv(machine, { kvHeads, dim, length, kvValueBytes }, k, v);
  const heads = q.length / dim;
  const queries = machine.input('q', q);
  const out = machine.output('out', q.length * 4);
  const scratch = machine.output('scratch', 4096);
  const scale = Math.fround(1 / Math.sqrt(dim));
  for (let head = 0; head < heads; head++) {
    const kvHead = Math.floor((head * kvHeads) / heads);
    const at = head * dim * 4;
    machine.kernels.attention(
      queries + at,
      dim,
      dim,
      cache.layer,
      cache.pages,
      kvHead,
      kvHeads,
      length,
      length - 1,
      scale,
      out + at,
      kvValueBytes,
      0,
      0,
      head,
      scratch,
    );
  }
  return machine.floats(out, q.length);
}

export function residualCase(name: string, values: Values, seed: number): Case {
  return {
    kernel: 'residual',
    shape: name,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = values(rng);
      const y = normals(rng, x.length);
      const out = machine.output('x', x.length * 4, x);
      machine.kernels.residual(out, machine.input('y', y), out, 0, x.length, 1);
      const shape = { n: x.length };
      return [result('x', machine.floats(out, x.length), residual(x, y), residualSpec.tolerance, shape)];
    },
  };
}

export function argmaxCase(name: string, values: Values, seed: number): Case {
  return {
    kernel: 'argmax',
    shape: name,
    seed,
    run: (machine) => {
      const x = values(new Rng(seed));
      const best = machine.kernels.argmax(machine.input('x', x), x.length);
      return [exactly('index', Float64Array.of(best), [argmax(x)])];
    },
  };
}

export function logSumExpCase(name: string, values: Values, seed: number): Case {
  return {
    kernel: 'logSumExp',
    shape: name,
    seed,
    run: (machine) => {
      const x = values(new Rng(seed));
      const actual = Float64Array.of(machine.kernels.logSumExp(machine.input('x', x), x.length));
      return [result('log', actual, logSumExp(x), logSumExpSpec.tolerance, { n: x.length })];
    },
  };
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100];
const put =
  (n: number, at: number, value: number): Values =>
  (rng) =>
    normals(rng, n).fill(value, at, at + 1);
/** The same value at each of the places where vector code may treat a lane of its own way. */
const everywhere = (n: number, value: number): [string, Values][] =>
  Array.from({ length: n }, (_, at) => [`[${n}] with ${value} at ${at}`, put(n, at, value)]);
const normal: [string, Values][] = lengths.map((n) => [`[${n}]`, (rng) => normals(rng, n)]);

/** [kvHeads, dim, length, groupSize] */
const attentionShapes = [
  ...[2, 6, 8, 32, 48, 64, 80].map((dim) => [2, dim, 33, 1] as const),
  ...[1, 15, 16, 17, 31, 32, 100].map((length) => [1, 8, length, 1] as const),
  [3, 8, 20, 2],
  [4, 2, 65, 3],
] as const;

export const vectorCases: readonly Case[] = [
  ...normal.map(([name, values], i) => rmsnormCase(name, values, 1000 + i)),
  ...everywhere(9, nan).map(([name, values], i) => rmsnormCase(name, values, 1020 + i)),
  rmsnormCase('[20] of zeros', () => new Float32Array(20), 1040),
  rmsnormCase('[20] of 1e-8', (rng) => normals(rng, 20).map((x) => x * 1e-8), 1041),
  rmsnormCase('[20] of 1e15', (rng) => normals(rng, 20).map((x) => x * 1e15), 1042),
  ...[2, 6, 8, 32, 48, 64, 80].flatMap((dim, i) => [
    ropeCase(dim, 10000, null, 1100 + i),
    ropeCase(dim, 500000, llama3, 1120 + i),
    ropeCase(dim, 10000, { factor: 4, originalContext: 2048 }, 1140 + i),
  ]),
  ...attentionShapes.flatMap(([kvHeads, dim, length, groupSize], i) =>
    ([4, 2] as const).map((kvValueBytes) =>
      attentionCase({ kvHeads, dim, length, groupSize, kvValueBytes, seed: 1200 + i }),
    ),
  ),
  ...[0, 5, 16].map((at) =>
    attentionCase({
      ...{ kvHeads: 1, dim: 8, length: 17, kvValueBytes: 4, seed: 1300 + at },
      name: `NaN in k at ${at}`,
      spoil: (_q, k) => k.fill(nan, at * 8, at * 8 + 1),
    }),
  ),
  attentionCase({
    ...{ kvHeads: 1, dim: 8, length: 17, kvValueBytes: 4, seed: 1330 },
    name: 'NaN in v',
    spoil: (_q, _k, v) => v.fill(nan, 16 * 8 + 3, 16 * 8 + 4),
  }),
  ...([4, 2] as const).flatMap((kvValueBytes) => [
    attentionCase({
      ...{ kvHeads: 1, dim: 8, length: 17, kvValueBytes, seed: 1331 },
      name: 'v of very different sizes',
      spoil: (_q, _k, v) => v.fill(1e6, 5 * 8 + 2, 5 * 8 + 3).fill(-1e6, 5 * 8 + 4, 5 * 8 + 5),
    }),
    attentionCase({
      ...{ kvHeads: 1, dim: 8, length: 17, kvValueBytes, seed: 1332 },
      name: 'NaN in q',
      spoil: (q) => q.fill(nan, 3, 4),
    }),
    attentionCase({
      ...{ kvHeads: 1, dim: 8, length: 33, kvValueBytes, seed: 1333 },
      name: 'one position far above the others',
      spoil: (q, k) => {
        q.fill(10);
        k.fill(10, 20 * 8, 21 * 8);
      },
    }),
  ]),
  ...normal.map(([name, values], i) => residualCase(name, values, 1500 + i)),
  ...everywhere(5, nan).map(([name, values], i) => residualCase(name, values, 1520 + i)),
  ...everywhere(5, infinity).map(([name, values], i) => residualCase(name, values, 1530 + i)),
  ...normal.map(([name, values], i) => argmaxCase(name, values, 1600 + i)),
  ...everywhere(17, 9).map(([name, values], i) => argmaxCase(name, values, 1620 + i)),
  ...everywhere(17, nan).map(([name, values], i) => argmaxCase(name, values, 1640 + i)),
  argmaxCase('[19] of equal numbers', () => new Float32Array(19).fill(-3), 1660),
  argmaxCase('[19] of -Infinity', () => new Float32Array(19).fill(-infinity), 1661),
  argmaxCase('[8] of NaN', () => new Float32Array(8).fill(nan), 1662),
  argmaxCase('[20] with two best', (rng) => normals(rng, 20).fill(50, 6, 7).fill(50, 13, 14), 1663),
  ...normal.map(([name, values], i) => logSumExpCase(name, values, 1700 + i)),
  ...everywhere(9, nan).map(([name, values], i) => logSumExpCase(name, values, 1720 + i)),
  logSumExpCase('[50] of 1e4', (rng) => normals(rng, 50).map((x) => x * 1e4), 1730),
];
