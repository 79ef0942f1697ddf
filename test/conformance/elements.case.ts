/** Cases of the element functions and of LayerNorm. */
import * as numbers from '#kernels/activation/numbers.js';
import { type ActivationSettings, activation } from '#kernels/activation/reference.js';
import { activation as activationSpec } from '#kernels/activation/spec.js';
import { layernorm } from '#kernels/layernorm/reference.js';
import { layernorm as layernormSpec } from '#kernels/layernorm/spec.js';
import { Rng } from '#src/core/rng.js';
import { normals } from '../helpers/kernels.js';
import { type Case, result } from './case.js';

interface Function {
  readonly name: string;
  readonly number: number;
  readonly settings?: ActivationSettings;
  /** In the kernel's order. */
  readonly words?: readonly number[];
  readonly needsBy?: boolean;
}

const half = Math.fround(0.3);
const functions: readonly Function[] = [
  { name: 'identity', number: numbers.IDENTITY },
  { name: 'silu', number: numbers.SILU },
  { name: 'relu', number: numbers.RELU },
  { name: 'squaredRelu', number: numbers.SQUARED_RELU },
  { name: 'sigmoid', number: numbers.SIGMOID },
  { name: 'tanh', number: numbers.TANH },
  { name: 'softplus', number: numbers.SOFTPLUS },
  { name: 'gelu', number: numbers.GELU },
  { name: 'geluTanh', number: numbers.GELU_TANH },
  { name: 'geluQuick', number: numbers.GELU_QUICK },
  { name: 'softcap', number: numbers.SOFTCAP, settings: { cap: 5 }, words: [5] },
  {
    name: 'xielu',
    number: numbers.XIELU,
    settings: { alphaP: half, alphaN: 1, beta: 0.5, eps: -(2 ** -20) },
    words: [half, 1, 0.5, -(2 ** -20)],
  },
  {
    name: 'clampedSilu',
    number: numbers.CLAMPED_SILU,
    settings: { limit: 2, after: false },
    words: [2, 0],
    needsBy: true,
  },
  {
    name: 'clampedSilu',
    number: numbers.CLAMPED_SILU,
    settings: { limit: 2, after: true },
    words: [2, 1],
    needsBy: true,
  },
  {
    name: 'swigluOai',
    number: numbers.SWIGLU_OAI,
    settings: { alpha: 1.5, limit: 7 },
    words: [1.5, 7],
    needsBy: true,
  },
  {
    name: 'situ',
    number: numbers.SITU,
    settings: { beta: 2, linearBeta: 4 },
    words: [2, 4],
    needsBy: true,
  },
];

/** Runs of 1 and, for x or by of fewer elements, of 3; `n` elements in all. */
function activationCase(of: Function, n: number, runs: readonly [x: number, by: number], seed: number): Case {
  const [xRun, byRun] = runs;
  return {
    kernel: 'activation',
    shape: `${of.name} [${n}], runs of ${xRun} and ${byRun}${of.settings ? `, ${JSON.stringify(of.settings)}` : ''}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      // From far below to far above 0, and close to it.
      const x = normals(rng, n / xRun).map((value, i) => Math.fround(value * (i % 3 === 0 ? 12 : 1)));
      const by = normals(rng, n / byRun);
      const hasBy = of.needsBy === true || seed % 2 === 0;
      const out = machine.output('out', n * 4);
      const words = machine.input('settings', Float32Array.from(of.words ?? [0]));
      const operands = [machine.input('x', x), machine.input('by', by)] as const;
      machine.kernels.activation(
        of.number,
        operands[0],
        xRun,
        hasBy ? operands[1] : 0,
        hasBy ? byRun : 1,
        out,
        0,
        n,
        1,
        words,
      );
      const spread = (all: Float32Array, run: number): Float32Array =>
        Float32Array.from({ length: n }, (_, i) => all[Math.floor(i / run)]!);
      const expected = activation(of.name, spread(x, xRun), hasBy ? spread(by, byRun) : null, of.settings);
      return [result('out', machine.floats(out, n), expected, activationSpec.tolerance, { n })];
    },
  };
}

function layernormCase(columns: number, hasWeight: boolean, hasBias: boolean, seed: number): Case {
  return {
    kernel: 'layernorm',
    shape: `[${columns}]${hasWeight ? '' : ' without weight'}${hasBias ? '' : ' without bias'}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = normals(rng, columns).map((value) => Math.fround(value + 3));
      const [weight, bias] = [normals(rng, columns), normals(rng, columns)];
      const eps = Math.fround(1e-5);
      const y = machine.output('y', columns * 4);
      machine.kernels.layernorm(
        machine.input('x', x),
        hasWeight ? machine.input('weight', weight) : 0,
        hasBias ? machine.input('bias', bias) : 0,
        y,
        columns,
        eps,
        0,
        0,
      );
      const expected = layernorm(x, hasWeight ? weight : null, hasBias ? bias : null, eps);
      return [result('y', machine.floats(y, columns), expected, layernormSpec.tolerance, { columns })];
    },
  };
}

export const elementCases: readonly Case[] = [
  ...functions.flatMap((of, i) =>
    [1, 4, 9, 64].flatMap((n, j) => [activationCase(of, n, [1, 1], 2000 + 20 * i + j)]),
  ),
  ...functions.flatMap((of, i) => [
    activationCase(of, 24, [3, 1], 2501 + 2 * i + (i % 2)),
    activationCase(of, 24, [1, 3], 2600 + 2 * i),
  ]),
  ...[2, 3, 4, 5, 9, 33, 100].flatMap((columns, i) => [
    layernormCase(columns, true, true, 2700 + i),
    layernormCase(columns, false, true, 2720 + i),
    layernormCase(columns, true, false, 2740 + i),
  ]),
];
