/** `POST /v1/rerank`: documents in the order of how well they fit a query, by a model that ranks or by their vectors. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { joined, said } from '../../formats/jinja/text.js';
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import { clientSignal, parseBody } from '../http.js';
import { list } from '../list.js';
import { useModel } from '../models/use.js';
import { requireRoom } from '../road/complete.js';
import { embed, mostInputs } from '../road/embed.js';
import { askerOf } from './asker.js';

const document = z.union([z.string(), z.object({ text: z.string() })], 'expected a text');
const documents = list(document, { least: 1, most: mostInputs - 1 });

const rerankBody = z.object({
  model: z.string().nullish(),
  query: z.string().min(1),
  documents: documents.nullish(),
  /** As text-embeddings-inference calls them; its answers are a list. */
  texts: documents.nullish(),
  top_n: z.int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
  return_text: z.boolean().nullish(),
});

export function registerRerank(app: FastifyInstance, all: ServerContext): void {
  for (const path of ['/v1/rerank', '/rerank', '/v1/reranking', '/reranking'])
    app.post(path, async (request, reply) => {
      const body = parseBody(rerankBody, request.body);
      const { context, model } = await useModel(all, request, reply, body.model);
      const param = body.documents == null ? 'texts' : 'documents';
      const given = body.documents ?? body.texts;
      if (given == null) throw badRequest('Give the documents to be ranked.', 'documents');
      const texts = given.map((one) => (typeof one === 'string' ? one : one.text));
      const empty = texts.indexOf('');
      if (empty >= 0)
        throw badRequest(`${param}[${empty}]: expected a text that is not empty`, `${param}[${empty}]`);
      const engine = context.host.require();
      const { isRanker } = engine.info.embedding;
      const asker = askerOf(request);
      const signal = clientSignal(request, reply);
      const { query } = body;
      if (isRanker) requirePairs(query, texts, context.limits.bodyBytes);
      const inputs = isRanker ? (turn: EncodeTurn) => pairs(engine, query, texts, turn) : [query, ...texts];
      const asked = { ...asker, inputs, options: { normalize: !isRanker }, param };
      const { embeddings, promptTokens } = await embed(context, asked, signal);
      const scores = isRanker ? embeddings.map(classified) : similarities(embeddings);
      const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
      const best = order.slice(0, body.top_n ?? order.length);
      if (body.texts != null && body.documents == null) {
        const withText = body.return_text === true;
        return best.map((index) => ({
          index,
          score: scores[index],
          ...(withText && { text: texts[index] }),
        }));
      }
      return {
        model,
        object: 'list',
        usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
        results: best.map((index) => ({
          index,
          relevance_score: scores[index],
          ...(body.return_documents === true && { document: { text: texts[index] } }),
        })),
      };
    });
}

/** Throws an ApiError where the query beside each text comes to more than a body may have. */
function requirePairs(query: string, texts: readonly string[], most: number): void {
  const length = texts.reduce((sum, text) => sum + query.length + text.length, 0);
  if (length > most)
    throw badRequest(
      `query: beside each of ${texts.length} documents it comes to ${length} characters, at most ${most}: send fewer documents, or a shorter query`,
      'query',
    );
}

/** Query and each document as one input, in the model's own form, else both ended as the model ends a text. Rejects where they are too long. */
async function pairs(
  engine: Engine,
  query: string,
  texts: readonly string[],
  turn: EncodeTurn,
): Promise<(readonly number[])[]> {
  const { bosId, rankTemplate } = engine.tokenizer;
  for (const text of texts) requireRoom(engine, { kind: 'infill', prefix: query, suffix: text });
  const inputs: (readonly number[])[] = [];
  if (rankTemplate !== null) {
    for (const text of texts) {
      const parts = rankTemplate
        .split(/(\{query\}|\{document\})/)
        .map((part) => (part === '{query}' ? said(query) : part === '{document}' ? said(text) : part));
      inputs.push(await engine.encode(joined(parts), { ...turn, special: true, bos: false }));
    }
    return inputs;
  }
  const first = await engine.encode(query, turn);
  for (const text of texts) {
    const second = await engine.encode(text, turn);
    inputs.push([...first, ...(second[0] === bosId ? second.slice(1) : second)]);
  }
  return inputs;
}

/** Between 0 and 1: of one number by the logistic function, of several the first's share among them. */
function classified(logits: Float32Array): number {
  const [first, ...others] = logits;
  if (others.length === 0) return 1 / (1 + Math.exp(-first!));
  return 1 / others.reduce((sum, other) => sum + Math.exp(other - first!), 1);
}

/** Of vectors of length 1: the cosine of each with the first. */
function similarities([query, ...others]: readonly Float32Array[]): number[] {
  return others.map((vector) => vector.reduce((sum, value, i) => sum + value * query![i]!, 0));
}
