/** Ollama's `POST /api/embed`, and `/api/embeddings` as it was before it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { EmbedOptions } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { vectorAnswer } from '../embeddings/answer.js';
import { askerOf } from '../embeddings/asker.js';
import { clientSignal, parseBody } from '../http.js';
import { isText, list } from '../list.js';
import { type Embedded, embed, mostInputs } from '../road/embed.js';
import { useOllamaModel, type Wanted } from './use.js';

const texts = z.union(
  [z.string(), list(z.string(), { most: mostInputs, quick: isText })],
  'expected a text or a list of texts',
);
const shared = {
  model: z.string(),
  truncate: z.boolean().nullish(),
  keep_alive: z.union([z.number(), z.string()]).nullish(),
} as const;
const embedBody = z.object({ ...shared, input: texts.nullish(), dimensions: z.int().min(0).nullish() });
const embeddingsBody = z.object({ ...shared, prompt: z.string().nullish() });

/** Ollama's clients count nanoseconds. */
const nanoseconds = (ms: number): number => Math.round(ms * 1e6);

export function registerOllamaEmbed(scope: FastifyInstance, all: ServerContext): void {
  const run = async (
    request: FastifyRequest,
    reply: FastifyReply,
    wanted: Wanted,
    inputs: readonly string[],
    options: EmbedOptions,
    param: string,
  ): Promise<Embedded & { readonly loadMs: number }> => {
    const { context, loadMs } = await useOllamaModel(all, request, reply, wanted);
    // Nothing to embed loads the model.
    if (inputs.length === 0) return { embeddings: [], promptTokens: 0, loadMs };
    const asked = { ...askerOf(request), inputs, options, param };
    return { ...(await embed(context, asked, clientSignal(request, reply))), loadMs };
  };
  scope.post('/api/embed', async (request, reply) => {
    const body = parseBody(embedBody, request.body);
    const { model, input, truncate, dimensions } = body;
    const startMs = performance.now();
    const inputs = (typeof input === 'string' ? [input] : (input ?? [])).filter((text) => text !== '');
    const options = { truncate: truncate ?? true, ...(dimensions ? { dimensions } : {}) };
    const { embeddings, promptTokens, loadMs } = await run(request, reply, body, inputs, options, 'input');
    const others = {
      model,
      total_duration: nanoseconds(performance.now() - startMs),
      load_duration: nanoseconds(loadMs),
      prompt_eval_count: promptTokens,
    };
    return vectorAnswer(all, request, reply, {
      vectors: embeddings,
      write: (vector) => Array.from(vector),
      around: { name: 'embeddings', others },
    });
  });
  scope.post('/api/embeddings', async (request, reply) => {
    const body = parseBody(embeddingsBody, request.body);
    const { prompt, truncate } = body;
    // As it was: not normalised.
    const options = { truncate: truncate ?? true, normalize: false };
    const inputs = prompt == null || prompt === '' ? [] : [prompt];
    const { embeddings } = await run(request, reply, body, inputs, options, 'prompt');
    return { embedding: Array.from(embeddings[0] ?? []) };
  });
}
