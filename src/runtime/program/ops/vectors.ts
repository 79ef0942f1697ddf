/** Ops on vectors: norms, rotations, element functions, sums, copies. */
import {
  CLAMP,
  CLAMPED_SILU,
  EXP,
  GELU,
  GELU_QUICK,
  GELU_TANH,
  IDENTITY,
  RELU,
  SIGMOID,
  SILU,
  SITU,
  SOFTCAP,
  SOFTPLUS,
  SQUARED_RELU,
  SWIGLU_OAI,
  TANH,
  XIELU,
} from '../../../../kernels/activation/numbers.js';
import {
  NORM_L2,
  NORM_LAYER,
  NORM_RMS,
  OP_ACTIVATION,
  OP_ADD,
  OP_ARGMAX,
  OP_COPY,
  OP_NORM,
  OP_NORM_RUNS,
  OP_NORM_TO,
  OP_ROPE,
  OP_SCALE,
} from '../../../../kernels/program/instructions.js';
import type { Activation } from '../../../../models/op.js';
import { floatBits, type Share } from '../image.js';
import { ropeKey } from '../shard.js';
import type { RuntimeKind } from './kind.js';

const HOW = { rms: NORM_RMS, layer: NORM_LAYER, l2: NORM_L2 } as const;

export const norm: RuntimeKind<'norm'> = {
  scratch: (op) => 16 * op.reduce.parts,
  compile(op, image) {
    const weight = image.vector(op.weight);
    const bias = image.vector(op.bias);
    const rows = image.rows(op.out, op.in);
    const eps = floatBits(op.eps);
    const { features } = op.in;
    if (op.per < features) {
      const runs = features / op.per;
      const share: Share = `heads ${runs}`;
      const size = op.weight?.shape.reduce((a, b) => a * b, 1) ?? op.per;
      image.touch([[op.in, share]], [[op.out, share]]);
      const whole = [weight, op.per, eps, size > op.per ? op.per : 0, rows, HOW[op.how], bias];
      image.emit(OP_NORM_RUNS, ...image.buffer(op.in), ...whole, ...image.buffer(op.out), runs);
      return;
    }
    const folds = image.folds(op.reduce, op.columns, 1);
    if (image.isDirect(op.out)) {
      const quantise = image.plan.ops.some(
        (next) =>
          next.kind === 'linear' &&
          next.in.id === op.out.id &&
          next.weights.some((weight) => image.isQuantised(weight)),
      );
      image.touch([[op.in, 'all']], []);
      image.fillActivation(op.out, quantise);
      const facts = [weight, features, eps, folds, rows, quantise ? 1 : 0, HOW[op.how], bias];
      image.emit(OP_NORM, ...image.buffer(op.in), ...facts);
      return;
    }
    image.touch([[op.in, 'all']], [[op.out, `features ${features}`]]);
    const facts = [weight, features, eps, folds, rows, HOW[op.how], bias];
    image.emit(OP_NORM_TO, ...image.buffer(op.in), ...facts, ...image.buffer(op.out));
  },
};

export const rope: RuntimeKind<'rope'> = {
  compile(op, image) {
    const { heads, table } = op;
    const share: Share = `heads ${heads}`;
    const angles = image.layout.ropes.get(ropeKey(table))!.address;
    image.touch([[op.in, share]], [[op.out, share]]);
    const head = [heads, op.in.features / heads, op.first, table.dims, op.order === 'halves' ? 1 : 0];
    image.emit(
      OP_ROPE,
      ...image.buffer(op.in),
      ...image.buffer(op.out),
      ...head,
      angles,
      image.rows(op.out, op.in),
    );
  },
};

const NUMBERS: Readonly<Record<Activation['name'], number>> = {
  identity: IDENTITY,
  silu: SILU,
  relu: RELU,
  squaredRelu: SQUARED_RELU,
  sigmoid: SIGMOID,
  tanh: TANH,
  softplus: SOFTPLUS,
  exp: EXP,
  gelu: GELU,
  geluTanh: GELU_TANH,
  geluQuick: GELU_QUICK,
  softcap: SOFTCAP,
  clamp: CLAMP,
  xielu: XIELU,
  clampedSilu: CLAMPED_SILU,
  swigluOai: SWIGLU_OAI,
  situ: SITU,
};

