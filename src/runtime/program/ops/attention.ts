/** Attention: k and v into the cache, then every head over its page. */
import {
  FACT_ALIBI,
  FACT_CAP,
  FACT_SINKS,
  FACT_TEMPERATURE_LENGTH,
  FACT_TEMPERATURE_OFFSET,
  FACT_TEMPERATURE_SCALE,
  FACT_VALUES_IN_KEYS,
  FACT_WINDOW,
  FACT_WINDOW_SIZE,
  FACT_WORDS,
  WINDOW_CHUNKED,
  WINDOW_SLIDING,
  WINDOW_SYMMETRIC,
} from '../../../../kernels/attention/words.js';
import { ATTENTION_RUN, OP_APPEND, OP_ATTENTION } from '../../../../kernels/program/instructions.js';
import { alibiSlopes } from '../../../../models/alibi.js';
import type { PlacedOf } from '../../../placement/plan.js';
import { floatBits, type Image } from '../image.js';
import type { RuntimeKind } from './kind.js';

/** As in kernels/kv. */
const pagePositions = 32;

export const attention: RuntimeKind<'attention'> = {
  /** As kernels/attention needs: for one query over the tiles of a page as f32, and for a run of queries. */
  scratch({ headDim, valueDim, reduce }) {
    const vectors = Math.ceil(valueDim / 4) + 1;
    const widePage = pagePositions * (headDim + valueDim + 6) * 4;
    const query = 16 * (vectors + 3) + 2 * (headDim + 3);
    return Math.max(272 + 16 * vectors * reduce.parts + widePage, 1536 + ATTENTION_RUN * query);
  },
  compile(op, image) {
    const { kvHeads, headDim, valueDim } = op;
    const pages = image.layout.caches[op.cache]!;
    const cache = `cache ${op.cache}`;
    if (op.k) {
      const share = `heads ${kvHeads}` as const;
      const stored = op.v ? [op.k, op.v] : [op.k];
      image.touch(
        stored.map((value) => [value, share] as const),
        [[cache, share]],
      );
      const values = op.v ? image.buffer(op.v) : [0, 0];
      const sizes = [kvHeads, headDim, op.v ? valueDim : 0];
      image.emit(OP_APPEND, ...image.buffer(op.k), ...values, pages, ...sizes);
    }
    image.touch(
      [
        [op.q, 'runs'],
        [cache, 'runs'],
      ],
      [[op.out, 'runs']],
    );
    image.emit(
      OP_ATTENTION,
      ...image.buffer(op.q),
      ...image.buffer(op.out),
      pages,
      image.folds(op.reduce, null, 1),
      op.heads,
      kvHeads,
      headDim,
      valueDim,
      floatBits(op.scale),
      factsOf(op, image),
      op.causal ? 1 : 0,
    );
  },
};

/** The address of what shapes the scores beside q.k (kernels/attention/facts.ts); 0 for nothing. */
function factsOf(op: PlacedOf<'attention'>, image: Image): number {
  const { window, softcap, sinks, alibi, temperature } = op;
  const isInKeys = op.k !== null && op.v === null;
  if (!window && !softcap && !sinks && !alibi && !temperature && !isInKeys) return 0;
  const facts = new Array<number>(FACT_WORDS).fill(0);
  if (window) {
    facts[FACT_WINDOW] = { sliding: WINDOW_SLIDING, chunked: WINDOW_CHUNKED, symmetric: WINDOW_SYMMETRIC }[
      window.kind
    ];
    facts[FACT_WINDOW_SIZE] = window.size;
  }
  facts[FACT_CAP] = floatBits(softcap ?? 0);
  facts[FACT_SINKS] = image.vector(sinks);
  if (alibi) facts[FACT_ALIBI] = image.table(alibiSlopes(op.heads, alibi).map(floatBits));
  facts[FACT_TEMPERATURE_LENGTH] = temperature?.length ?? 0;
  facts[FACT_TEMPERATURE_SCALE] = floatBits(temperature?.scale ?? 0);
  facts[FACT_TEMPERATURE_OFFSET] = floatBits(temperature?.offset ?? 0);
  facts[FACT_VALUES_IN_KEYS] = isInKeys ? 1 : 0;
  return image.table(facts);
}
