/** Cases of the kernels of mixtures of experts and of hyper-connections: the choice, products with the chosen, their sum, streams. */
import { expertLinear } from '#kernels/expert-linear/reference.js';
import {
  type ExpertLinearShape,
  expertLinear as expertSpec,
  scratchBytes,
} from '#kernels/expert-linear/spec.js';
import { mix } from '#kernels/mix/reference.js';
import { mix as mixSpec } from '#kernels/mix/spec.js';
import { isBlockType } from '#kernels/quants/index.js';
import * as numbers from '#kernels/route/numbers.js';
import { type Routing, route } from '#kernels/route/reference.js';
import { scratchBytes as routeScratch, route as routeSpec } from '#kernels/route/spec.js';
import { type Weighing, weighStreams, writeStreams } from '#kernels/streams/reference.js';
import { weighStreams as weighSpec, writeStreams as writeSpec } from '#kernels/streams/spec.js';
import { Rng } from '#src/core/rng.js';
import { idOf, matrixOf, normals, packMatrix, randomMatrix } from '../helpers/kernels.js';
import { type Case, exactly, result } from './case.js';
import { vectors } from './matrices.case.js';

const SCORING = {
  softmax: numbers.SOFTMAX,
  sigmoid: numbers.SIGMOID,
  softmaxOfChosen: numbers.SOFTMAX_OF_CHOSEN,
  sqrtSoftplus: numbers.SQRT_SOFTPLUS,
} as const;

const usual: Routing = {
  top: 3,
  scoring: 'softmax',
  chooseBy: 'scores',
  groups: null,
  isNormalised: true,
  times: 1,
};

function routeCase(experts: number, own: Partial<Routing>, hasBias: boolean, seed: number): Case {
  const facts = { ...usual, ...own };
  const { top, groups, scoring } = facts;
  const said = `${scoring}${groups ? `, ${groups.used} of ${groups.count} groups` : ''}${hasBias ? ', biased' : ''}`;
  return {
    kernel: 'route',
    shape: `${top} of ${experts}, ${said}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const logits = normals(rng, experts);
      const bias = hasBias ? normals(rng, experts).map((x) => x / 4) : null;
      const [at, biasAt] = [machine.input('logits', logits), bias ? machine.input('bias', bias) : 0];
      const out = machine.output('out', 8 * top);
      const scratch = machine.output('scratch', routeScratch(experts, groups?.count ?? 0));
      const chooseBy = facts.chooseBy === 'logits' ? numbers.CHOOSE_BY_LOGITS : numbers.CHOOSE_BY_SCORES;
      machine.kernels.route(
        ...([at, experts, top, SCORING[scoring], chooseBy, biasAt] as const),
        ...([groups?.count ?? 0, groups?.used ?? 0, facts.isNormalised ? 1 : 0, facts.times] as const),
        ...([out, scratch] as const),
      );
      const actual = machine.floats(out, 2 * top);
      const expected = Float64Array.from(route(logits, bias, facts));
      const weights = { values: expected.subarray(top), magnitudes: expected.subarray(top).map(Math.abs) };
      return [
        exactly('the chosen', actual.subarray(0, top), expected.subarray(0, top)),
        result('weights', actual.subarray(top), weights, routeSpec.tolerance, { experts, top }),
      ];
    },
  };
}

function mixCase(top: number, n: number, isWeighed: boolean, seed: number): Case {
  return {
    kernel: 'mix',
    shape: `[${top}, ${n}]${isWeighed ? ', weighed' : ''}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = normals(rng, top * n);
      const weights = isWeighed ? normals(rng, top) : null;
      const [at, weightsAt] = [machine.input('x', x), weights ? machine.input('weights', weights) : 0];
      const out = machine.output('out', n * 4);
      // Two workers' shares.
      const half = Math.min(n, 8 * Math.ceil(n / 16));
      machine.kernels.mix(at, weightsAt, top, n, out, 0, half);
      machine.kernels.mix(at, weightsAt, top, n, out, half, n);
      return [result('out', machine.floats(out, n), mix(x, weights, top), mixSpec.tolerance, { top, n })];
    },
  };
}

interface ExpertCase extends ExpertLinearShape {
  /** Each of the chosen has an input of its own, or all of a token share one. */
  readonly isInputPerExpert: boolean;
  readonly isWeighed: boolean;
  readonly hasBias: boolean;
}

