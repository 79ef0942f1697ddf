/** The programs of a model: what answers, what makes the rows of an embedding, and what a pooled vector goes through. */
import { embeddingParts } from '../../../models/embedding.js';
import type { PlacedOp, Plan } from '../../placement/plan.js';
import type { PutWords } from './image.js';
import type { Layout } from './layout.js';
import { compileImage } from './ops/index.js';

/** Rows of f32 in the engine's memory, as a program finds or leaves them. */
export interface PlacedRows {
  readonly address: number;
  readonly stride: number;
  readonly features: number;
}

/** What turns inputs into vectors. */
export interface EmbeddingProgram {
  readonly image: number;
  readonly rows: PlacedRows;
  /** From a pooled vector to the result; null where it is the result. */
  readonly tail: { readonly image: number; readonly in: PlacedRows; readonly out: PlacedRows } | null;
}

export interface Images {
  /** 0 for a model without logits. */
  readonly answers: number;
  readonly embeddings: EmbeddingProgram;
}

/** Compiles all of them; images and tables go through `put`. */
export function compileImages(plan: Plan, layout: Layout, put: PutWords): Images {
  const { body, rows, tail, pooled, out } = embeddingParts(plan.ops);
  // The rows go where nothing else does, since an answer's norm may leave them to the product behind it alone.
  const own = body.map(
    (op): PlacedOp => ('out' in op && op.out.id === rows.id ? { ...op, out: layout.rows } : op),
  );
  const placed = (id: number, features: number): PlacedRows => ({
    ...layout.buffers[layout.bufferOf[id]!]!,
    features,
  });
  return {
    answers: layout.logits === null ? 0 : put(compileImage(plan, layout, put)),
    embeddings: {
      image: put(compileImage(plan, layout, put, own)),
      rows: placed(layout.rows.id, rows.features),
      tail:
        tail.length === 0
          ? null
          : {
              image: put(compileImage(plan, layout, put, tail)),
              in: placed(pooled.id, pooled.features),
              out: placed(out.id, out.features),
            },
    },
  };
}
