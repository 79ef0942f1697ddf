/** Ops with matrices: embeddings and products. */
import { scratchBytes } from '../../../../kernels/matmul/spec.js';
import {
  INDEX_ADAPTER,
  INDEX_CONSTANT,
  INDEX_POSITION,
  INDEX_TOKEN,
  OP_EMBEDDING,
  OP_MATMUL,
} from '../../../../kernels/program/instructions.js';
import { tensorType } from '../../../formats/tensor-types.js';
import { floatBits } from '../image.js';
import type { RuntimeKind } from './kind.js';

const INDICES = { token: INDEX_TOKEN, position: INDEX_POSITION, adapter: INDEX_ADAPTER } as const;

export const embedding: RuntimeKind<'embedding'> = {
  compile(op, image) {
    const { info, address, columns } = image.weight(op.weight);
    const isConstant = typeof op.index === 'number';
    const index = isConstant ? INDEX_CONSTANT : INDICES[op.index as keyof typeof INDICES];
    const constant = isConstant ? op.index : 0;
    image.touch([], [[op.out, 'tokens']]);
    const row = [index, constant, floatBits(op.scale)];
    image.emit(OP_EMBEDDING, address, tensorType(info.type).id, columns, ...image.buffer(op.out), ...row);
  },
};

export const linear: RuntimeKind<'linear'> = {
  scratch: ({ in: { features }, reduce }, rows) => Math.max(scratchBytes(features, rows), 32 * reduce.parts),
  compile(op, image) {
    const input = image.input(op.in, op.weights);
    for (const [i, ref] of op.weights.entries()) {
      const { info, address, rows, columns } = image.weight(ref);
      const out = op.outs[i]!;
      image.touch([], [[out, `features ${out.features}`]]);
      image.emit(
        OP_MATMUL,
        tensorType(info.type).id,
        address,
        rows,
        columns,
        ...input,
        ...image.buffer(out),
        image.folds(op.reduce, op.columns, tensorType(info.type).blockElements),
        image.rows(out),
        image.vector(op.biases[i]!),
      );
    }
  },
};
