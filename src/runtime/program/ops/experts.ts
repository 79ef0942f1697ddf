/** Ops of a mixture of experts: the choice, products with the chosen's matrices, their sum; and a matrix per head. */
import { scratchBytes } from '../../../../kernels/expert-linear/spec.js';
import { OP_EXPERT_LINEAR, OP_MIX, OP_ROUTE } from '../../../../kernels/program/instructions.js';
import { quantizedBytes } from '../../../../kernels/quantize/spec.js';
import {
  CHOOSE_BY_LOGITS,
  CHOOSE_BY_SCORES,
  SIGMOID,
  SOFTMAX,
  SOFTMAX_OF_CHOSEN,
  SQRT_SOFTPLUS,
} from '../../../../kernels/route/numbers.js';
import { scratchBytes as routeScratch } from '../../../../kernels/route/spec.js';
import { expertRowsOf } from '../../../../models/graph.js';
import type { OpOf, Value, WeightRef } from '../../../../models/op.js';
import { tensorType } from '../../../formats/tensor-types.js';
import type { Reduce, Split } from '../../../placement/plan.js';
import { floatBits, type Image } from '../image.js';
import type { RuntimeKind } from './kind.js';

const SCORING = {
  softmax: SOFTMAX,
  sigmoid: SIGMOID,
  softmaxOfChosen: SOFTMAX_OF_CHOSEN,
  sqrtSoftplus: SQRT_SOFTPLUS,
} as const satisfies Record<OpOf<'route'>['scoring'], number>;

export const route: RuntimeKind<'route'> = {
  scratch: ({ experts, groups }) => routeScratch(experts, groups?.count ?? 0),
  compile(op, image) {
    image.touch([[op.in, 'all']], [[op.out, 'tokens']]);
    image.emit(
      OP_ROUTE,
      ...image.buffer(op.in),
      op.experts,
      op.top,
      SCORING[op.scoring],
      op.chooseBy === 'logits' ? CHOOSE_BY_LOGITS : CHOOSE_BY_SCORES,
      image.vector(op.bias),
      op.groups?.count ?? 0,
      op.groups?.used ?? 0,
      op.isNormalised ? 1 : 0,
      floatBits(op.times),
      ...image.buffer(op.out),
      image.rows(op.out),
    );
  },
};

/** Products with some of the matrices of a stack; `chosen`: address and bytes between tokens. */
interface Stacked {
  readonly in: Value;
  readonly isInputPerMatrix: boolean;
  readonly weight: WeightRef;
  readonly bias: WeightRef | null;
  readonly top: number;
  readonly chosen: readonly [number, number];
  readonly isWeighed: boolean;
  readonly reduce: Reduce;
  readonly columns: Split;
  readonly out: Value;
}

function emitStacked(op: Stacked, input: readonly [number, number], image: Image): void {
  const { info, address, stride, matrices, rows, columns } = image.weight(op.weight);
  image.touch([], [[op.out, 'all']]);
  image.emit(
    OP_EXPERT_LINEAR,
    tensorType(info.type).id,
    address,
    stride,
    matrices,
    rows,
    columns,
    ...input,
    op.isInputPerMatrix ? 1 : 0,
    ...op.chosen,
    op.top,
    ...image.buffer(op.out),
    image.vector(op.bias),
    op.isWeighed ? 1 : 0,
    image.folds(op.reduce, op.columns, tensorType(info.type).blockElements),
    image.rows(op.out),
  );
}

function stackedScratch(weight: WeightRef, top: number, count: number, parts: number): number {
  const [matrices, rows, columns] = [weight.shape[0]!, expertRowsOf(weight), weight.shape[2]!];
  const xBytes = Math.max(columns * 4, quantizedBytes({ columns }));
  return scratchBytes({ matrices, rows, columns, count, top }, xBytes) + 32 * parts;
}

export const expertLinear: RuntimeKind<'expertLinear'> = {
  scratch: ({ weights, top, reduce }, rows) =>
    Math.max(...weights.map((weight) => stackedScratch(weight, top, rows, reduce.parts))),
  compile(op, image) {
    const input = image.input(op.in, op.weights, op.isInputPerExpert ? op.top : 1);
    image.touch([[op.chosen, 'all']], []);
    for (const [i, weight] of op.weights.entries()) {
      const { top, isInputPerExpert: isInputPerMatrix, isWeighedBefore: isWeighed } = op;
      const own = { weight, bias: op.biases[i]!, out: op.outs[i]!, chosen: image.buffer(op.chosen) };
      emitStacked({ ...op, ...own, top, isInputPerMatrix, isWeighed }, input, image);
    }
  },
};

export const headLinear: RuntimeKind<'headLinear'> = {
  scratch: ({ weight, heads, reduce }, rows) => stackedScratch(weight, heads, rows, reduce.parts),
  compile(op, image) {
    const { heads } = op;
    const input = image.input(op.in, [op.weight], heads);
    const chosen = [image.table(Array.from({ length: heads }, (_, head) => floatBits(head))), 0] as const;
    const facts = { bias: null, top: heads, chosen, isInputPerMatrix: true, isWeighed: false };
    emitStacked({ ...op, ...facts }, input, image);
  },
};

export const mix: RuntimeKind<'mix'> = {
  compile(op, image) {
    const n = op.out.features;
    image.touch(
      [[op.in, 'all'], ...(op.weights ? [[op.weights, 'all'] as const] : [])],
      [[op.out, `features ${n}`]],
    );
    const [address, stride] = op.weights ? image.buffer(op.weights) : [0, 0];
    const weights = op.weights ? [address + 4 * op.first, stride] : [0, 0];
    const facts = [op.top, ...image.buffer(op.out), n, image.rows(op.out)];
    image.emit(OP_MIX, ...image.buffer(op.in), ...weights, ...facts);
  },
};
