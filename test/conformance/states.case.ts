/** Cases of the kernels that remember: some positions one after the other, the last one's result. */
import { SILU } from '#kernels/activation/numbers.js';
import { conv } from '#kernels/conv/reference.js';
import { conv as convSpec } from '#kernels/conv/spec.js';
import { linearAttention } from '#kernels/linear-attention/reference.js';
import { linearAttention as linearAttentionSpec } from '#kernels/linear-attention/spec.js';
import { scan } from '#kernels/scan/reference.js';
import { scan as scanSpec } from '#kernels/scan/spec.js';
import { shift } from '#kernels/shift/reference.js';
import { wkv } from '#kernels/wkv/reference.js';
import { wkv as wkvSpec } from '#kernels/wkv/spec.js';
import { Rng } from '#src/core/rng.js';
import { type KernelMachine, normals } from '../helpers/kernels.js';
import { type Case, exactly, result } from './case.js';

const positions = 7;

/** What `make` gives, once per position. */
function each<T>(make: () => T): T[] {
  return Array.from({ length: positions }, make);
}

/** Numbers between 0 and 1: what stays of a state. */
function shares(rng: Rng, n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n }, () => rng.next());
}

/** Of unit length, as delta rules want their keys. */
function unit(rng: Rng, n: number): Float32Array<ArrayBuffer> {
  const x = normals(rng, n);
  const length = Math.hypot(...x);
  return x.map((value) => value / length);
}

const zeros = (machine: KernelMachine, words: number): number =>
  machine.output('state', words * 4, new Float32Array(words));

function convCase(channels: number, length: number, act: 'identity' | 'silu', seed: number): Case {
  return {
    kernel: 'conv',
    shape: `${channels} channels over ${length}, ${act}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = each(() => normals(rng, channels));
      const weight = normals(rng, channels * length);
      const bias = act === 'silu' ? normals(rng, channels) : null;
      const state = zeros(machine, channels * (length - 1));
      const w = machine.input('weight', weight);
      const b = bias ? machine.input('bias', bias) : 0;
      const out = machine.output('out', channels * 4);
      for (const one of x) {
        const at = machine.input('x', one);
        machine.kernels.conv(at, state, w, b, act === 'silu' ? SILU : 0, out, channels, length, 0, channels);
      }
      const expected = conv(x, weight, bias, act, length);
      const shape = { channels, length };
      return [result('out', machine.floats(out, channels), expected, convSpec.tolerance, shape)];
    },
  };
}

function shiftCase(features: number, seed: number): Case {
  return {
    kernel: 'shift',
    shape: `[${features}]`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const x = each(() => normals(rng, features));
      const state = zeros(machine, features);
      const out = machine.output('out', features * 4);
      return x.map((one, p) => {
        machine.kernels.shift(machine.input('x', one), state, out, 0, features);
        return exactly(`position ${p}`, machine.floats(out, features), shift(x.slice(0, p + 1)));
      });
    },
  };
}

function scanCase(headDim: number, stateSize: number, isShared: boolean, seed: number): Case {
  return {
    kernel: 'scan',
    shape: `head of ${headDim}, state ${stateSize}, ${isShared ? 'one a' : 'an a per state'}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const inputs = each(() => ({
        x: normals(rng, headDim),
        dt: Math.fround(2 * rng.next() - 1),
        b: normals(rng, stateSize),
        c: normals(rng, stateSize),
      }));
      const a = shares(rng, isShared ? 1 : stateSize).map((value) => -4 * value);
      const d = Float32Array.of(Math.fround(rng.next()));
      const state = zeros(machine, headDim * stateSize);
      const out = machine.output('out', headDim * 4);
      const weights = [machine.input('a', a), machine.input('d', d)] as const;
      for (const { x, dt, b, c } of inputs) {
        const [xAt, bAt, cAt] = [machine.input('x', x), machine.input('b', b), machine.input('c', c)];
        machine.kernels.scan(
          xAt,
          dt,
          bAt,
          cAt,
          weights[0],
          isShared ? 0 : 1,
          weights[1],
          0,
          headDim,
          stateSize,
          state,
          out,
        );
      }
      const shape = { headDim, stateSize, positions };
      const expected = scan(inputs, a, d[0]!);
      return [result('out', machine.floats(out, headDim), expected, scanSpec.tolerance, shape)];
    },
  };
}

