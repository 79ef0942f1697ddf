/** Ops of hyper-connections. */
import { OP_WEIGH_STREAMS, OP_WRITE_STREAMS } from '../../../../kernels/program/instructions.js';
import { floatBits } from '../image.js';
import type { RuntimeKind } from './kind.js';

export const weighStreams: RuntimeKind<'weighStreams'> = {
  compile(op, image) {
    image.touch([[op.in, 'all']], [[op.out, 'tokens']]);
    image.emit(
      OP_WEIGH_STREAMS,
      ...image.buffer(op.in),
      op.in.features,
      op.streams,
      op.isSoftmax ? 1 : 0,
      image.vector(op.scale),
      image.vector(op.base),
      floatBits(op.eps),
      floatBits(op.magnitude),
      floatBits(op.writeEps),
      ...image.buffer(op.out),
      image.rows(op.out),
      op.iterations,
    );
  },
};

export const writeStreams: RuntimeKind<'writeStreams'> = {
  compile(op, image) {
    image.touch(
      [
        [op.in, 'all'],
        [op.from, `features ${op.from.features}`],
        [op.weights, 'all'],
      ],
      [[op.out, 'all']],
    );
    image.emit(
      OP_WRITE_STREAMS,
      ...[op.in, op.from, op.weights, op.out].flatMap((value) => image.buffer(value)),
      op.streams,
      op.from.features,
      op.weights.features > 2 * op.streams ? 1 : 0,
      image.rows(op.out),
    );
  },
};
