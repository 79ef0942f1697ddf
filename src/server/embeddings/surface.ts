/** OpenAI's `POST /v1/embeddings` and llama.cpp's own `POST /embedding` and `/embeddings`. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import { clientSignal, parseBody } from '../http.js';
import { useModel } from '../models/use.js';
import { embed } from '../road/embed.js';
import { vectorAnswer } from './answer.js';
import { askerOf } from './asker.js';
import { embeddingInput, inputsOf } from './inputs.js';
import { registerRerank } from './rerank.js';
import { normalised, written } from './vectors.js';

const embeddingsBody = z.object({
  model: z.string().nullish(),
  input: embeddingInput,
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
  user: z.string().nullish(),
});

const nativeBody = z.object({
  model: z.string().nullish(),
  content: embeddingInput.nullish(),
  input: embeddingInput.nullish(),
  embd_normalize: z.number().nullish(),
});

export function registerEmbeddings(app: FastifyInstance, all: ServerContext): void {
  app.post('/v1/embeddings', async (request, reply) => {
    const body = parseBody(embeddingsBody, request.body);
    const { context, model } = await useModel(all, request, reply, body.model);
    const options = body.dimensions == null ? {} : { dimensions: body.dimensions };
    const inputs = inputsOf(body.input, 'input');
    const asked = { ...askerOf(request), inputs, options, param: 'input' };
    const { embeddings, promptTokens } = await embed(context, asked, clientSignal(request, reply));
    const form = body.encoding_format ?? 'float';
    const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
    return vectorAnswer(context, request, reply, {
      vectors: embeddings,
      write: (vector, index) => ({ object: 'embedding', index, embedding: written(vector, form) }),
      around: { name: 'data', others: { object: 'list', model, usage } },
    });
  });
  for (const path of ['/embedding', '/embeddings'])
    app.post(path, async (request, reply) => {
      const body = parseBody(nativeBody, request.body);
      const { context } = await useModel(all, request, reply, body.model);
      const param = body.content == null ? 'input' : 'content';
      const given = body.content ?? body.input;
      if (given == null) throw badRequest('Give the texts to embed as content.', 'content');
      const asked = {
        ...askerOf(request),
        inputs: inputsOf(given, param),
        options: { normalize: false },
        param,
      };
      const { embeddings } = await embed(context, asked, clientSignal(request, reply));
      const p = body.embd_normalize ?? 2;
      return vectorAnswer(context, request, reply, {
        vectors: embeddings,
        write: (vector, index) => ({ index, embedding: [normalised(vector, p)] }),
        around: null,
      });
    });
  registerRerank(app, all);
}