/** A function's own numbers in the order of kernels/activation/numbers.ts. */
function settingsOf(act: Activation): readonly number[] {
  switch (act.name) {
    case 'softcap':
      return [act.cap];
    case 'clamp':
      return [act.limit];
    case 'xielu':
      return [act.alphaP, act.alphaN, act.beta, act.eps];
    case 'clampedSilu':
      return [act.limit, act.after ? 1 : 0];
    case 'swigluOai':
      return [act.alpha, act.limit];
    case 'situ':
      return [act.beta, act.linearBeta];
    default:
      return [];
  }
}

/** The share of an operand that a worker reads for its own features of the result. */
function operandShare(features: number, out: number): Share {
  return features === out ? `features ${out}` : 'all';
}

export const activation: RuntimeKind<'activation'> = {
  compile(op, image) {
    const n = op.out.features;
    const by = op.by;
    image.touch(
      [
        [op.in, operandShare(op.in.features, n)],
        ...(by ? [[by, operandShare(by.features, n)] as const] : []),
      ],
      [[op.out, `features ${n}`]],
    );
    const settings = settingsOf(op.act);
    image.emit(
      OP_ACTIVATION,
      ...image.buffer(op.in),
      n / op.in.features,
      ...(by ? image.buffer(by) : [0, 0]),
      by ? n / by.features : 1,
      ...image.buffer(op.out),
      n,
      image.rows(op.out),
      NUMBERS[op.act.name],
      floatBits(op.times),
      settings.length === 0 ? 0 : image.table(settings.map(floatBits)),
    );
  },
};

export const add: RuntimeKind<'add'> = {
  compile(op, image) {
    const n = op.out.features;
    const share: Share = `features ${n}`;
    image.touch(
      [
        [op.to, share],
        [op.from, share],
      ],
      [[op.out, share]],
    );
    const places = [op.to, op.from, op.out].flatMap((value) => image.buffer(value));
    image.emit(OP_ADD, ...places, n, image.rows(op.out), floatBits(op.times));
  },
};

export const scale: RuntimeKind<'scale'> = {
  compile(op, image) {
    const n = op.out.features;
    const share: Share = `features ${n}`;
    image.touch([[op.in, share]], [[op.out, share]]);
    const step = op.weight?.shape.reduce((a, b) => a * b, 1) === 1 ? 0 : 1;
    image.emit(
      OP_SCALE,
      ...image.buffer(op.in),
      image.vector(op.weight),
      step,
      image.vector(op.bias),
      ...image.buffer(op.out),
      n,
      image.rows(op.out),
    );
  },
};

export const arrange: RuntimeKind<'arrange'> = {
  compile(op, image) {
    const { groups } = op;
    const width = op.out.features / groups;
    const share: Share = `heads ${groups}`;
    let to = 0;
    for (const part of op.parts) {
      const own = part.groups === groups;
      image.touch([[part.in, own ? share : 'all']], [[op.out, share]]);
      image.emit(
        OP_COPY,
        ...image.buffer(part.in),
        own ? part.in.features / groups : 0,
        part.first,
        part.count,
        ...image.buffer(op.out),
        width,
        to,
        groups,
        image.rows(op.out, part.in),
      );
      to += part.count;
    }
  },
};

/** Rows are pooled by the leader, between two programs: those of an input may come in several steps. */
export const pool: RuntimeKind<'pool'> = { compile: () => undefined };

export const logits: RuntimeKind<'logits'> = {
  compile(op, image) {
    image.touch([[op.in, `features ${image.layout.vocabSize}`]], []);
    image.emit(OP_ARGMAX, ...image.buffer(op.in), image.layout.vocabSize);
  },
};