interface LinearAttentionCase {
  readonly keyDim: number;
  readonly valueDim: number;
  readonly isDelta: boolean;
  readonly isPerKey: boolean;
  readonly seed: number;
}

function linearAttentionCase({ keyDim, valueDim, isDelta, isPerKey, seed }: LinearAttentionCase): Case {
  return {
    kernel: 'linear-attention',
    shape: `[${keyDim}, ${valueDim}]${isDelta ? ', delta rule' : ''}, decay of ${isPerKey ? 'each key' : 'the head'}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const inputs = each(() => ({
        q: unit(rng, keyDim),
        k: unit(rng, keyDim),
        v: normals(rng, valueDim),
        decay: shares(rng, isPerKey ? keyDim : 1).map((value) => -value),
        beta: Math.fround(rng.next()),
      }));
      const scale = 0.5;
      const state = zeros(machine, keyDim * valueDim);
      const gates = machine.output('gates', keyDim * 4);
      const out = machine.output('out', valueDim * 4);
      for (const { q, k, v, decay, beta } of inputs) {
        const [qAt, kAt] = [machine.input('q', q), machine.input('k', k)];
        const [vAt, decayAt] = [machine.input('v', v), machine.input('decay', decay)];
        const betaAt = machine.input('beta', Float32Array.of(beta));
        machine.kernels.linearAttention(
          ...([qAt, kAt, vAt, decayAt, isPerKey ? 1 : 0, betaAt, isDelta ? 1 : 0] as const),
          ...([keyDim, valueDim, scale, state, out, gates] as const),
        );
      }
      const shape = { keyDim, valueDim, positions };
      const expected = linearAttention(inputs, isDelta, scale);
      const actual = machine.floats(out, valueDim);
      return [result('out', actual, expected, linearAttentionSpec.tolerance, shape)];
    },
  };
}

function wkvCase(version: 6 | 7, dim: number, seed: number): Case {
  return {
    kernel: 'wkv',
    shape: `version ${version}, head of ${dim}`,
    seed,
    run: (machine) => {
      const rng = new Rng(seed);
      const inputs = each(() => {
        const direction = unit(rng, dim);
        return {
          r: normals(rng, dim),
          w: shares(rng, dim),
          k: normals(rng, dim),
          v: normals(rng, dim),
          ...(version === 7 && { a: direction.map((value) => -value), b: direction }),
        };
      });
      const bonus = version === 6 ? normals(rng, dim) : null;
      const bonusAt = bonus ? machine.input('bonus', bonus) : 0;
      const state = zeros(machine, dim * dim);
      const out = machine.output('out', dim * 4);
      for (const { r, w, k, v, a, b } of inputs) {
        const at = [r, w, k, v].map((x) => machine.input('x', x)) as [number, number, number, number];
        const aAt = a ? machine.input('a', a) : 0;
        const bAt = b ? machine.input('b', b) : 0;
        machine.kernels.wkv(...at, aAt, bAt, bonusAt, dim, state, out);
      }
      const expected = wkv(inputs, bonus);
      return [result('out', machine.floats(out, dim), expected, wkvSpec.tolerance, { dim, positions })];
    },
  };
}

export const stateCases: readonly Case[] = [
  convCase(16, 4, 'silu', 1001),
  convCase(7, 3, 'identity', 1002),
  convCase(5, 2, 'silu', 1003),
  shiftCase(13, 1010),
  scanCase(1, 16, false, 1020),
  scanCase(8, 128, true, 1021),
  scanCase(3, 6, false, 1022),
  scanCase(2, 5, true, 1023),
  linearAttentionCase({ keyDim: 16, valueDim: 16, isDelta: true, isPerKey: false, seed: 1030 }),
  linearAttentionCase({ keyDim: 12, valueDim: 7, isDelta: true, isPerKey: true, seed: 1031 }),
  linearAttentionCase({ keyDim: 8, valueDim: 32, isDelta: false, isPerKey: false, seed: 1032 }),
  linearAttentionCase({ keyDim: 64, valueDim: 64, isDelta: true, isPerKey: true, seed: 1033 }),
  wkvCase(6, 16, 1040),
  wkvCase(6, 10, 1041),
  wkvCase(7, 64, 1042),
  wkvCase(7, 9, 1043),
];