function expertCase(shape: ExpertCase, seed: number): Case {
  const { type, matrices, rows, columns, count, top, isInputPerExpert, isWeighed, hasBias } = shape;
  const said = [isInputPerExpert && 'an input each', isWeighed && 'weighed', hasBias && 'biased'].filter(
    Boolean,
  );
  return {
    kernel: 'expert-linear',
    shape: `${type} [${matrices}, ${rows}, ${columns}], ${top} for ${count}${said.map((s) => `, ${s}`).join('')}`,
    seed,
    run: (machine) => {
      const { kernels } = machine;
      const rng = new Rng(seed);
      const stack = randomMatrix(rng, type, matrices * rows, columns);
      const each = stack.raw.length / matrices;
      const groups = Math.ceil(rows / 8);
      const stride = groups * kernels.groupBytes(idOf(type), columns);
      const all = new Uint8Array(matrices * stride);
      for (let e = 0; e < matrices; e++) {
        const own = matrixOf(type, rows, columns, stack.raw.slice(e * each, (e + 1) * each));
        all.set(machine.bytes(packMatrix(machine, own), stride), e * stride);
      }
      const w = machine.input('W', all);
      const own = isInputPerExpert ? top : 1;
      const inputs = vectors(machine, type, normals(rng, count * own * columns), columns);
      const chosen = Array.from({ length: count }, (_, m) =>
        Array.from({ length: top }, (_, slot) => (m * 2 + slot * 3 + (m % 2)) % matrices),
      );
      const weights = Array.from({ length: count }, () => normals(rng, top));
      const picks = machine.input(
        'chosen',
        Float32Array.from(chosen.flatMap((e, m) => [...e, ...weights[m]!])),
      );
      const bias = hasBias ? normals(rng, matrices * rows) : null;
      const y = machine.output('y', count * top * rows * 4);
      const xBytes = isBlockType(type) ? kernels.quantizedBytes(columns) : columns * 4;
      const scratch = machine.output('scratch', scratchBytes(shape, xBytes) + 32);
      kernels.expertLinear(
        ...([idOf(type), w, stride, matrices, rows, 0, groups, columns] as const),
        ...([inputs.address, own * inputs.stride, isInputPerExpert ? inputs.stride : 0, xBytes] as const),
        ...([picks, 8 * top, top, count, y, top * rows * 4] as const),
        ...([bias ? machine.input('bias', bias) : 0, isWeighed ? 1 : 0, 0, scratch] as const),
      );
      return chosen.map((picked, m) => {
        const x = inputs.values.subarray(m * own * columns, (m + 1) * own * columns);
        const facts = { weights: isWeighed ? weights[m]! : null, bias };
        const expected = expertLinear(stack.values, x, picked, { rows, columns }, facts, stack.magnitudes);
        const actual = machine.floats(y + m * top * rows * 4, top * rows);
        return result(`y of ${m}`, actual, expected, expertSpec.tolerance, shape);
      });
    },
  };
}

const plain: Weighing = {
  streams: 4,
  isSoftmax: false,
  eps: 1e-6,
  magnitude: 2,
  writeEps: 0,
  iterations: 0,
};

function weighCase(n: number, own: Partial<Weighing>, seed: number): Case {
  const facts = { ...plain, ...own };
  const { streams, iterations } = facts;
  return {
    kernel: 'streams',
    shape: `weights of ${streams} from ${n} logits${facts.isSoftmax ? ', softmax' : ''}, ${iterations} iterations`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = normals(rng, n);
      const scale = facts.isSoftmax ? null : normals(rng, Math.min(3, n / streams));
      const base = facts.isSoftmax ? null : normals(rng, n);
      const [scaleAt, baseAt] = [scale, base].map((v) => (v ? machine.input('affine', v) : 0)) as [
        number,
        number,
      ];
      const out = machine.output('out', n * 4);
      machine.kernels.weighStreams(
        ...([machine.input('x', x), n, streams, facts.isSoftmax ? 1 : 0, scaleAt, baseAt] as const),
        ...([facts.eps, facts.magnitude, facts.writeEps, iterations, out] as const),
      );
      const expected = weighStreams(x, scale, base, { ...facts, eps: Math.fround(facts.eps) });
      return [result('out', machine.floats(out, n), expected, weighSpec.tolerance, facts)];
    },
  };
}

function writeCase(streams: number, features: number, isMixed: boolean, seed: number): Case {
  return {
    kernel: 'streams',
    shape: `to ${streams} of ${features}${isMixed ? ', mixed' : ''}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = normals(rng, streams * features);
      const from = normals(rng, features);
      const weights = normals(rng, streams * (isMixed ? 2 + streams : 2));
      const at = [
        machine.input('x', x),
        machine.input('from', from),
        machine.input('weights', weights),
      ] as const;
      const out = machine.output('out', streams * features * 4);
      const half = features >> 1;
      for (const [first, end] of [[0, half] as const, [half, features] as const])
        machine.kernels.writeStreams(...at, streams, features, isMixed ? 1 : 0, out, first, end);
      const expected = writeStreams(x, from, weights, streams);
      const actual = machine.floats(out, streams * features);
      return [result('out', actual, expected, writeSpec.tolerance, { streams, features })];
    },
  };
}

const stack = { matrices: 5, top: 3, isInputPerExpert: false, isWeighed: false, hasBias: false } as const;

export const expertCases: readonly Case[] = [
  routeCase(6, {}, false, 1101),
  routeCase(7, { scoring: 'sigmoid', times: 2.5 }, true, 1102),
  routeCase(130, { scoring: 'softmaxOfChosen', top: 8 }, false, 1103),
  routeCase(12, { scoring: 'sigmoid', groups: { count: 4, used: 2 } }, true, 1104),
  routeCase(9, { scoring: 'sqrtSoftplus', isNormalised: false, top: 9 }, true, 1105),
  routeCase(5, { scoring: 'sigmoid', chooseBy: 'logits', top: 1, isNormalised: false }, false, 1106),
  mixCase(3, 24, true, 1110),
  mixCase(4, 13, false, 1111),
  mixCase(1, 5, true, 1112),
  expertCase({ ...stack, type: 'F32', rows: 13, columns: 20, count: 1 }, 1120),
  expertCase({ ...stack, type: 'F16', rows: 8, columns: 12, count: 7, isWeighed: true, hasBias: true }, 1121),
  expertCase({ ...stack, type: 'Q8_0', rows: 24, columns: 64, count: 21 }, 1122),
  expertCase({ ...stack, type: 'Q4_K', rows: 11, columns: 256, count: 6, isInputPerExpert: true }, 1123),
  expertCase({ ...stack, type: 'MXFP4', rows: 16, columns: 32, count: 40, top: 2, hasBias: true }, 1124),
  weighCase(8, {}, 1130),
  weighCase(24, { iterations: 2 }, 1131),
  weighCase(15, { streams: 3, iterations: 20, writeEps: 0.25 }, 1132),
  weighCase(9, { streams: 9, isSoftmax: true }, 1133),
  writeCase(4, 16, true, 1140),
  writeCase(3, 7, false, 1141),
];
