/** Ops that remember: a state per sequence, beside the KV cache. */
import { IDENTITY, SILU } from '../../../../kernels/activation/numbers.js';
import {
  OP_CONV,
  OP_LINEAR_ATTENTION,
  OP_SCAN,
  OP_SHIFT,
  OP_WKV,
} from '../../../../kernels/program/instructions.js';
import type { Value } from '../../../../models/op.js';
import { floatBits, type Image, type Share } from '../image.js';
import type { RuntimeKind } from './kind.js';

export const conv: RuntimeKind<'conv'> = {
  stateWords: (op) => (op.length - 1) * op.in.features,
  compile(op, image) {
    const channels = op.in.features;
    const share: Share = `features ${channels}`;
    image.touch([[op.in, share]], [[op.out, share]]);
    image.emit(
      OP_CONV,
      ...image.buffer(op.in),
      ...image.buffer(op.out),
      image.state(op.state),
      channels,
      op.length,
      image.vector(op.weight),
      image.vector(op.bias),
      op.act === 'silu' ? SILU : IDENTITY,
    );
  },
};

export const shift: RuntimeKind<'shift'> = {
  stateWords: (op) => op.in.features,
  compile(op, image) {
    const { features } = op.in;
    const share: Share = `features ${features}`;
    image.touch([[op.in, share]], [[op.out, share]]);
    const places = [...image.buffer(op.in), ...image.buffer(op.out)];
    image.emit(OP_SHIFT, ...places, image.state(op.state), features);
  },
};

/** Heads go to workers in runs, all rows of a head to one worker: it reads what others have written. */
function touchHeads(image: Image, reads: readonly (Value | null)[], out: Value): void {
  const present = reads.filter((value) => value !== null);
  image.touch(
    present.map((value) => [value, 'all']),
    [[out, 'all']],
  );
}

const placeOf = (value: Value | null, image: Image): [number, number] =>
  value ? image.buffer(value) : [0, 0];

export const scan: RuntimeKind<'scan'> = {
  stateWords: ({ heads, headDim, stateSize }) => heads * headDim * stateSize,
  compile(op, image) {
    const { heads, headDim, stateSize, groups } = op;
    const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
    const values = [op.x, op.dt, op.b, op.c];
    touchHeads(image, values, op.out);
    image.emit(
      OP_SCAN,
      ...[...values, op.out].flatMap((value) => image.buffer(value)),
      image.state(op.state),
      ...[heads, headDim, stateSize, groups],
      image.vector(op.a),
      sizeOf(op.a.shape) === heads ? 0 : 1,
      image.vector(op.d),
      op.d && sizeOf(op.d.shape) > heads ? 1 : 0,
    );
  },
};

export const linearAttention: RuntimeKind<'linearAttention'> = {
  /** The gates of a head. */
  scratch: ({ keyDim }) => 4 * keyDim,
  stateWords: ({ heads, keyDim, valueDim }) => heads * keyDim * valueDim,
  compile(op, image) {
    const { heads, keyHeads, keyDim, valueDim, decay } = op;
    const isConstant = !('id' in decay);
    const decays = isConstant ? decay.length : decay.features;
    touchHeads(image, [op.q, op.k, op.v, isConstant ? null : decay, op.beta], op.out);
    image.emit(
      OP_LINEAR_ATTENTION,
      ...[op.q, op.k, op.v].flatMap((value) => image.buffer(value)),
      ...(isConstant ? [image.table(decay.map(floatBits)), 0] : image.buffer(decay)),
      ...placeOf(op.beta, image),
      ...image.buffer(op.out),
      image.state(op.state),
      ...[heads, keyHeads, keyDim, valueDim],
      decays === heads ? 0 : 1,
      op.isDelta ? 1 : 0,
      floatBits(op.scale),
    );
  },
};

export const wkv: RuntimeKind<'wkv'> = {
  stateWords: ({ heads, out }) => out.features ** 2 / heads,
  compile(op, image) {
    touchHeads(image, [op.r, op.w, op.k, op.v, op.a, op.b], op.out);
    image.emit(
      OP_WKV,
      ...[op.r, op.w, op.k, op.v, op.a, op.b].flatMap((value) => placeOf(value, image)),
      ...image.buffer(op.out),
      image.state(op.state),
      op.heads,
      op.out.features / op.heads,
      image.vector(op.bonus),
    );
  },
};
