/** Answers with vectors: many of them are written one after the other, since all at once would hold up everybody. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerContext } from '../context.js';
import { inPieces } from '../slices.js';

/** Numbers that are written at once: some ten milliseconds. */
const quickNumbers = 65_536;

export interface VectorAnswer {
  readonly vectors: readonly Float32Array[];
  /** How one of them is written. */
  readonly write: (vector: Float32Array, index: number) => unknown;
  /** The field of the list, and the others; null for a list alone. */
  readonly around: { readonly name: string; readonly others: object } | null;
}

/** What a route returns to answer so. Throws an ApiError with status 503 where there is no room for it. */
export function vectorAnswer(
  { limits }: ServerContext,
  { holding }: FastifyRequest,
  reply: FastifyReply,
  answer: VectorAnswer,
): unknown {
  const { vectors, write, around } = answer;
  const numbers = vectors.reduce((sum, { length }) => sum + length, 0);
  holding.resize(holding.bytes + 4 * numbers);
  if (numbers > quickNumbers)
    return reply
      .type('application/json; charset=utf-8')
      .send(inPieces(piecesOf(answer), reply.raw, limits.stallMs));
  const list = vectors.map(write);
  return around === null ? list : { [around.name]: list, ...around.others };
}

/** The same JSON. */
function* piecesOf({ vectors, write, around }: VectorAnswer): Generator<string, void, void> {
  yield around === null ? '[' : `{${JSON.stringify(around.name)}:[`;
  for (const [index, vector] of vectors.entries())
    yield `${index > 0 ? ',' : ''}${JSON.stringify(write(vector, index))}`;
  const others = around === null ? '' : JSON.stringify(around.others).slice(1, -1);
  yield around === null ? ']' : `]${others === '' ? '' : ','}${others}}`;
}
